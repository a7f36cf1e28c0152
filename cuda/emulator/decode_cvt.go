package emulator

import "math"

// conversion is one cvt instruction.
type conversion struct {
	to, from scalar
	mode     rounding
	integral bool // .rni and its kin: round to a whole number
	ftz, sat bool
	relu     bool
}

func (m *mods) cvtRounding() (c conversion, given bool) {
	switch m.one("rni", "rzi", "rmi", "rpi", "rna") {
	case "rni":
		return conversion{integral: true}, true
	case "rzi":
		return conversion{mode: roundZero, integral: true}, true
	case "rmi":
		return conversion{mode: roundDown, integral: true}, true
	case "rpi":
		return conversion{mode: roundUp, integral: true}, true
	case "rna":
		return conversion{mode: roundAway}, true
	}
	c.mode, given = m.rounding()
	return c, given
}

func decodeCvt(b *builder, m *mods) error {
	if m.has("pack") {
		return decodeCvtPack(b, m)
	}
	c, given := m.cvtRounding()
	c.ftz, c.sat, c.relu = m.has("ftz"), m.has("sat"), m.has("relu")
	c.to, c.from = m.typ(), m.typ()
	switch {
	case c.to == tNone || c.from == tNone || c.to == tPred || c.from == tPred || c.to.untyped() || c.from.untyped():
		return b.fail("%s: bad types", b.st.op)
	case c.to == tF16x2 || c.to == tBF16x2:
		return c.packed(b)
	case c.from == tF16x2 || c.from == tBF16x2 || c.from == tTF32:
		return m.badType(c.from)
	}
	if err := c.check(b, given); err != nil {
		return err
	}
	b.in.class = ClassConvert
	convert := c.scalar()
	from64, to64 := c.from.size() == 8, c.to.size() == 8
	switch {
	case c.to == tF32 && c.from == tF16 && !c.sat && !c.integral:
		b.in.run = b.loops.floatOfHalf
	case c.to == tF32 && c.from == tS32 && c.mode == roundNearest && !c.sat:
		b.in.run = b.loops.floatOfInt
	case c.to.size() == 8 && c.from == tU32 && !c.to.float():
		b.in.run = b.loops.widen
	case !from64 && !to64:
		b.in.run = unary32(func(x uint32) uint32 { return uint32(convert(uint64(x))) })
	case !from64:
		b.in.run = widen32(func(x uint32) uint64 { return convert(uint64(x)) })
	case !to64:
		b.in.run = narrow64(func(x uint64) uint32 { return uint32(convert(x)) })
	default:
		b.in.run = unary64(convert)
	}
	return c.operands(b)
}

// check applies the rules on roundings: they are needed where the result is
// inexact, and whole-number roundings belong to whole-number results.
func (c conversion) check(b *builder, given bool) error {
	if c.to == tBF16 || c.to == tTF32 {
		if err := b.need(80, 70); err != nil {
			return err
		}
	}
	if c.from == tBF16 {
		if err := b.need(80, 71); err != nil {
			return err
		}
	}
	intTo, intFrom := !c.to.float(), !c.from.float()
	switch {
	case c.to == tTF32 && (c.from != tF32 || !given):
		return b.fail("%s: tf32 is made from f32 with .rna", b.st.op)
	case c.mode == roundAway && c.to != tTF32:
		return b.fail("unknown modifier .rna of %s", b.st.op)
	case intTo && intFrom && given:
		return b.fail("%s: an integer conversion has no rounding", b.st.op)
	case intTo && !intFrom && !c.integral:
		return b.fail("%s: float to integer needs .rni, .rzi, .rmi or .rpi", b.st.op)
	case !intTo && intFrom && (!given || c.integral):
		return b.fail("%s: integer to float needs .rn, .rz, .rm or .rp", b.st.op)
	case !intTo && !intFrom && c.to.size() < c.from.size() && (!given || c.integral):
		return b.fail("%s: a narrowing conversion needs .rn, .rz, .rm or .rp", b.st.op)
	case c.integral && !intTo && c.to != c.from:
		return b.fail("%s: whole-number rounding changes the type", b.st.op)
	case c.ftz && c.to != tF32 && c.from != tF32:
		return b.fail("unknown modifier .ftz of %s", b.st.op)
	}
	return nil
}

// operands binds them; registers may be wider than the types. A wider
// destination is filled up with zeros or the sign.
func (c conversion) operands(b *builder) error {
	if err := b.count(2, 2); err != nil {
		return err
	}
	src, dst := b.st.operands[1], b.st.operands[0]
	to, from := c.to, c.from
	if src.kind == opReg {
		if p := b.reg(src.reg); p.class != classPred && p.typ.size() > from.size() && !from.float() {
			from = sized(from, p.typ.size())
		}
	}
	if dst.kind == opReg {
		if p := b.reg(dst.reg); p.class != classPred && p.typ.size() > to.size() && !to.float() {
			to = sized(to, p.typ.size())
		}
	}
	if from.size() == 8 && c.from.size() != 8 || to.size() == 8 && c.to.size() != 8 || to.size() > c.to.size() {
		c.rerun(b, to, from)
	}
	var err error
	if b.in.a, err = b.source(src, from); err != nil {
		return err
	}
	b.in.d, err = b.dst(dst, to)
	return err
}

// sized is the integer type of the same sign with another size.
func sized(t scalar, size int) scalar {
	unsigned := map[int]scalar{1: tU8, 2: tU16, 4: tU32, 8: tU64}[size]
	if t.signed() {
		return unsigned + (tS8 - tU8)
	}
	return unsigned
}

// rerun is the conversion for registers of other widths than its types.
func (c conversion) rerun(b *builder, to, from scalar) {
	convert := c.scalar()
	mask := ^uint64(0)
	if to.size() < 8 {
		mask = 1<<to.bits() - 1
	}
	full := func(x uint64) uint64 {
		r := convert(x)
		if !c.to.float() {
			r = uint64(extend(c.to, r))
		}
		return r & mask
	}
	switch {
	case from.size() < 8 && to.size() < 8:
		b.in.run = unary32(func(x uint32) uint32 { return uint32(full(uint64(x))) })
	case from.size() < 8:
		b.in.run = widen32(func(x uint32) uint64 { return full(uint64(x)) })
	case to.size() < 8:
		b.in.run = narrow64(func(x uint64) uint32 { return uint32(full(x)) })
	default:
		b.in.run = unary64(full)
	}
}

// packed is cvt.rn.f16x2.f32 d, a, b: a becomes the upper half.
func (c conversion) packed(b *builder) error {
	if err := b.need(80, 70); err != nil {
		return err
	}
	if c.from != tF32 || c.integral || c.ftz || c.mode != roundNearest && c.mode != roundZero {
		return b.fail("unknown conversion %s", b.st.op)
	}
	fm := formatOf(c.to)
	b.in.class = ClassConvert
	one := func(x uint32) uint32 {
		return clamp16(fm, fm.round(f64of(x), c.mode), false, c.sat, c.relu)
	}
	b.in.run = binary32(func(hi, lo uint32) uint32 { return one(hi)<<16 | one(lo) })
	return b.bind(c.to, tF32, tF32)
}

// scalar gives the conversion of one value, bits to bits.
func (c conversion) scalar() func(x uint64) uint64 {
	mask := ^uint64(0)
	if n := c.to.bits(); n < 64 {
		mask = 1<<n - 1
	}
	switch {
	case !c.from.float() && !c.to.float():
		if !c.from.signed() && !c.sat {
			kept := mask & (math.MaxUint64 >> (64 - c.from.bits()))
			return func(x uint64) uint64 { return x & kept }
		}
		return func(x uint64) uint64 { return c.intToInt(x) & mask }
	case !c.from.float():
		return func(x uint64) uint64 { return c.intToFloat(x) }
	case !c.to.float():
		return func(x uint64) uint64 { return c.floatToInt(c.load(x)) & mask }
	}
	return c.floatToFloat
}

// load gives a source float as float64, exactly.
func (c conversion) load(x uint64) float64 {
	switch c.from {
	case tF64:
		return math.Float64frombits(x)
	case tF32:
		if c.ftz {
			x = uint64(flush(uint32(x)))
		}
		return f64of(uint32(x))
	}
	return float64(formatOf(c.from).float(uint32(x)))
}

func (c conversion) intToInt(x uint64) uint64 {
	v := extend(c.from, x)
	if !c.sat {
		return uint64(v)
	}
	lo, hi := intRange(c.to)
	if c.from == tU64 && v < 0 { // above every signed value
		if c.to == tU64 {
			return x
		}
		return hi
	}
	switch {
	case v < lo:
		return uint64(lo)
	case v > 0 && uint64(v) > hi:
		return hi
	}
	return uint64(v)
}

func intRange(t scalar) (lo int64, hi uint64) {
	if t.signed() {
		return math.MinInt64 >> (64 - t.bits()), math.MaxInt64 >> (64 - t.bits())
	}
	return 0, math.MaxUint64 >> (64 - t.bits())
}

// intToFloat rounds an integer once, also those of 64 bits that float64 cannot
// hold.
func (c conversion) intToFloat(x uint64) uint64 {
	v := extend(c.from, x)
	neg := c.from.signed() && v < 0
	mag := uint64(v)
	if neg {
		mag = -mag
	}
	hi, lo := float64(mag&^0x7ff), float64(mag&0x7ff) // both exact
	if neg {
		hi, lo = -hi, -lo
	}
	if c.to == tF64 {
		if c.mode == roundNearest {
			return math.Float64bits(hi + lo)
		}
		return math.Float64bits(directed64(hi, lo, c.mode))
	}
	return c.store(addOdd(hi, lo))
}

// directed64 rounds hi+lo to float64 in a direction.
func directed64(hi, lo float64, mode rounding) float64 {
	s := hi + lo
	t := s - hi
	e := (hi - (s - t)) + (lo - t)
	switch {
	case e > 0 && (mode == roundUp || mode == roundZero && s < 0):
		return math.Nextafter(s, math.Inf(1))
	case e < 0 && (mode == roundDown || mode == roundZero && s > 0):
		return math.Nextafter(s, math.Inf(-1))
	}
	return s
}

func roundWhole(x float64, mode rounding) float64 {
	switch mode {
	case roundZero:
		return math.Trunc(x)
	case roundDown:
		return math.Floor(x)
	case roundUp:
		return math.Ceil(x)
	}
	return math.RoundToEven(x)
}

// floatToInt clamps to the range of the result; NaN becomes 0.
func (c conversion) floatToInt(x float64) uint64 {
	if x != x {
		return 0
	}
	x = roundWhole(x, c.mode)
	lo, hi := intRange(c.to)
	switch {
	case x <= float64(lo):
		return uint64(lo)
	case x >= float64(hi):
		return hi
	case x < 0:
		return uint64(int64(x))
	}
	return uint64(x)
}

func (c conversion) floatToFloat(x uint64) uint64 {
	v := c.load(x)
	if c.integral {
		v = roundWhole(v, c.mode)
	}
	return c.store(v)
}

// store rounds a float64 (exact or odd) to the destination's format.
func (c conversion) store(v float64) uint64 {
	switch c.to {
	case tF64:
		if c.sat {
			v = min(max(v, 0), 1)
			if v != v {
				v = 0
			}
		}
		return bits64(v)
	case tF32:
		r := round32(v, c.mode)
		if c.ftz {
			r = flush(r)
		}
		if c.sat {
			r = saturate(r)
		}
		return uint64(r)
	case tTF32:
		// 10 bits of mantissa with the exponent of f32; the low bits are zero.
		b := math.Float32bits(float32(v))
		if b&inf32 == inf32 {
			return uint64(b)
		}
		if c.mode == roundAway {
			return uint64((b + 0x1000) &^ 0x1fff)
		}
		return uint64((b + 0xfff + b>>13&1) &^ 0x1fff)
	}
	fm := formatOf(c.to)
	return uint64(clamp16(fm, fm.round(v, c.mode), false, c.sat, c.relu))
}

// decodeCvtPack is cvt.pack.sat: a and b clamped to a narrow type and joined, b in
// the low bits; for bytes the low half of c moves up to make room.
func decodeCvtPack(b *builder, m *mods) error {
	if err := b.need(72, 65); err != nil {
		return err
	}
	sat := m.has("sat")
	to, from := m.typ(), m.typ()
	bytes := to.size() == 1
	if bytes && m.typ() != tB32 || !sat || from != tS32 || !bytes && to != tU16 && to != tS16 {
		return b.fail("unknown conversion %s", b.st.op)
	}
	one := conversion{to: to, from: from, sat: true}.scalar()
	b.in.class = ClassConvert
	if !bytes {
		b.in.run = binary32(func(x, y uint32) uint32 { return uint32(one(uint64(x)))<<16 | uint32(one(uint64(y))) })
		return b.bind(tB32, tS32, tS32)
	}
	b.in.run = ternary32(func(x, y, z uint32) uint32 {
		return z<<16 | uint32(one(uint64(x)))<<8 | uint32(one(uint64(y)))
	})
	return b.bind(tB32, tS32, tS32, tB32)
}
