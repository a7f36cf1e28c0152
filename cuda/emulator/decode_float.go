package emulator

import "math"

// finish wraps an f32 operation with .ftz and .sat.
func finish1(f func(x uint32) uint32, ftz, sat bool) func(x uint32) uint32 {
	if !ftz && !sat {
		return f
	}
	return func(x uint32) uint32 {
		if ftz {
			x = flush(x)
		}
		x = f(x)
		if ftz {
			x = flush(x)
		}
		if sat {
			x = saturate(x)
		}
		return x
	}
}

func finish2(f func(x, y uint32) uint32, ftz, sat bool) func(x, y uint32) uint32 {
	if !ftz && !sat {
		return f
	}
	return func(x, y uint32) uint32 {
		if ftz {
			x, y = flush(x), flush(y)
		}
		x = f(x, y)
		if ftz {
			x = flush(x)
		}
		if sat {
			x = saturate(x)
		}
		return x
	}
}

func finish3(f func(x, y, z uint32) uint32, ftz, sat bool) func(x, y, z uint32) uint32 {
	if !ftz && !sat {
		return f
	}
	return func(x, y, z uint32) uint32 {
		if ftz {
			x, y, z = flush(x), flush(y), flush(z)
		}
		x = f(x, y, z)
		if ftz {
			x = flush(x)
		}
		if sat {
			x = saturate(x)
		}
		return x
	}
}

// decodeFloatArith covers add, sub and mul.
func decodeFloatArith(b *builder, m *mods, t scalar) error {
	if t.half() {
		return decodeHalfArith(b, m, t)
	}
	mode, _ := m.rounding()
	b.in.class = ClassFP32
	switch t {
	case tF64:
		if mode != roundNearest {
			return b.fail("%s.f64 rounds to nearest only", m.op)
		}
		b.in.class = ClassFP64
		switch m.op {
		case "add":
			b.in.run = binary64(func(x, y uint64) uint64 { return bits64(math.Float64frombits(x) + math.Float64frombits(y)) })
		case "sub":
			b.in.run = binary64(func(x, y uint64) uint64 { return bits64(math.Float64frombits(x) - math.Float64frombits(y)) })
		default:
			b.in.run = binary64(func(x, y uint64) uint64 { return bits64(math.Float64frombits(x) * math.Float64frombits(y)) })
		}
	case tF32:
		ftz, sat := m.has("ftz"), m.has("sat")
		if mode == roundNearest && !ftz && !sat {
			b.in.run = map[string]runFn{"add": b.loops.addF32, "sub": b.loops.subF32, "mul": b.loops.mulF32}[m.op]
			break
		}
		op := m.op
		b.in.run = binary32(finish2(func(x, y uint32) uint32 {
			switch op {
			case "add":
				return round32(sumOdd(f64of(x), f64of(y), mode), mode)
			case "sub":
				return round32(sumOdd(f64of(x), -f64of(y), mode), mode)
			}
			return round32(f64of(x)*f64of(y), mode)
		}, ftz, sat))
	default:
		return m.badType(t)
	}
	return b.bind(t, t, t)
}

func decodeFma(b *builder, m *mods) error {
	t := m.typ()
	if !t.float() {
		return m.badType(t)
	}
	return decodeFloatFma(b, m, t)
}

func decodeFloatFma(b *builder, m *mods, t scalar) error {
	mode, given := m.rounding()
	if t.half() {
		if mode != roundNearest || m.op != "fma" {
			return m.badType(t)
		}
		return decodeHalfFma(b, m, t)
	}
	if !given {
		return b.fail("%s.%v needs a rounding: .rn", m.op, t)
	}
	b.in.class = ClassFP32
	switch t {
	case tF64:
		if mode != roundNearest {
			return b.fail("%s.f64 rounds to nearest only", m.op)
		}
		b.in.class = ClassFP64
		b.in.run = ternary64(func(x, y, z uint64) uint64 {
			return bits64(math.FMA(math.Float64frombits(x), math.Float64frombits(y), math.Float64frombits(z)))
		})
	case tF32:
		ftz, sat := m.has("ftz"), m.has("sat")
		if mode == roundNearest && !ftz && !sat {
			b.in.run = b.loops.fmaF32
			break
		}
		b.in.run = ternary32(finish3(func(x, y, z uint32) uint32 {
			return round32(sumOdd(f64of(x)*f64of(y), f64of(z), mode), mode)
		}, ftz, sat))
	default:
		return m.badType(t)
	}
	return b.bind(t, t, t, t)
}

// decodeFloatDiv: .rn is exact; .approx and .full are computed exactly too, which
// is within the hardware's two units in the last place.
func decodeFloatDiv(b *builder, m *mods, t scalar) error {
	approx := m.one("approx", "full") != ""
	mode, given := m.rounding()
	if approx == given {
		return b.fail("div.%v needs one of .rn, .approx, .full", t)
	}
	switch {
	case t == tF64 && !approx && mode == roundNearest:
		b.in.class = ClassFP64
		b.in.run = binary64(func(x, y uint64) uint64 { return bits64(math.Float64frombits(x) / math.Float64frombits(y)) })
	case t == tF32:
		b.in.class = ClassFP32
		if approx {
			b.in.class = ClassSpecial
		}
		b.in.run = binary32(finish2(func(x, y uint32) uint32 { return divide32(x, y, mode) }, m.has("ftz"), m.has("sat")))
	default:
		return m.badType(t)
	}
	return b.bind(t, t, t)
}

// divide32 rounds x/y once: the remainder tells on which side of the float64
// quotient the exact one lies, which makes it odd.
func divide32(x, y uint32, mode rounding) uint32 {
	a, c := f64of(x), f64of(y)
	q := a / c
	return round32(oddQuotient(q, math.FMA(-q, c, a), c), mode)
}

func oddQuotient(q, rem, divisor float64) float64 {
	if rem == 0 || rem != rem || q == 0 || math.IsInf(q, 0) {
		return q
	}
	b := math.Float64bits(q)
	above := (rem > 0) == (divisor > 0) // the exact quotient lies above q
	if above != (q > 0) {
		b--
	}
	return math.Float64frombits(b | 1)
}

func decodeFloatMinMax(b *builder, m *mods, t scalar) error {
	most := m.op == "max"
	if t.half() {
		return decodeHalfMinMax(b, m, t)
	}
	if t == tF64 {
		b.in.class = ClassFP64
		b.in.run = binary64(func(x, y uint64) uint64 { return minmax64(x, y, most) })
		return b.bind(t, t, t)
	}
	if t != tF32 {
		return m.badType(t)
	}
	b.in.class = ClassFP32
	ftz, nan := m.has("ftz"), m.has("NaN")
	if nan {
		if err := b.need(80, 70); err != nil {
			return err
		}
	}
	f := min32
	if most {
		f = max32
	}
	switch {
	case nan:
		b.in.run = binary32(finish2(func(x, y uint32) uint32 {
			if f32(x) != f32(x) || f32(y) != f32(y) {
				return nan32
			}
			return f(x, y)
		}, ftz, false))
	case most && !ftz:
		b.in.run = b.loops.maxF32
	default:
		b.in.run = binary32(finish2(f, ftz, false))
	}
	return b.bind(t, t, t)
}

func decodeFloatSign(b *builder, m *mods, t scalar) error {
	abs := m.op == "abs"
	switch t {
	case tF32:
		b.in.class = ClassFP32
		b.in.run = unary32(finish1(func(x uint32) uint32 {
			if abs {
				return x &^ 0x80000000
			}
			return x ^ 0x80000000
		}, m.has("ftz"), false))
	case tF64:
		b.in.class = ClassFP64
		b.in.run = unary64(func(x uint64) uint64 {
			if abs {
				return x &^ (1 << 63)
			}
			return x ^ 1<<63
		})
	case tF16, tBF16, tF16x2, tBF16x2:
		b.in.class = ClassFP16
		m.has("ftz")
		sign := uint32(0x8000)
		if t.size() == 4 {
			sign = 0x80008000
		}
		b.in.run = unary32(func(x uint32) uint32 {
			if abs {
				return x &^ sign
			}
			return x ^ sign
		})
	default:
		return m.badType(t)
	}
	return b.bind(t, t)
}

// transcendental gives the function behind an opcode; results are rounded from
// float64, which is closer than the hardware's approximations.
func transcendental(op string) func(x float64) float64 {
	switch op {
	case "rcp":
		return func(x float64) float64 { return 1 / x }
	case "sqrt":
		return math.Sqrt
	case "rsqrt":
		return func(x float64) float64 {
			if x == 0 {
				return math.Copysign(math.Inf(1), x)
			}
			return 1 / math.Sqrt(x)
		}
	case "sin":
		return math.Sin
	case "cos":
		return math.Cos
	case "lg2":
		return math.Log2
	case "ex2":
		return math.Exp2
	}
	return math.Tanh
}

func decodeTranscendental(b *builder, m *mods) error {
	t := m.typ()
	approx := m.has("approx")
	mode, given := m.rounding()
	f := transcendental(m.op)
	exact := m.op == "rcp" || m.op == "sqrt"
	if approx == given || given && !exact {
		return b.fail("%s.%v needs .approx%s", m.op, t, map[bool]string{true: " or .rn"}[exact])
	}
	b.in.class = ClassSpecial
	if t.half() && (m.op == "ex2" || m.op == "tanh") {
		if err := b.need(75, 70); err != nil {
			return err
		}
		m.has("ftz")
		b.in.run = unary32(halfwise1(t, func(x float32) float64 { return f(float64(x)) }))
		return b.bind(t, t)
	}
	switch t {
	case tF32:
		if m.op == "tanh" {
			if err := b.need(75, 70); err != nil {
				return err
			}
		}
		ftz := m.has("ftz")
		b.in.run = unary32(finish1(func(x uint32) uint32 {
			v := f(f64of(x))
			if given {
				v = oddRoot(m.op, f64of(x), v)
			}
			return round32(v, mode)
		}, ftz, false))
	case tF64:
		if m.op == "rcp" && approx || m.op == "rsqrt" {
			m.has("ftz")
		} else if !exact || approx || mode != roundNearest {
			return m.badType(t)
		}
		b.in.class = ClassFP64
		b.in.run = unary64(func(x uint64) uint64 { return bits64(f(math.Float64frombits(x))) })
	default:
		return m.badType(t)
	}
	return b.bind(t, t)
}

// oddRoot makes the float64 result of rcp or sqrt odd when it is inexact, so that
// it rounds correctly in every direction.
func oddRoot(op string, x, v float64) float64 {
	if op == "rcp" {
		return oddQuotient(v, math.FMA(-v, x, 1), x)
	}
	return oddQuotient(v, math.FMA(-v, v, x), 1)
}

func decodeCopysign(b *builder, m *mods) error {
	t := m.typ()
	switch t {
	case tF32:
		b.in.class = ClassFP32
		b.in.run = binary32(func(x, y uint32) uint32 { return y&^(1<<31) | x&(1<<31) })
	case tF64:
		b.in.class = ClassFP64
		b.in.run = binary64(func(x, y uint64) uint64 { return y&^(1<<63) | x&(1<<63) })
	default:
		return m.badType(t)
	}
	return b.bind(t, t, t)
}

func decodeTestp(b *builder, m *mods) error {
	what := m.one("finite", "infinite", "number", "notanumber", "normal", "subnormal")
	t := m.typ()
	if t != tF32 && t != tF64 {
		return m.badType(t)
	}
	if what == "" {
		return b.fail("testp without a test")
	}
	man, exp := 23, uint64(0xff)
	if t == tF64 {
		man, exp = 52, 0x7ff
	}
	test := func(x uint64) bool {
		e, f := x>>man&exp, x&(1<<man-1)
		switch what {
		case "finite":
			return e != exp
		case "infinite":
			return e == exp && f == 0
		case "number":
			return e != exp || f == 0
		case "notanumber":
			return e == exp && f != 0
		case "normal":
			return e != exp && e != 0
		}
		return e == 0 && f != 0
	}
	b.in.class = ClassFP32
	wide := t == tF64
	b.in.run = func(w *warp, in *inst, m uint32) {
		r := uint32(0)
		for l := range 32 {
			if test(w.lane(in.a, wide, l)) {
				r |= 1 << l
			}
		}
		w.setPred(in.d, m, r)
	}
	return b.bind(tPred, t)
}
