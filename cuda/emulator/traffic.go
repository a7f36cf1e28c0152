package emulator

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// With Config.Traffic a launch also finds out what a model of a GPU's memory needs: the
// distinct sectors that it touches, which are what must come from memory once, and how many
// loads its warps have on their way at a time.

// owners says of each sector of an allocation which block of the launch has touched it.
type owners struct {
	of    []uint32 // block number + 1, or severalBlocks
	dirty atomic.Bool
}

const severalBlocks = math.MaxUint32 // touched by several blocks

// touch notes that a block touches bytes [off, off+n).
func (r *region) touch(block int64, off, n uint64) {
	o := r.owners
	if o == nil {
		return
	}
	if !o.dirty.Load() {
		o.dirty.Store(true)
	}
	me := uint32(block + 1)
	for s := off / 32; s <= (off+n-1)/32; s++ {
		p := &o.of[s]
		for {
			old := atomic.LoadUint32(p)
			next := me
			if old == me || old == severalBlocks {
				break
			}
			if old != 0 {
				next = severalBlocks
			}
			if atomic.CompareAndSwapUint32(p, old, next) {
				break
			}
		}
	}
}

// touchLanes notes the accesses of the lanes of m, which lie in the region.
func (w *warp) touchLanes(r *region, m uint32, width uint64) {
	if r.owners == nil {
		return
	}
	last := uint64(math.MaxUint64)
	for ; m != 0; m &= m - 1 {
		off := w.addr[bits.TrailingZeros32(m)&31] - r.base
		if off/32 != last || off%32+width > 32 {
			r.touch(w.block.number, off, width)
			last = off / 32
		}
	}
}

// distinct counts the sectors that a launch has touched and forgets them. Of a sample of
// blocks, sectors that one block alone touched stand for scale times as many, in an
// allocation at most for all of it.
func (m *memory) distinct(scale float64) int64 {
	total := int64(0)
	for _, r := range m.regions() {
		o := r.owners
		if o == nil || !o.dirty.Load() {
			continue
		}
		alone, together := 0, 0
		for _, v := range o.of {
			switch v {
			case 0:
			case severalBlocks:
				together++
			default:
				alone++
			}
		}
		clear(o.of)
		o.dirty.Store(false)
		total += min(int64(math.Round(float64(alone)*scale))+int64(together), int64(len(o.of)))
	}
	return total
}

// flight is the time of a warp, if every load took one round trip to memory and all else
// nothing, and a warp went on until it needs a value.
type flight struct {
	now    float64   // round trips since the warp's start
	ready  []float64 // of each register: when its value is there
	groups []float64 // of each committed group of cp.async: when it is there
	copied float64   // when the last cp.async is there
}

func (f *flight) reset(registers int) {
	if len(f.ready) < registers {
		f.ready = make([]float64, registers)
	}
	clear(f.ready)
	*f = flight{ready: f.ready, groups: f.groups[:0]}
}

func (f *flight) wait(until float64) { f.now = max(f.now, until) }

// follow is called for each instruction that a warp executes, before it runs.
func (w *warp) follow(in *inst) {
	f := &w.flight
	if in.guard >= 0 {
		f.wait(f.ready[in.guardID])
	}
	for _, r := range in.reads {
		f.wait(f.ready[r])
	}
	there := f.now
	if in.class == ClassLoadGlobal {
		there++
	}
	for _, r := range in.writes {
		f.ready[r] = there
	}
}

// committed closes a group of cp.async.
func (f *flight) committed() { f.groups = append(f.groups, f.copied) }

// waitGroups waits for all groups of cp.async but the latest.
func (f *flight) waitGroups(keep int) {
	if n := len(f.groups) - keep; n > 0 {
		f.wait(f.groups[n-1])
	}
}
