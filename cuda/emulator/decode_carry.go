package emulator

import "math/bits"

// decodeCarry covers addc, subc and madc.
func decodeCarry(b *builder, m *mods) error {
	t := m.typ()
	if !t.integer() || t.size() < 4 {
		return m.badType(t)
	}
	b.in.class = ClassInt
	op := m.op[:3]
	if op == "mad" {
		op += m.one("lo", "hi")
	}
	return b.carry(t, op, true, m.has("cc"))
}

// carry builds an extended-precision operation: op is add, sub, madlo or madhi;
// in and out say whether the carry flag is read and written.
func (b *builder) carry(t scalar, op string, in, out bool) error {
	if t.size() < 4 {
		return b.fail("%s has no type .%v", b.st.op, t)
	}
	wide := t.size() == 8
	ternary := op[:3] == "mad"
	hi32, hi64 := mulHi32(t), mulHi64(t)
	sum := func(x, y, z, carry uint64) (uint64, uint64) {
		switch op {
		case "madlo":
			x, y = x*y, z
		case "madhi":
			if wide {
				x, y = hi64(x, y), z
			} else {
				x, y = uint64(hi32(uint32(x), uint32(y))), z
			}
		case "sub":
			if wide {
				return bits.Sub64(x, y, carry)
			}
			d, borrow := bits.Sub32(uint32(x), uint32(y), uint32(carry))
			return uint64(d), uint64(borrow)
		}
		if wide {
			return bits.Add64(x, y, carry)
		}
		s, c := bits.Add32(uint32(x), uint32(y), uint32(carry))
		return uint64(s), uint64(c)
	}
	b.in.run = func(w *warp, inst *inst, m uint32) {
		var z uint64
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			if ternary {
				z = w.lane(inst.c, wide, l)
			}
			carry := uint64(0)
			if in {
				carry = uint64(w.carry >> l & 1)
			}
			r, c := sum(w.lane(inst.a, wide, l), w.lane(inst.b, wide, l), z, carry)
			if wide {
				w.r64[inst.d][l] = r
			} else {
				w.r32[inst.d][l] = uint32(r)
			}
			if out {
				w.carry = w.carry&^(1<<l) | uint32(c)<<l
			}
		}
	}
	if ternary {
		return b.bind(t, t, t, t)
	}
	return b.bind(t, t, t)
}

// lane reads one lane of a column of either width.
func (w *warp) lane(col int32, wide bool, l int) uint64 {
	if wide {
		return w.s64(col)[l]
	}
	return uint64(w.s32(col)[l])
}
