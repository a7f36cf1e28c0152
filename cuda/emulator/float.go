package emulator

import "math"

// Scalar floating-point semantics. f32 values are passed as bits. Results of
// invalid operations are the hardware's canonical NaN.

const (
	nan32 = 0x7fffffff
	inf32 = 0x7f800000
	nan64 = 0x7fffffffffffffff
	nan16 = 0x7fff
)

// rounding is a rounding direction.
type rounding uint8

const (
	roundNearest rounding = iota
	roundZero
	roundDown
	roundUp
	roundAway // nearest, ties away from zero
)

func (m *mods) rounding() (r rounding, given bool) {
	switch m.one("rn", "rz", "rm", "rp") {
	case "rn":
		return roundNearest, true
	case "rz":
		return roundZero, true
	case "rm":
		return roundDown, true
	case "rp":
		return roundUp, true
	}
	return roundNearest, false
}

func f32(x uint32) float32 { return math.Float32frombits(x) }

func f64of(x uint32) float64 { return float64(math.Float32frombits(x)) }

func bits32(f float32) uint32 {
	if f != f {
		return nan32
	}
	return math.Float32bits(f)
}

func bits64(f float64) uint64 {
	if f != f {
		return nan64
	}
	return math.Float64bits(f)
}

// flush makes a denormal f32 a zero of its sign.
func flush(x uint32) uint32 {
	if x&inf32 == 0 {
		return x & 0x80000000
	}
	return x
}

// saturate clamps an f32 to [0, 1]; NaN becomes 0.
func saturate(x uint32) uint32 {
	f := f32(x)
	switch {
	case !(f > 0):
		return 0
	case f > 1:
		return math.Float32bits(1)
	}
	return x
}

// addOdd returns x+y rounded to odd: when the sum is inexact, the truncated value
// with its last bit set. Rounding that once more, to at most 51 bits, equals
// rounding the exact sum.
func addOdd(x, y float64) float64 {
	s := x + y
	if math.IsInf(s, 0) || s != s {
		return s
	}
	// The error of the sum, exactly (Knuth's TwoSum).
	t := s - x
	e := (x - (s - t)) + (y - t)
	if e == 0 {
		return s
	}
	b := math.Float64bits(s)
	if (e > 0) != (s > 0) {
		b--
	}
	return math.Float64frombits(b | 1)
}

// sumOdd is addOdd for any rounding: a sum of opposites is -0 when rounding down.
func sumOdd(x, y float64, mode rounding) float64 {
	s := addOdd(x, y)
	if s == 0 && mode == roundDown && math.Signbit(x) != math.Signbit(y) {
		return math.Copysign(0, -1)
	}
	return s
}

// fma32 is a*b+c with one rounding. The product is exact in float64; the sum is
// rounded twice, which differs from once only when it lands on the midpoint of
// two float32 values or in float32's denormals.
func fma32(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	u := math.Float64bits(s)
	if u&0x1fffffff == 0x10000000 || u<<1>>53 < 1023-126 {
		return float32(addOdd(p, float64(c)))
	}
	return float32(s)
}

// round32 rounds a float64 to f32 in the given direction. The value may be one
// rounded to odd.
func round32(x float64, mode rounding) uint32 {
	f := float32(x)
	if mode == roundNearest || f != f {
		return bits32(f)
	}
	back := float64(f)
	if back == x {
		return bits32(f)
	}
	b := math.Float32bits(f)
	up := mode == roundUp || mode == roundZero && x < 0
	down := mode == roundDown || mode == roundZero && x > 0
	switch {
	case back > x && down, back < x && up:
		return stepToward(b, back < x)
	}
	return b
}

// stepToward gives the next f32 above (or below) the one with bits b.
func stepToward(b uint32, above bool) uint32 {
	negative := b>>31 != 0
	switch {
	case b<<1 == 0 && above:
		return 1
	case b<<1 == 0:
		return 0x80000001
	case negative == above:
		return b - 1
	}
	return b + 1
}

// smallFloat is a 16-bit floating-point format.
type smallFloat struct {
	mantissa int
	bias     int
}

var (
	halfFormat  = smallFloat{10, 15}
	brainFormat = smallFloat{7, 127}
)

func formatOf(t scalar) smallFloat {
	if t == tBF16 || t == tBF16x2 {
		return brainFormat
	}
	return halfFormat
}

func (f smallFloat) inf() uint32 { return uint32(0x7fff) >> f.mantissa << f.mantissa }

// round rounds a float64 (exact, or rounded to odd) to the format.
func (f smallFloat) round(x float64, mode rounding) uint32 {
	u := math.Float64bits(x)
	sign := uint32(u >> 48 & 0x8000)
	abs := u &^ (1 << 63)
	if abs > 0x7ff<<52 {
		return nan16
	}
	if abs == 0x7ff<<52 {
		return sign | f.inf()
	}
	if abs == 0 {
		return sign
	}
	exp := int(abs>>52) - 1023
	man := abs&(1<<52-1) | 1<<52
	if abs>>52 == 0 {
		exp, man = -1022, abs
	}
	drop := 52 - f.mantissa // bits that go
	e := exp + f.bias
	if e < 1 {
		drop += 1 - e
		e = 1
	}
	if drop > 60 {
		drop, man = 60, 1 // far below the smallest value: only its presence counts
	}
	kept := man >> drop
	rest := man & (1<<drop - 1)
	half := uint64(1) << (drop - 1)
	up := false
	switch mode {
	case roundNearest:
		up = rest > half || rest == half && kept&1 == 1
	case roundAway:
		up = rest >= half
	case roundUp:
		up = rest != 0 && sign == 0
	case roundDown:
		up = rest != 0 && sign != 0
	}
	if up {
		kept++
	}
	// A carry out of the mantissa runs into the exponent as it should.
	r := uint32(kept) + uint32(e-1)<<f.mantissa
	if r >= f.inf() {
		if mode == roundZero || mode == roundUp && sign != 0 || mode == roundDown && sign == 0 {
			return sign | (f.inf() - 1)
		}
		return sign | f.inf()
	}
	return sign | r
}

func halfToFloat(h uint32) float32 {
	b := (h & 0x7fff) << 13
	if h&0x7c00 == 0x7c00 {
		if h&0x3ff != 0 {
			return f32(nan32)
		}
		return f32(inf32 | (h&0x8000)<<16)
	}
	// Scaling by 2^112 moves the exponent and makes denormals normal.
	return f32(math.Float32bits(f32(b)*0x1p112) | (h&0x8000)<<16)
}

func brainToFloat(h uint32) float32 { return f32(h << 16) }

func (f smallFloat) float(h uint32) float32 {
	if f.mantissa == 7 {
		return brainToFloat(h & 0xffff)
	}
	return halfToFloat(h & 0xffff)
}

// floatToHalf is cvt.rn.f16.f32.
func floatToHalf(x uint32) uint32 {
	abs := x & 0x7fffffff
	if abs >= 0x38800000 && abs < 0x477ff000 { // normal, below the rounding to infinity
		r := abs + 0xfff + abs>>13&1
		return x>>16&0x8000 | (r-0x38000000)>>13
	}
	return halfFormat.round(f64of(x), roundNearest)
}

// floatToBrain is cvt.rn.bf16.f32.
func floatToBrain(x uint32) uint32 {
	if x&0x7fffffff > inf32 {
		return nan16
	}
	return (x + 0x7fff + x>>16&1) >> 16
}

// min32 and max32: a NaN loses to a number, -0 is less than +0.
func min32(x, y uint32) uint32 {
	a, b := f32(x), f32(y)
	switch {
	case a != a && b != b:
		return nan32
	case a != a:
		return y
	case b != b:
		return x
	case a == b:
		return x | y&0x80000000
	case a < b:
		return x
	}
	return y
}

func max32(x, y uint32) uint32 {
	a, b := f32(x), f32(y)
	switch {
	case a != a && b != b:
		return nan32
	case a != a:
		return y
	case b != b:
		return x
	case a == b && x>>31 != 0:
		return y
	case a == b:
		return x
	case a > b:
		return x
	}
	return y
}

func minmax64(x, y uint64, most bool) uint64 {
	a, b := math.Float64frombits(x), math.Float64frombits(y)
	switch {
	case a != a && b != b:
		return nan64
	case a != a:
		return y
	case b != b:
		return x
	case most:
		return math.Float64bits(math.Max(a, b))
	}
	return math.Float64bits(math.Min(a, b))
}
