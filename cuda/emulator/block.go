package emulator

import (
	"fmt"
	"math/bits"
)

// block runs the thread blocks of a launch, one after the other, on one
// goroutine of the host.
type block struct {
	device  *Device
	prog    *program
	grid    Dim3
	dim     Dim3
	threads int
	dynamic int
	params  []byte
	checked bool
	counts  Launch
	launch  uint64  // its number
	order   *order  // of the launch's blocks; nil: see launch
	runs    []int64 // of each instruction: straight runs begun there less those ended before it

	number   int64
	id       Dim3
	warps    []*warp
	shared   []byte
	barriers [16]barrier

	cells []cell
	clock uint32 // grows at every event that orders memory accesses
	start uint32 // the clock when this block began

	fenced   bool   // since the block began
	acquired uint64 // the time of order's clock up to which the block knows what others published
}

// barrier is one of a block's 16 barriers.
type barrier struct {
	arrived  uint32 // warps
	waiting  uint32 // those of them that wait
	threads  int    // arrived, in whole warps
	expected int    // threads, 0 for all
	reduce   uint32 // of bar.red: count, or conjunction and disjunction
	all, any bool
	released [32]uint32 // of each arrived warp: the stamp up to which it is ordered
}

// prepare sets the block up for a launch.
func (b *block) prepare(l *launch) {
	prog := l.f.prog
	n := (l.dim.count() + 31) / 32
	b.device, b.prog, b.grid, b.dim, b.params = l.device, prog, l.grid, l.dim, l.params
	b.threads, b.dynamic, b.checked = l.dim.count(), l.dynamic, !l.device.cfg.Unchecked
	b.launch, b.order = l.number, l.order
	b.counts = Launch{}
	if b.runs == nil {
		b.runs = make([]int64, len(prog.code)+1)
	}
	clear(b.runs)
	size := int(prog.shared) + l.dynamic
	if cap(b.shared) < size {
		b.shared = make([]byte, size)
	}
	b.shared = b.shared[:size]
	if cells := (size + prog.granule - 1) / prog.granule; b.checked && cap(b.cells) < cells {
		b.cells = make([]cell, cells)
	} else if b.checked {
		b.cells = b.cells[:cells]
	}
	for len(b.warps) < n {
		b.warps = append(b.warps, newWarp(b, len(b.warps)))
	}
	b.warps = b.warps[:n]
	for _, w := range b.warps {
		for _, u := range prog.special {
			w.setSpecial(u)
		}
		w.regions = [8]*region{}
		w.flight.now = 0
	}
}

// count notes that a warp has executed the instructions from first up to stop.
func (b *block) count(first, stop int32) {
	b.runs[first]++
	b.runs[stop]--
}

// total is what the blocks run so far have counted.
func (b *block) total() *Launch {
	n := int64(0)
	for i := range b.prog.code {
		n += b.runs[i]
		b.counts.Instructions[b.prog.code[i].class] += n
	}
	for _, w := range b.warps {
		b.counts.RoundTrips += w.flight.now
		w.flight.now = 0
	}
	return &b.counts
}

func newWarp(b *block, index int) *warp {
	p := b.prog
	return &warp{prog: p, block: b, index: index, counts: &b.counts,
		r32: make([]col32, p.n32), r64: make([]col64, p.n64), p: make([]uint32, p.npred), defined: make([]uint32, p.nreg),
		local: make([]byte, 32*p.localBytes), localOK: make([]bool, 32*p.localBytes), knows: make([]uint32, 32)}
}

func (w *warp) setSpecial(u specialUse) {
	v := w.initialSpecial(u.kind)
	if u.wide {
		w.r64[u.col] = v
		return
	}
	for i := range v {
		w.r32[u.col][i] = uint32(v[i])
	}
}

// reset starts the warp of a new block.
func (w *warp) reset() {
	clear(w.defined)
	clear(w.localOK)
	for _, u := range w.prog.special {
		switch u.kind {
		case spCtaidX, spCtaidY, spCtaidZ, spSM:
			w.setSpecial(u)
		}
		w.defined[u.id] = fullMask
	}
	w.live = fullMask
	if last := w.block.threads - w.index*32; last < 32 {
		w.live = 1<<last - 1
	}
	w.pc, w.mask, w.others = 0, w.live, w.others[:0]
	w.state, w.err, w.steps, w.carry = stateReady, nil, 0, 0
	w.async.reset()
	if w.traffic = w.block.device.cfg.Traffic; w.traffic {
		w.counts.RoundTrips += w.flight.now
		w.flight.reset(w.prog.nreg)
	}
	for i := range w.knows {
		w.knows[i] = w.block.start
	}
	for i := range w.synced {
		w.synced[i] = w.block.start
	}
	w.safe = w.block.start
	w.stored = 0
}

func (b *block) threadOf(n int) Dim3 {
	return Dim3{n % b.dim.X, n / b.dim.X % b.dim.Y, n / (b.dim.X * b.dim.Y)}
}

// place is where in the grid a block stands.
func (b *block) place(number int64) Dim3 {
	x, y := int64(b.grid.X), int64(b.grid.Y)
	return Dim3{int(number % x), int(number / x % y), int(number / (x * y))}
}

// run executes one thread block.
func (b *block) run(number int64) error {
	b.number = number
	b.id = b.place(number)
	b.fenced, b.acquired = false, 0
	if b.clock > 1<<31 {
		clear(b.cells[:cap(b.cells)])
		b.clock = 0
	}
	b.clock++
	b.start = b.clock
	b.barriers = [16]barrier{}
	for _, w := range b.warps {
		w.reset()
	}
	for {
		ran, left := false, false
		for _, w := range b.warps {
			if w.state == stateReady {
				ran = true
				w.run()
				if w.err != nil {
					return w.err
				}
				if w.state == stateDone {
					b.ended(w)
				}
			}
			left = left || w.state != stateDone
		}
		if !left {
			return nil
		}
		if !ran {
			return b.deadlock()
		}
	}
}

// deadlock reports that every warp waits.
func (b *block) deadlock() error {
	var first *warp
	where := ""
	for _, w := range b.warps {
		if w.state != stateWaiting {
			continue
		}
		if first == nil {
			first = w
			continue
		}
		if at := b.prog.code[w.pc-1].line; at != b.prog.code[first.pc-1].line && len(where) < 200 {
			where += fmt.Sprintf("; warp %d waits at line %d", w.index, at)
		}
	}
	first.now = first.pc - 1
	first.fault(Deadlock, bits.TrailingZeros32(first.live), 0, "every warp waits: warp %d here%s", first.index, where)
	return first.err
}

// ended takes a finished warp out of the barriers that wait for all.
func (b *block) ended(*warp) {
	for i := range b.barriers {
		b.complete(i)
	}
}

// arrive brings a warp to a barrier.
func (b *block) arrive(w *warp, in *inst) {
	op := in.sync
	lane := bits.TrailingZeros32(w.live)
	id := w.s32(in.a)[lane]
	if id > 15 {
		w.fault(DivergentBarrier, lane, 0, "barrier %d: there are 16", id)
		return
	}
	bar := &b.barriers[id]
	expected := 0
	if op.counted {
		expected = int(w.s32(in.b)[lane])
		if expected == 0 || expected%32 != 0 || expected > (b.threads+31)/32*32 {
			w.fault(DivergentBarrier, lane, 0, "barrier %d for %d threads of %d", id, expected, b.threads)
			return
		}
	}
	if bar.arrived != 0 && bar.expected != expected {
		w.fault(DivergentBarrier, lane, 0, "barrier %d for %d threads, other warps named %d", id, expected, bar.expected)
		return
	}
	if bar.arrived>>w.index&1 != 0 {
		w.fault(DivergentBarrier, lane, 0, "warp %d arrives at barrier %d a second time before it is complete", w.index, id)
		return
	}
	if bar.arrived == 0 {
		bar.reduce, bar.all, bar.any = 0, true, false
	}
	bar.expected = expected
	bar.arrived |= 1 << w.index
	bar.threads += 32
	bar.released[w.index] = b.clock + 1
	b.clock++
	if op.reduce != "" {
		p := w.predOf(in.c, in.negate) & w.live
		bar.reduce += uint32(bits.OnesCount32(p))
		bar.all = bar.all && p == w.live
		bar.any = bar.any || p != 0
	}
	if !op.arriveOnly {
		bar.waiting |= 1 << w.index
		w.state = stateWaiting
	}
	b.complete(int(id))
}

// complete opens a barrier when all that it waits for are there.
func (b *block) complete(id int) {
	bar := &b.barriers[id]
	if bar.arrived == 0 {
		return
	}
	if bar.expected > 0 && bar.threads < bar.expected {
		return
	}
	for _, w := range b.warps {
		if bar.expected == 0 && w.state != stateDone && bar.arrived>>w.index&1 == 0 {
			return
		}
	}
	if bar.arrived == bar.waiting {
		// No one has touched memory since it arrived: one stamp holds for all.
		for y := range b.warps {
			if bar.arrived>>y&1 != 0 {
				bar.released[y] = b.clock
			}
		}
	}
	for _, w := range b.warps {
		if bar.waiting>>w.index&1 == 0 {
			continue
		}
		w.state = stateReady
		w.learn(bar)
		if in := &b.prog.code[w.pc-1]; in.sync.reduce != "" {
			w.reduced(in, bar)
		}
	}
	*bar = barrier{}
}

// reduced stores the result of bar.red.
func (w *warp) reduced(in *inst, bar *barrier) {
	switch in.sync.reduce {
	case "popc":
		for l := range 32 {
			w.r32[in.d][l] = bar.reduce
		}
	case "and":
		w.setPred(in.d, w.live, -bit(bar.all))
	default:
		w.setPred(in.d, w.live, -bit(bar.any))
	}
	w.mark(in, w.live)
}
