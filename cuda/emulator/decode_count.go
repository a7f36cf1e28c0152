package emulator

import "math/bits"

// decodeBits covers popc, clz, brev, bfind and cnot.
func decodeBits(b *builder, m *mods) error {
	t := m.typ()
	b.in.class = ClassInt
	if m.op == "bfind" {
		return decodeBfind(b, m, t)
	}
	small := m.op == "cnot" && t == tB16
	if t != tB32 && t != tB64 && !small {
		return m.badType(t)
	}
	wide := t == tB64
	switch m.op {
	case "popc", "clz":
		popc := m.op == "popc"
		if wide {
			b.in.run = narrow64(func(x uint64) uint32 {
				if popc {
					return uint32(bits.OnesCount64(x))
				}
				return uint32(bits.LeadingZeros64(x))
			})
			return b.bind(tU32, t)
		}
		b.in.run = unary32(func(x uint32) uint32 {
			if popc {
				return uint32(bits.OnesCount32(x))
			}
			return uint32(bits.LeadingZeros32(x))
		})
		return b.bind(tU32, t)
	case "brev":
		if wide {
			b.in.run = unary64(bits.Reverse64)
		} else {
			b.in.run = unary32(bits.Reverse32)
		}
		return b.bind(t, t)
	}
	if wide {
		b.in.run = unary64(func(x uint64) uint64 { return truth(x == 0) })
	} else {
		b.in.run = unary32(func(x uint32) uint32 { return uint32(truth(x == 0)) })
	}
	return b.bind(t, t)
}

func decodeBfind(b *builder, m *mods, t scalar) error {
	if !t.integer() || t.size() < 4 {
		return m.badType(t)
	}
	amount := m.has("shiftamt")
	find := func(x uint64) uint32 {
		v := extend(t, x)
		if t.signed() && v < 0 {
			v = ^v
		}
		top := bits.Len64(uint64(v)) - 1
		if t == tU64 {
			top = bits.Len64(x) - 1
		}
		if top < 0 {
			return fullMask
		}
		if amount {
			return uint32(t.bits() - 1 - top)
		}
		return uint32(top)
	}
	if t.size() == 8 {
		b.in.run = narrow64(find)
	} else {
		b.in.run = unary32(func(x uint32) uint32 { return find(uint64(x)) })
	}
	return b.bind(tU32, t)
}
