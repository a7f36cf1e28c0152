package emulator

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// atomicFn gives the value that replaces old.
type atomicFn = func(old, b, c uint64) uint64

// atomicOp returns the function of an atomic, or nil when there is none. Sums of
// f32 in global memory flush denormals, as the hardware does.
func atomicOp(op string, t scalar, flushed bool) atomicFn {
	whole := t.size() >= 4
	switch {
	case op == "exch" && t.untyped() && whole:
		return func(_, b, _ uint64) uint64 { return b }
	case op == "cas" && t.untyped() && t.size() >= 2:
		return func(old, b, c uint64) uint64 {
			if old == b {
				return c
			}
			return old
		}
	case op == "and" && t.untyped() && whole:
		return func(old, b, _ uint64) uint64 { return old & b }
	case op == "or" && t.untyped() && whole:
		return func(old, b, _ uint64) uint64 { return old | b }
	case op == "xor" && t.untyped() && whole:
		return func(old, b, _ uint64) uint64 { return old ^ b }
	case op == "inc" && t == tU32:
		return func(old, b, _ uint64) uint64 {
			if old >= b {
				return 0
			}
			return old + 1
		}
	case op == "dec" && t == tU32:
		return func(old, b, _ uint64) uint64 {
			if old == 0 || old > b {
				return b
			}
			return old - 1
		}
	case (op == "min" || op == "max") && t.integer() && whole:
		return func(old, b, _ uint64) uint64 {
			less := old < b
			if t.signed() {
				less = extend(t, old) < extend(t, b)
			}
			if less == (op == "min") {
				return old
			}
			return b
		}
	case op == "add" && t.integer() && whole && t != tS64:
		return func(old, b, _ uint64) uint64 { return old + b }
	case op == "add":
		return atomicAddFloat(t, flushed)
	}
	return nil
}

func atomicAddFloat(t scalar, flushed bool) atomicFn {
	switch t {
	case tF32:
		return func(old, b, _ uint64) uint64 {
			x, y := uint32(old), uint32(b)
			if !flushed {
				return uint64(bits32(f32(x) + f32(y)))
			}
			return uint64(flush(bits32(f32(flush(x)) + f32(flush(y)))))
		}
	case tF64:
		return func(old, b, _ uint64) uint64 {
			return bits64(math.Float64frombits(old) + math.Float64frombits(b))
		}
	case tF16, tF16x2, tBF16, tBF16x2:
		fm := formatOf(t)
		sum := pairwise2(t, func(x, y uint32) uint32 {
			return fm.round(addOdd(float64(fm.float(x)), float64(fm.float(y))), roundNearest)
		})
		return func(old, b, _ uint64) uint64 { return uint64(sum(uint32(old), uint32(b))) }
	}
	return nil
}

func decodeAtom(b *builder, m *mods) error {
	mop := &memOp{n: 1, strong: true}
	order := m.one("relaxed", "acquire", "release", "acq_rel")
	mop.fence = order == "release" || order == "acq_rel"
	if order != "" {
		if err := b.need(70, 60); err != nil {
			return err
		}
	}
	m.one("cta", "gpu", "sys")
	mop.space = m.space()
	if mop.space != spaceGlobal && mop.space != spaceShared && mop.space != spaceGeneric {
		return b.fail("%s in .%v", b.st.op, mop.space)
	}
	op := m.one("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")
	extra, err := memHints(b, m)
	if err != nil {
		return err
	}
	noftz := m.has("noftz")
	t := m.typ()
	f := atomicOp(op, t, mop.space == spaceGlobal)
	red := m.op == "red"
	switch {
	case f == nil, red && (op == "exch" || op == "cas"):
		return b.fail("unknown instruction %s", b.st.op)
	case t.half() != noftz && t.half():
		return b.fail("%s needs .noftz", b.st.op)
	case t.half():
		floor := [2]int{70, 63}
		if t == tF16x2 {
			floor[0] = 60
		} else if formatOf(t) == brainFormat {
			floor = [2]int{90, 78}
		}
		err = b.need(floor[0], floor[1])
	case t == tF64 || t.size() == 2:
		err = b.need(60, 50)
	}
	if err != nil {
		return err
	}
	return b.bindAtom(mop, f, t, red, op == "cas", extra)
}

func (b *builder) bindAtom(mop *memOp, f atomicFn, t scalar, red, cas bool, extra int) error {
	ops := b.st.operands
	n := 2 + extra + int(bit(!red)) + int(bit(cas))
	if err := b.count(n, n); err != nil {
		return err
	}
	first := 0
	if !red {
		first = 1
	}
	mop.size, mop.wide, mop.mask = t.size(), t.size() == 8, uint32(uint64(1)<<min(t.bits(), 32)-1)
	if err := b.bindAddress(mop, ops[first]); err != nil {
		return err
	}
	var err error
	if b.in.b, err = b.source(ops[first+1], t); err != nil {
		return err
	}
	if b.in.c = b.in.b; cas {
		if b.in.c, err = b.source(ops[first+2], t); err != nil {
			return err
		}
	}
	if !red {
		if mop.cols[0], err = b.dst(ops[0], t); err != nil {
			return err
		}
	}
	b.in.mem, b.in.class = mop, ClassAtomic
	if mop.space != spaceGlobal {
		b.prog.granule = min(b.prog.granule, mop.size)
	}
	b.in.run = func(w *warp, in *inst, m uint32) {
		x, y := in.b, in.c
		w.addresses(in.mem)
		w.bySpace(in.mem, m, func(w *warp, op *memOp, s space, m uint32) { w.atomics(op, s, m, f, x, y, red) })
	}
	return nil
}

// atomics runs the lanes one after the other.
func (w *warp) atomics(op *memOp, s space, m uint32, f atomicFn, x, y int32, red bool) {
	width := op.width()
	switch s {
	case spaceGlobal:
		w.counts.GlobalRequests++
		w.counts.GlobalStoreBytes += int64(bits.OnesCount32(m)) * int64(width)
		w.counts.GlobalStoreSectors += w.sectors(m, width)
		w.publish(op)
		defer w.block.acquire()
	case spaceShared:
		if !w.sharedLanes(m, width, width) {
			return
		}
	default:
		l := bits.TrailingZeros32(m) & 31
		w.fault(OutOfBounds, l, w.addr[l], "atomic in .%v", s)
		return
	}
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		var p []byte
		var lock *atomicLock
		if s == spaceShared {
			a := w.addr[l]
			if w.block.checked && !(w.checkShared(a, int(width), l, false, true, nil) && w.checkShared(a, int(width), l, true, true, nil)) {
				return
			}
			p = w.block.shared[a:]
		} else {
			r, lanes := w.globalLanes(1<<l, width, width)
			if r == nil || !w.valued(r, lanes, width) {
				return
			}
			w.touchLanes(r, lanes, width)
			p = r.data[w.addr[l]-r.base:]
			lock = w.block.device.memory.lockOf(w.addr[l])
			lock.Lock()
		}
		old := w.exchange(op, l, p, f, x, y)
		if lock != nil {
			lock.Unlock()
		}
		if !red {
			if op.wide {
				w.r64[op.cols[0]][l] = old
			} else {
				w.r32[op.cols[0]][l] = uint32(old)
			}
		}
	}
}

// exchange applies an atomic to the value at p and returns the old one.
func (w *warp) exchange(op *memOp, l int, p []byte, f atomicFn, x, y int32) uint64 {
	b, c := w.lane(x, op.wide, l), w.lane(y, op.wide, l)
	var old uint64
	switch op.size {
	case 2:
		old = uint64(binary.LittleEndian.Uint16(p))
		binary.LittleEndian.PutUint16(p, uint16(f(old, b, c)))
	case 4:
		old = uint64(binary.LittleEndian.Uint32(p))
		binary.LittleEndian.PutUint32(p, uint32(f(old, b, c)))
	default:
		old = binary.LittleEndian.Uint64(p)
		binary.LittleEndian.PutUint64(p, f(old, b, c))
	}
	return old
}
