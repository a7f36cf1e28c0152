package emulator

import (
	"fmt"
	"math"
	"math/bits"
)

// warp is 32 lanes in step. Lanes that have gone different ways are fragments;
// the one with the lowest program counter runs, so they meet again where the
// text of a structured program joins.
type warp struct {
	prog    *program
	block   *block
	index   int
	r32     []col32
	r64     []col64
	p       []uint32
	defined []uint32 // of each register: the lanes that hold a value
	t32     col32
	t64     col64
	carry   uint32

	pc     int32
	mask   uint32
	limit  int32 // program counter of the next fragment
	others []fragment
	live   uint32
	state  warpState
	now    int32 // the instruction that runs
	began  int32 // the first one of the straight run it belongs to
	err    error
	steps  int64 // instructions before that run
	counts *Launch

	addr    col64
	touched col64      // scratch of sectors
	regions [8]*region // of the last global accesses, by instruction
	local   []byte
	localOK []bool
	async   asyncCopies
	flight  flight
	traffic bool

	// The order of memory accesses; see shadow.go.
	knows  []uint32 // of each warp: accesses before this stamp are ordered before ours
	synced [32]uint32
	stored uint32 // when the warp last stored to global memory
	safe   uint32
}

type fragment struct {
	pc      int32
	mask    uint32
	blocked bool // at a barrier or a warp operation, lanes missing
}

type warpState uint8

const (
	stateReady warpState = iota
	stateWaiting
	stateDone
)

// slice is the number of instructions after which a looping warp lets others run.
const slice = 1 << 16

// run executes the warp until it waits, ends, fails or has used up a slice.
func (w *warp) run() {
	end := w.steps + slice
	for w.state == stateReady && w.err == nil && w.pick() {
		if w.steps > end {
			w.park(false)
			return
		}
		w.execute(end)
	}
}

// park puts the running fragment back among the others.
func (w *warp) park(blocked bool) {
	if w.mask != 0 {
		w.others = append(w.others, fragment{w.pc, w.mask, blocked})
		w.mask = 0
	}
}

// pick takes the fragment with the lowest program counter, with all that stand
// at the same place.
func (w *warp) pick() bool {
	if w.mask != 0 && len(w.others) == 0 {
		w.limit = math.MaxInt32
		return true
	}
	w.park(false)
	at := int32(math.MaxInt32)
	for _, f := range w.others {
		if !f.blocked && f.pc < at {
			at = f.pc
		}
	}
	if at == math.MaxInt32 {
		if len(w.others) == 0 {
			w.state = stateDone
			return false
		}
		if at = w.unblocked(); at < 0 {
			w.stuck()
			return false
		}
	}
	w.pc, w.mask, w.limit = at, 0, math.MaxInt32
	kept := w.others[:0]
	for _, f := range w.others {
		if f.pc == at {
			w.mask |= f.mask
			continue
		}
		if f.pc > at {
			w.limit = min(w.limit, f.pc)
		}
		kept = append(kept, f)
	}
	w.others = kept
	return true
}

// unblocked finds a blocked fragment that may go on because the missing lanes
// have ended, or -1.
func (w *warp) unblocked() int32 {
	for _, f := range w.others {
		in := &w.prog.code[f.pc]
		need := w.live
		if in.control == ctlWarpSync {
			need &= w.s32(in.e)[bits.TrailingZeros32(f.mask)&31]
		}
		if need&^f.mask == 0 {
			return f.pc
		}
	}
	return -1
}

// stuck reports lanes that wait for each other at different places.
func (w *warp) stuck() {
	first := w.others[0]
	w.now = first.pc
	current := &w.prog.code[first.pc]
	where := ""
	for _, f := range w.others[1:] {
		where += fmt.Sprintf("; lanes %#08x wait at line %d", f.mask, w.prog.code[f.pc].line)
	}
	kind := DivergentBarrier
	if current.control != ctlBarrier {
		kind = InactiveLane
	}
	w.fault(kind, bits.TrailingZeros32(first.mask), 0, "only lanes %#08x of warp %d get here%s", first.mask, w.index, where)
}

// execute runs the current fragment up to the next one, a branch that splits it,
// or something to wait for.
func (w *warp) execute(end int64) {
	code := w.prog.code
	for w.pc < w.limit {
		in := &code[w.pc]
		if in.control == ctlNone {
			if !w.straight(min(in.straight, w.limit)) {
				return
			}
			continue
		}
		w.now, w.began = w.pc, w.pc
		w.steps++
		w.block.count(w.pc, w.pc+1)
		m := w.mask
		if in.guard >= 0 {
			if in.guardChecked && w.defined[in.guardID]&m != m {
				w.undefined(in.guardID, m)
				return
			}
			m &= w.p[in.guard] ^ in.neg
		}
		w.counts.ThreadInstructions += int64(bits.OnesCount32(m))
		if w.traffic {
			w.follow(in)
		}
		if !w.steer(in, m, end) {
			return
		}
	}
}

// straight runs the instructions up to another one, none of which changes the flow. It
// returns false after a fault.
func (w *warp) straight(stop int32) bool {
	code, first, full := w.prog.code[:stop], w.pc, w.mask
	w.began = first
	skipped := 0
	for pc := int(first); pc < len(code); pc++ {
		in := &code[pc]
		w.now = int32(pc)
		m := full
		if in.guard >= 0 {
			if in.guardChecked && w.defined[in.guardID]&m != m {
				w.undefined(in.guardID, m)
				return false
			}
			m &= w.p[in.guard] ^ in.neg
			skipped += bits.OnesCount32(full &^ m)
			if m == 0 {
				continue
			}
		}
		if len(in.checks) != 0 && !w.inputs(in, m) {
			return false
		}
		if w.traffic {
			w.follow(in)
		}
		in.run(w, in, m)
		if w.err != nil {
			return false
		}
		if len(in.marks) != 0 {
			w.mark(in, m)
		}
	}
	w.pc = stop
	w.block.count(first, stop)
	w.steps += int64(stop - first)
	w.counts.ThreadInstructions += int64(bits.OnesCount32(full))*int64(stop-first) - int64(skipped)
	return true
}

// inputs checks that every register read holds a value. A plain move may pass an
// undefined one on, as compilers make it at the joins of paths.
func (w *warp) inputs(in *inst, m uint32) bool {
	for _, r := range in.checks {
		if w.defined[r]&m != m {
			w.undefined(r, m)
			return false
		}
	}
	return true
}

// mark notes that the registers written hold values in the lanes of m, a moved one only
// where its source did.
func (w *warp) mark(in *inst, m uint32) {
	for _, r := range in.marks {
		w.defined[r] |= m
	}
	if in.copies {
		w.defined[in.writes[0]] &^= m &^ w.defined[in.reads[0]]
	}
}

func (w *warp) undefined(r int32, m uint32) {
	lane := bits.TrailingZeros32(m &^ w.defined[r])
	w.fault(UninitialisedRegister, lane, 0, "register %s was never written by this thread", w.prog.names[r])
}

// steer executes an instruction that changes the flow. It returns false when the
// fragment has to be chosen anew.
func (w *warp) steer(in *inst, m uint32, end int64) bool {
	switch in.control {
	case ctlBranch:
		if w.steps > w.block.device.cfg.MaxInstructions {
			w.fault(TooManyInstructions, bits.TrailingZeros32(w.mask), 0, "the warp has executed %d instructions: an endless loop?", w.steps)
			return false
		}
		switch {
		case m == w.mask:
			w.pc = in.target
			return len(w.others) == 0 && w.steps <= end
		case m == 0:
			w.pc++
			return true
		}
		w.others = append(w.others, fragment{pc: in.target, mask: m})
		w.mask &^= m
		w.pc++
		return false
	case ctlExit:
		w.live &^= m
		w.mask &^= m
		w.pc++
		return w.mask != 0
	}
	if m == 0 {
		w.pc++
		return true
	}
	if !w.inputs(in, m) {
		return false
	}
	switch in.control {
	case ctlTable:
		in.run(w, in, m)
		return false
	case ctlBarrier:
		return w.barrier(in, m)
	case ctlWarpSync:
		return w.warpSync(in, m)
	}
	return w.whole(in, m)
}

// barrier lets the warp arrive once all its lanes are there.
func (w *warp) barrier(in *inst, m uint32) bool {
	if m != w.mask {
		w.fault(DivergentBarrier, bits.TrailingZeros32(w.mask&^m), 0, "the guard of a barrier is false for lanes %#08x of warp %d", w.mask&^m, w.index)
		return false
	}
	if m != w.live {
		w.park(true)
		return false
	}
	w.counts.Barriers++
	w.pc++
	w.block.arrive(w, in)
	return w.state == stateReady && w.err == nil
}

// warpSync runs an instruction with a member mask, which all named lanes must
// reach together. Lanes with different masks form groups.
func (w *warp) warpSync(in *inst, m uint32) bool {
	members := w.s32(in.e)
	if m == fullMask && in.e < 0 && members[0] == fullMask {
		w.pc++
		in.run(w, in, m)
		w.mark(in, m)
		return w.err == nil
	}
	for rest := m; rest != 0; {
		l := bits.TrailingZeros32(rest)
		named := members[l&31]
		group := uint32(0)
		for k := range 32 {
			if rest>>k&1 != 0 && members[k] == named {
				group |= 1 << k
			}
		}
		rest &^= group
		if group&^named != 0 {
			w.fault(InactiveLane, bits.TrailingZeros32(group&^named), 0, "the lane is not in its own member mask %#08x", named)
			return false
		}
		if missing := named & w.live &^ group; missing != 0 {
			if missing&w.mask != 0 {
				w.fault(InactiveLane, bits.TrailingZeros32(missing&w.mask), 0, "the member mask %#08x names lanes %#08x, which skip the instruction", named, missing&w.mask)
				return false
			}
			w.park(true)
			return false
		}
	}
	w.pc++
	for rest := m; rest != 0 && w.err == nil; {
		named := members[bits.TrailingZeros32(rest)&31]
		group := rest & named
		rest &^= group
		in.run(w, in, group)
		w.mark(in, group)
	}
	return w.err == nil
}

// whole runs an instruction that needs all 32 lanes.
func (w *warp) whole(in *inst, m uint32) bool {
	if m != w.mask || w.live != fullMask {
		w.fault(InactiveLane, bits.TrailingZeros32(^m), 0, "the instruction needs all 32 lanes, %#08x execute it", m)
		return false
	}
	if m != fullMask {
		w.park(true)
		return false
	}
	w.pc++
	in.run(w, in, m)
	w.mark(in, m)
	return w.err == nil
}
