package emulator

// fieldExtract is bfe: length bits of x from pos, sign-extended for signed types.
// Bits past the top repeat the sign (or are zero).
func fieldExtract(t scalar, x uint64, pos, length uint32) uint64 {
	top := uint32(t.bits() - 1)
	pos, length = pos&0xff, length&0xff
	if length == 0 {
		return 0
	}
	sign := uint64(0)
	if t.signed() {
		sign = x >> min(pos+length-1, top) & 1
	}
	var r uint64
	if pos <= top {
		r = x << (63 - top) >> (63 - top) >> pos
	}
	n := uint32(0)
	if pos <= top {
		n = min(length, top-pos+1)
	}
	if n < 64 {
		r &= 1<<n - 1
		if sign != 0 {
			r |= ^uint64(0) << n
		}
	}
	return r
}

// fieldInsert is bfi: length bits of x put into y at pos.
func fieldInsert(width int, x, y uint64, pos, length uint32) uint64 {
	pos, length = pos&0xff, length&0xff
	if int(pos) >= width || length == 0 {
		return y
	}
	mask := ^uint64(0)
	if length < 64 {
		mask = 1<<length - 1
	}
	mask <<= pos
	return y&^mask | x<<pos&mask
}

func decodeField(b *builder, m *mods) error {
	t := m.typ()
	b.in.class = ClassInt
	if m.op == "bfe" {
		if !t.integer() || t.size() < 4 {
			return m.badType(t)
		}
		if t.size() == 8 {
			b.in.run = func(w *warp, in *inst, m uint32) {
				d, x, p, n := w.out64(in.d, m), w.s64(in.a), w.s32(in.b), w.s32(in.c)
				for i := range d {
					d[i] = fieldExtract(t, x[i], p[i], n[i])
				}
				w.keep64(in.d, m)
			}
		} else {
			b.in.run = ternary32(func(x, p, n uint32) uint32 { return uint32(fieldExtract(t, uint64(x), p, n)) })
		}
		return b.bind(t, t, tU32, tU32)
	}
	switch t {
	case tB32:
		b.in.run = quaternary32(func(x, y, p, n uint32) uint32 { return uint32(fieldInsert(32, uint64(x), uint64(y), p, n)) })
	case tB64:
		b.in.run = func(w *warp, in *inst, m uint32) {
			d, x, y, p, n := w.out64(in.d, m), w.s64(in.a), w.s64(in.b), w.s32(in.c), w.s32(in.e)
			for i := range d {
				d[i] = fieldInsert(64, x[i], y[i], p[i], n[i])
			}
			w.keep64(in.d, m)
		}
	default:
		return m.badType(t)
	}
	return b.bind(t, t, t, tU32, tU32)
}

func byteOf(signed bool, x uint32, i int) int32 {
	if signed {
		return int32(int8(x >> (8 * i)))
	}
	return int32(x >> (8 * i) & 0xff)
}

// decodeDot covers dp4a and dp2a.
func decodeDot(b *builder, m *mods) error {
	if err := b.need(61, 50); err != nil {
		return err
	}
	ta, tb := m.typ(), m.typ()
	for _, t := range []scalar{ta, tb} {
		if t != tU32 && t != tS32 {
			return m.badType(t)
		}
	}
	sa, sb := ta == tS32, tb == tS32
	td := tU32
	if sa || sb {
		td = tS32
	}
	b.in.class = ClassInt
	if m.op == "dp4a" {
		b.in.run = ternary32(func(x, y, z uint32) uint32 {
			for i := range 4 {
				z += uint32(byteOf(sa, x, i) * byteOf(sb, y, i))
			}
			return z
		})
		if sa && sb {
			b.in.run = b.loops.dot4
		}
		return b.bind(td, ta, tb, td)
	}
	at := 0
	switch m.one("lo", "hi") {
	case "hi":
		at = 2
	case "":
		return b.fail("dp2a needs .lo or .hi")
	}
	b.in.run = ternary32(func(x, y, z uint32) uint32 {
		for i := range 2 {
			h := int32(x >> (16 * i) & 0xffff)
			if sa {
				h = int32(int16(h))
			}
			z += uint32(h * byteOf(sb, y, at+i))
		}
		return z
	})
	return b.bind(td, ta, tb, td)
}

func decodeLogic(b *builder, m *mods) error {
	t := m.typ()
	b.in.class = ClassInt
	if t == tPred {
		return decodeLogicPred(b, m)
	}
	if !t.untyped() || t == tB8 {
		return m.badType(t)
	}
	wide := t == tB64
	switch m.op {
	case "not":
		if wide {
			b.in.run = unary64(func(x uint64) uint64 { return ^x })
		} else {
			mask := uint32(uint64(1)<<t.bits() - 1)
			b.in.run = unary32(func(x uint32) uint32 { return ^x & mask })
		}
		return b.bind(t, t)
	case "and":
		b.in.run = b.loops.and32
		if wide {
			b.in.run = binary64(func(x, y uint64) uint64 { return x & y })
		}
	case "or":
		b.in.run = b.loops.or32
		if wide {
			b.in.run = binary64(func(x, y uint64) uint64 { return x | y })
		}
	default:
		b.in.run = b.loops.xor32
		if wide {
			b.in.run = binary64(func(x, y uint64) uint64 { return x ^ y })
		}
	}
	return b.bind(t, t, t)
}

func decodeLogicPred(b *builder, m *mods) error {
	n := 3
	if m.op == "not" {
		n = 2
	}
	if err := b.count(n, n); err != nil {
		return err
	}
	ops := b.st.operands
	var neg [2]uint32
	for i, slot := range []*int32{&b.in.a, &b.in.b}[:n-1] {
		col, negate, err := b.predicate(ops[i+1])
		if err != nil {
			return err
		}
		*slot = col
		if negate {
			neg[i] = fullMask
		}
	}
	d, err := b.dst(ops[0], tPred)
	b.in.d = d
	op := m.op
	b.in.run = func(w *warp, in *inst, m uint32) {
		x, y := w.p[in.a]^neg[0], w.p[in.b]^neg[1]
		switch op {
		case "not":
			x = ^x
		case "and":
			x &= y
		case "or":
			x |= y
		default:
			x ^= y
		}
		w.setPred(in.d, m, x)
	}
	return err
}

// shiftRight shifts as PTX does: amounts past the width give zero or the sign.
func shiftRight(t scalar, x uint64, n uint32) uint64 {
	if t.signed() {
		return uint64(extend(t, x) >> min(n, 63))
	}
	return x >> min(n, 64)
}

func decodeShift(b *builder, m *mods) error {
	t := m.typ()
	b.in.class = ClassInt
	ok := t.untyped() && t != tB8
	if m.op == "shr" {
		ok = ok || t.integer16up()
	}
	if !ok {
		return m.badType(t)
	}
	left := m.op == "shl"
	switch {
	case t.size() == 8 && left:
		b.in.run = shift64(func(x uint64, n uint32) uint64 { return x << n })
	case t.size() == 8:
		b.in.run = shift64(func(x uint64, n uint32) uint64 { return shiftRight(t, x, n) })
	case left && t.size() == 4:
		b.in.run = b.loops.shl32
	case left:
		b.in.run = binary32(func(x, n uint32) uint32 { return x << n & 0xffff })
	case t == tB32 || t == tU32:
		b.in.run = b.loops.shr32
	case t == tS32:
		b.in.run = b.loops.sar32
	default:
		b.in.run = binary32(func(x, n uint32) uint32 { return uint32(shiftRight(t, uint64(x), n)) & 0xffff })
	}
	return b.bind(t, t, tU32)
}

func decodeFunnel(b *builder, m *mods) error {
	dir, mode := m.one("l", "r"), m.one("clamp", "wrap")
	if t := m.typ(); t != tB32 {
		return m.badType(t)
	}
	if dir == "" || mode == "" {
		return b.fail("shf needs .l or .r and .clamp or .wrap")
	}
	b.in.class = ClassInt
	b.in.run = ternary32(func(lo, hi, n uint32) uint32 {
		if mode == "clamp" {
			n = min(n, 32)
		} else {
			n &= 31
		}
		v := uint64(hi)<<32 | uint64(lo)
		if dir == "l" {
			return uint32(v << n >> 32)
		}
		return uint32(v >> n)
	})
	return b.bind(tB32, tB32, tB32, tU32)
}

// lut3 is lop3: bit by bit the table's entry for the three inputs.
func lut3(x, y, z uint32, table uint8) uint32 {
	r := uint32(0)
	for i := range 8 {
		if table>>i&1 == 0 {
			continue
		}
		t := fullMask
		for j, v := range [3]uint32{z, y, x} {
			if i>>j&1 == 0 {
				v = ^v
			}
			t &= v
		}
		r |= t
	}
	return r
}

func decodeLop3(b *builder, m *mods) error {
	if t := m.typ(); t != tB32 {
		return m.badType(t)
	}
	if err := b.count(5, 5); err != nil {
		return err
	}
	imm := b.st.operands[4]
	if imm.kind != opInt || imm.value > 255 {
		return b.fail("the table of lop3 must be a constant from 0 to 255")
	}
	table := uint8(imm.value)
	b.in.class = ClassInt
	b.in.run = ternary32(func(x, y, z uint32) uint32 { return lut3(x, y, z, table) })
	st := *b.st
	st.operands = st.operands[:4]
	b.st = &st
	return b.bind(tB32, tB32, tB32, tB32)
}
