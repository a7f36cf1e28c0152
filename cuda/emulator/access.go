package emulator

import (
	"encoding/binary"
	"math/bits"
)

// memOp is the memory part of an instruction.
type memOp struct {
	space  space
	size   int // bytes of an element
	n      int // elements of a vector
	cols   [4]int32
	wide   bool   // the registers hold 64 bits
	signed bool   // loads extend the sign
	mask   uint32 // of what a narrow register can hold
	base   int32
	based  regClass // classPred: no base register
	offset uint64
	store  bool
	strong bool // volatile, relaxed, acquire, release
	fence  bool // release, acq_rel: publishes as after a fence
}

func (op *memOp) width() uint64 { return uint64(op.size * op.n) }

// addresses works out the lanes' addresses.
func (w *warp) addresses(op *memOp) {
	switch op.based {
	case class32:
		a := w.s32(op.base)
		for i := range w.addr {
			w.addr[i] = uint64(a[i]) + op.offset
		}
	case class64:
		a := w.s64(op.base)
		for i := range w.addr {
			w.addr[i] = a[i] + op.offset
		}
	default:
		for i := range w.addr {
			w.addr[i] = op.offset
		}
	}
}

func runLoad(w *warp, in *inst, m uint32) {
	w.addresses(in.mem)
	w.bySpace(in.mem, m, (*warp).loadFrom)
}

func runStore(w *warp, in *inst, m uint32) {
	w.addresses(in.mem)
	w.bySpace(in.mem, m, (*warp).storeTo)
}

// bySpace splits the lanes of a generic access by their windows.
func (w *warp) bySpace(op *memOp, m uint32, access func(w *warp, op *memOp, s space, m uint32)) {
	if op.space != spaceGeneric {
		access(w, op, op.space, m)
		return
	}
	for m != 0 && w.err == nil {
		s := spaceOf(w.addr[bits.TrailingZeros32(m)&31])
		group := uint32(0)
		for l := range w.addr {
			if m>>l&1 != 0 && spaceOf(w.addr[l]) == s {
				group |= 1 << l
				if s != spaceConst {
					w.addr[l] -= s.window()
				}
			}
		}
		m &^= group
		access(w, op, s, group)
	}
}

func (w *warp) loadFrom(op *memOp, s space, m uint32) {
	switch s {
	case spaceGlobal, spaceConst:
		w.loadGlobal(op, s, m)
	case spaceShared:
		w.loadShared(op, m)
	case spaceLocal:
		w.loadLocal(op, m)
	default:
		w.loadParam(op, m)
	}
}

func (w *warp) storeTo(op *memOp, s space, m uint32) {
	switch s {
	case spaceGlobal:
		w.storeGlobal(op, m)
	case spaceShared:
		w.storeShared(op, m)
	case spaceLocal:
		w.storeLocal(op, m)
	default:
		l := bits.TrailingZeros32(m) & 31
		w.fault(OutOfBounds, l, w.addr[l], "store to .%v, which cannot be written", s)
	}
}

// fetch loads one lane's registers from p, which holds all its elements.
func (w *warp) fetch(op *memOp, lane int, p []byte) {
	for e := range op.n {
		var v uint64
		switch op.size {
		case 1:
			if v = uint64(p[e]); op.signed {
				v = uint64(int64(int8(v)))
			}
		case 2:
			if v = uint64(binary.LittleEndian.Uint16(p[2*e:])); op.signed {
				v = uint64(int64(int16(v)))
			}
		case 4:
			if v = uint64(binary.LittleEndian.Uint32(p[4*e:])); op.signed {
				v = uint64(int64(int32(v)))
			}
		default:
			v = binary.LittleEndian.Uint64(p[8*e:])
		}
		if op.wide {
			w.r64[op.cols[e]][lane] = v
		} else {
			w.r32[op.cols[e]][lane] = uint32(v) & op.mask
		}
	}
}

// bytesOf puts one lane's registers into p.
func (w *warp) bytesOf(op *memOp, lane int, p []byte) []byte {
	for e := range op.n {
		v := w.lane(op.cols[e], op.wide, lane)
		switch op.size {
		case 1:
			p[e] = byte(v)
		case 2:
			binary.LittleEndian.PutUint16(p[2*e:], uint16(v))
		case 4:
			binary.LittleEndian.PutUint32(p[4*e:], uint32(v))
		default:
			binary.LittleEndian.PutUint64(p[8*e:], v)
		}
	}
	return p[:op.size*op.n]
}

// loadParam reads the kernel's parameters.
func (w *warp) loadParam(op *memOp, m uint32) {
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		a, n := w.addr[l], op.width()
		if a > uint64(len(w.block.params)) || n > uint64(len(w.block.params))-a {
			w.fault(OutOfBounds, l, paramWindow+a, "%d bytes at %d of %d bytes of parameters", n, a, len(w.block.params))
			return
		}
		if a%n != 0 {
			w.fault(Misaligned, l, paramWindow+a, "%d bytes at %d of the parameters", n, a)
			return
		}
		w.fetch(op, l, w.block.params[a:a+n])
		if op.based == classPred { // one address for all lanes
			w.spread(op, l, m)
			return
		}
	}
}

// spread copies what one lane loaded to the others of a mask.
func (w *warp) spread(op *memOp, from int, m uint32) {
	for e := range op.n {
		if op.wide {
			c := &w.r64[op.cols[e]]
			for r := m; r != 0; r &= r - 1 {
				c[bits.TrailingZeros32(r)&31] = c[from]
			}
			continue
		}
		c := &w.r32[op.cols[e]]
		for r := m; r != 0; r &= r - 1 {
			c[bits.TrailingZeros32(r)&31] = c[from]
		}
	}
}

// localRange checks one lane's access to its local memory.
func (w *warp) localRange(op *memOp, l int) (int, bool) {
	a, n, size := w.addr[l], op.width(), uint64(w.prog.localBytes)
	if a > size || n > size-a {
		w.fault(OutOfBounds, l, localWindow+a, "%d bytes at %d of %d bytes of local memory", n, a, size)
		return 0, false
	}
	if a%n != 0 {
		w.fault(Misaligned, l, localWindow+a, "%d bytes at %d of local memory", n, a)
		return 0, false
	}
	return l*int(size) + int(a), true
}

func (w *warp) loadLocal(op *memOp, m uint32) {
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		at, ok := w.localRange(op, l)
		if !ok {
			return
		}
		if w.block.checked {
			for i := range int(op.width()) {
				if !w.localOK[at+i] {
					w.fault(UninitialisedMemory, l, localWindow+w.addr[l], "byte %d of local memory was never written", int(w.addr[l])+i)
					return
				}
			}
		}
		w.fetch(op, l, w.local[at:])
	}
}

func (w *warp) storeLocal(op *memOp, m uint32) {
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		at, ok := w.localRange(op, l)
		if !ok {
			return
		}
		n := len(w.bytesOf(op, l, w.local[at:]))
		for i := range n {
			w.localOK[at+i] = true
		}
	}
}
