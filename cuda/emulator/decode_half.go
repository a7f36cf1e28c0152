package emulator

// 16-bit floats: every operation is computed in float64, exactly or rounded to
// odd, and rounded once.

// halfwise1 applies f to the one or two halves of a register.
func halfwise1(t scalar, f func(x float32) float64) func(x uint32) uint32 {
	fm := formatOf(t)
	if t.size() == 2 {
		return func(x uint32) uint32 { return fm.round(f(fm.float(x)), roundNearest) }
	}
	return func(x uint32) uint32 {
		return fm.round(f(fm.float(x)), roundNearest) | fm.round(f(fm.float(x>>16)), roundNearest)<<16
	}
}

// pairwise2 applies an operation on 16-bit values to both halves.
func pairwise2(t scalar, f func(x, y uint32) uint32) func(x, y uint32) uint32 {
	if t.size() == 2 {
		return f
	}
	return func(x, y uint32) uint32 { return f(x&0xffff, y&0xffff) | f(x>>16, y>>16)<<16 }
}

// clamp16 applies the .ftz, .sat and .relu of half-precision operations.
func clamp16(fm smallFloat, h uint32, ftz, sat, relu bool) uint32 {
	nan := h&0x7fff > fm.inf()
	if ftz && h&fm.inf() == 0 {
		h &= 0x8000
	}
	one := uint32(fm.bias) << fm.mantissa
	switch {
	case sat && (nan || h>>15 != 0):
		return 0
	case sat && h > one:
		return one
	case relu && !nan && h>>15 != 0:
		return 0
	}
	return h
}

func (b *builder) needHalf(t scalar, arith bool) error {
	b.in.class = ClassFP16
	if formatOf(t) == brainFormat {
		if arith {
			return b.need(90, 78)
		}
		return b.need(80, 70)
	}
	return b.need(53, 42)
}

func decodeHalfArith(b *builder, m *mods, t scalar) error {
	if err := b.needHalf(t, true); err != nil {
		return err
	}
	if mode, _ := m.rounding(); mode != roundNearest {
		return b.fail("%s.%v rounds to nearest only", m.op, t)
	}
	ftz, sat := m.has("ftz"), m.has("sat")
	fm, op := formatOf(t), m.op
	b.in.run = binary32(pairwise2(t, func(x, y uint32) uint32 {
		if ftz {
			x, y = clamp16(fm, x, true, false, false), clamp16(fm, y, true, false, false)
		}
		u, v := float64(fm.float(x)), float64(fm.float(y))
		var r float64
		switch op {
		case "add":
			r = addOdd(u, v)
		case "sub":
			r = addOdd(u, -v)
		default:
			r = u * v
		}
		return clamp16(fm, fm.round(r, roundNearest), ftz, sat, false)
	}))
	return b.bind(t, t, t)
}

func decodeHalfFma(b *builder, m *mods, t scalar) error {
	if err := b.needHalf(t, false); err != nil {
		return err
	}
	ftz, sat, relu := m.has("ftz"), m.has("sat"), m.has("relu")
	fm := formatOf(t)
	f := func(x, y, z uint32) uint32 {
		if ftz {
			x, y, z = clamp16(fm, x, true, false, false), clamp16(fm, y, true, false, false), clamp16(fm, z, true, false, false)
		}
		r := addOdd(float64(fm.float(x))*float64(fm.float(y)), float64(fm.float(z)))
		return clamp16(fm, fm.round(r, roundNearest), ftz, sat, relu)
	}
	if t.size() == 4 {
		one := f
		f = func(x, y, z uint32) uint32 {
			return one(x&0xffff, y&0xffff, z&0xffff) | one(x>>16, y>>16, z>>16)<<16
		}
	}
	b.in.run = ternary32(f)
	return b.bind(t, t, t, t)
}

func decodeHalfMinMax(b *builder, m *mods, t scalar) error {
	b.in.class = ClassFP16
	if err := b.need(80, 70); err != nil {
		return err
	}
	most, ftz, nan := m.op == "max", m.has("ftz"), m.has("NaN")
	fm := formatOf(t)
	b.in.run = binary32(pairwise2(t, func(x, y uint32) uint32 {
		if ftz {
			x, y = clamp16(fm, x, true, false, false), clamp16(fm, y, true, false, false)
		}
		xn, yn := x&0x7fff > fm.inf(), y&0x7fff > fm.inf()
		if xn && yn || nan && (xn || yn) {
			return nan16
		}
		// As floats of 32 bits the order is the same.
		u, v := bits32(fm.float(x)), bits32(fm.float(y))
		pick := min32(u, v)
		if most {
			pick = max32(u, v)
		}
		if pick == u && !xn {
			return x
		}
		return y
	}))
	return b.bind(t, t, t)
}
