package emulator

import "math/bits"

func (t scalar) integer16up() bool { return t.integer() && t.size() >= 2 }

func decodeAddSub(b *builder, m *mods) error {
	t := m.typ()
	if t.float() {
		return decodeFloatArith(b, m, t)
	}
	if !t.integer16up() {
		return m.badType(t)
	}
	sub := m.op == "sub"
	b.in.class = ClassInt
	if m.has("cc") {
		return b.carry(t, m.op, false, true)
	}
	if m.has("sat") {
		if t != tS32 {
			return m.badType(t)
		}
		b.in.run = binary32(func(x, y uint32) uint32 { return saturate32(int64(int32(x)), int64(int32(y)), sub) })
		return b.bind(t, t, t)
	}
	switch {
	case t.size() == 8 && sub:
		b.in.run = b.loops.sub64
	case t.size() == 8:
		b.in.run = b.loops.add64
	case t.size() == 2 && sub:
		b.in.run = binary32(func(x, y uint32) uint32 { return (x - y) & 0xffff })
	case t.size() == 2:
		b.in.run = binary32(func(x, y uint32) uint32 { return (x + y) & 0xffff })
	case sub:
		b.in.run = b.loops.sub32
	default:
		b.in.run = b.loops.add32
	}
	return b.bind(t, t, t)
}

func saturate32(x, y int64, sub bool) uint32 {
	if sub {
		y = -y
	}
	return uint32(min(max(x+y, -1<<31), 1<<31-1))
}

func mulHi32(t scalar) func(x, y uint32) uint32 {
	switch t {
	case tS32:
		return func(x, y uint32) uint32 { return uint32(int64(int32(x)) * int64(int32(y)) >> 32) }
	case tS16:
		return func(x, y uint32) uint32 { return uint32(int32(int16(x))*int32(int16(y))>>16) & 0xffff }
	case tU16:
		return func(x, y uint32) uint32 { return x * y >> 16 }
	}
	return func(x, y uint32) uint32 { return uint32(uint64(x) * uint64(y) >> 32) }
}

func mulHi64(t scalar) func(x, y uint64) uint64 {
	if t == tU64 {
		return func(x, y uint64) uint64 { hi, _ := bits.Mul64(x, y); return hi }
	}
	return func(x, y uint64) uint64 {
		hi, _ := bits.Mul64(x, y)
		return hi - y&uint64(int64(x)>>63) - x&uint64(int64(y)>>63)
	}
}

// wideType is the type of a product of two values of type t.
func wideType(t scalar) scalar {
	switch t {
	case tU16:
		return tU32
	case tS16:
		return tS32
	case tU32:
		return tU64
	}
	return tS64
}

func mulWide16(t scalar) func(x, y uint32) uint32 {
	if t == tS16 {
		return func(x, y uint32) uint32 { return uint32(int32(int16(x)) * int32(int16(y))) }
	}
	return func(x, y uint32) uint32 { return x * y }
}

func decodeMul(b *builder, m *mods) error {
	t := m.typ()
	if t.float() {
		return decodeFloatArith(b, m, t)
	}
	if !t.integer16up() {
		return m.badType(t)
	}
	b.in.class = ClassInt
	switch m.one("lo", "hi", "wide") {
	case "lo":
		switch t.size() {
		case 2:
			b.in.run = binary32(func(x, y uint32) uint32 { return x * y & 0xffff })
		case 4:
			b.in.run = b.loops.mul32
		default:
			b.in.run = binary64(func(x, y uint64) uint64 { return x * y })
		}
		return b.bind(t, t, t)
	case "hi":
		if t.size() == 8 {
			b.in.run = binary64(mulHi64(t))
		} else {
			b.in.run = binary32(mulHi32(t))
		}
		return b.bind(t, t, t)
	case "wide":
		switch t {
		case tU16, tS16:
			b.in.run = binary32(mulWide16(t))
		case tU32:
			b.in.run = b.loops.mulWideU32
		case tS32:
			b.in.run = b.loops.mulWideS32
		default:
			return m.badType(t)
		}
		return b.bind(wideType(t), t, t)
	}
	return b.fail("mul.%v needs .lo, .hi or .wide", t)
}

func decodeMad(b *builder, m *mods) error {
	t := m.typ()
	if t.float() {
		return decodeFloatFma(b, m, t)
	}
	if !t.integer16up() {
		return m.badType(t)
	}
	b.in.class = ClassInt
	half := m.one("lo", "hi", "wide")
	if m.has("cc") {
		if half == "wide" {
			return b.fail("mad.wide has no .cc")
		}
		return b.carry(t, "mad"+half, false, true)
	}
	sat := m.has("sat")
	if sat && (t != tS32 || half != "hi") {
		return b.fail("unknown modifier .sat of mad")
	}
	switch half {
	case "lo":
		switch t.size() {
		case 2:
			b.in.run = ternary32(func(x, y, z uint32) uint32 { return (x*y + z) & 0xffff })
		case 4:
			b.in.run = b.loops.mad32
		default:
			b.in.run = ternary64(func(x, y, z uint64) uint64 { return x*y + z })
		}
		return b.bind(t, t, t, t)
	case "hi":
		if t.size() == 8 {
			hi := mulHi64(t)
			b.in.run = ternary64(func(x, y, z uint64) uint64 { return hi(x, y) + z })
			return b.bind(t, t, t, t)
		}
		hi := mulHi32(t)
		mask := uint32(uint64(1)<<t.bits() - 1)
		b.in.run = ternary32(func(x, y, z uint32) uint32 {
			if sat {
				return saturate32(int64(int32(hi(x, y))), int64(int32(z)), false)
			}
			return (hi(x, y) + z) & mask
		})
		return b.bind(t, t, t, t)
	case "wide":
		switch t {
		case tU16, tS16:
			wide := mulWide16(t)
			b.in.run = ternary32(func(x, y, z uint32) uint32 { return wide(x, y) + z })
		case tU32:
			b.in.run = b.loops.madWideU32
		case tS32:
			b.in.run = b.loops.madWideS32
		default:
			return m.badType(t)
		}
		return b.bind(wideType(t), t, t, wideType(t))
	}
	return b.fail("mad.%v needs .lo, .hi or .wide", t)
}

// decode24 covers mul24 and mad24: products of the low 24 bits.
func decode24(b *builder, m *mods) error {
	t := m.typ()
	if t != tU32 && t != tS32 {
		return m.badType(t)
	}
	half := m.one("lo", "hi")
	if half == "" {
		return b.fail("%s needs .lo or .hi", m.op)
	}
	product := func(x, y uint32) uint32 {
		p := uint64(x&0xffffff) * uint64(y&0xffffff)
		if t == tS32 {
			p = uint64(int64(int32(x<<8)>>8) * int64(int32(y<<8)>>8))
		}
		if half == "hi" {
			p >>= 16
		}
		return uint32(p)
	}
	b.in.class = ClassInt
	if m.op == "mul24" {
		b.in.run = binary32(product)
		return b.bind(t, t, t)
	}
	b.in.run = ternary32(func(x, y, z uint32) uint32 { return product(x, y) + z })
	return b.bind(t, t, t, t)
}

// extend gives the value of the low bits of x as a signed or unsigned number.
func extend(t scalar, x uint64) int64 {
	n := 64 - t.bits()
	if t.signed() {
		return int64(x<<n) >> n
	}
	return int64(x << n >> n)
}

func decodeSad(b *builder, m *mods) error {
	t := m.typ()
	if !t.integer16up() {
		return m.badType(t)
	}
	b.in.class = ClassInt
	less := func(x, y uint64) bool {
		if t.signed() {
			return extend(t, x) < extend(t, y)
		}
		return x < y
	}
	sad := func(x, y, z uint64) uint64 {
		if less(x, y) {
			return z + y - x
		}
		return z + x - y
	}
	if t.size() == 8 {
		b.in.run = ternary64(sad)
	} else {
		mask := uint32(uint64(1)<<t.bits() - 1)
		b.in.run = ternary32(func(x, y, z uint32) uint32 { return uint32(sad(uint64(x), uint64(y), uint64(z))) & mask })
	}
	return b.bind(t, t, t, t)
}

// divide is integer division as NVIDIA's hardware does it: a quotient by zero is
// all ones, a remainder by zero the dividend.
func divide(t scalar, x, y uint64, rem bool) uint64 {
	if y == 0 {
		if rem {
			return x
		}
		return ^uint64(0)
	}
	if !t.signed() {
		if rem {
			return x % y
		}
		return x / y
	}
	p, q := extend(t, x), extend(t, y)
	if q == -1 {
		if rem {
			return 0
		}
		return uint64(-p)
	}
	if rem {
		return uint64(p % q)
	}
	return uint64(p / q)
}

func decodeDiv(b *builder, m *mods) error {
	t := m.typ()
	rem := m.op == "rem"
	if t.float() && !rem {
		return decodeFloatDiv(b, m, t)
	}
	if !t.integer16up() {
		return m.badType(t)
	}
	b.in.class = ClassInt
	if t.size() == 8 {
		b.in.run = binary64(func(x, y uint64) uint64 { return divide(t, x, y, rem) })
	} else {
		b.in.run = binary32(trimmed(func(x, y uint32) uint32 { return uint32(divide(t, uint64(x), uint64(y), rem)) }, t.bits()))
	}
	return b.bind(t, t, t)
}

func decodeMinMax(b *builder, m *mods) error {
	t := m.typ()
	if t.float() {
		return decodeFloatMinMax(b, m, t)
	}
	if !t.integer16up() {
		return m.badType(t)
	}
	b.in.class = ClassInt
	most := m.op == "max"
	relu := m.has("relu")
	pick := func(x, y uint64) uint64 {
		less := x < y
		if t.signed() {
			less = extend(t, x) < extend(t, y)
		}
		if less == most {
			x = y
		}
		if relu && extend(t, x) < 0 {
			return 0
		}
		return x
	}
	if relu && t != tS32 {
		return m.badType(t)
	}
	if t.size() == 8 {
		b.in.run = binary64(pick)
	} else {
		b.in.run = binary32(func(x, y uint32) uint32 { return uint32(pick(uint64(x), uint64(y))) })
	}
	return b.bind(t, t, t)
}

func decodeSign(b *builder, m *mods) error {
	t := m.typ()
	if t.float() {
		return decodeFloatSign(b, m, t)
	}
	if !t.signed() || t.size() < 2 {
		return m.badType(t)
	}
	b.in.class = ClassInt
	abs := m.op == "abs"
	f := func(x uint64) uint64 {
		v := extend(t, x)
		if !abs || v < 0 {
			v = -v
		}
		return uint64(v)
	}
	if t.size() == 8 {
		b.in.run = unary64(f)
	} else {
		mask := uint32(uint64(1)<<t.bits() - 1)
		b.in.run = unary32(func(x uint32) uint32 { return uint32(f(uint64(x))) & mask })
	}
	return b.bind(t, t)
}
