package format_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/potion-engine/potion/engine/format"
	"github.com/x448/float16"
)

func sameOrNaN(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// TestF16 holds the conversions to github.com/x448/float16 (verified by its authors
// against hardware): all 65536 numbers one way; the other way each of them, the
// halfway points above them, the neighbours of both, and random bits.
func TestF16(t *testing.T) {
	t.Parallel()
	check := func(x float32) {
		got, want := format.F32ToF16(x), float16.Fromfloat32(x).Bits()
		if x != x {
			if back := format.F16ToF32(got); back == back {
				t.Errorf("NaN %08x became %04x, which is no NaN", math.Float32bits(x), got)
			}
		} else if got != want {
			t.Errorf("F32ToF16(%v = %08x) = %04x, want %04x", x, math.Float32bits(x), got, want)
		}
	}
	for h := 0; h < 1<<16; h++ {
		x := format.F16ToF32(uint16(h))
		if want := float16.Frombits(uint16(h)).Float32(); !sameOrNaN(x, want) {
			t.Errorf("F16ToF32(%04x) = %v, want %v", h, x, want)
		}
		bits := math.Float32bits(x)
		halfway := math.Float32bits((x + format.F16ToF32(uint16(h)+1)) / 2)
		for _, b := range []uint32{bits, halfway} {
			for d := -1; d <= 1; d++ {
				check(math.Float32frombits(b + uint32(d)))
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		check(math.Float32frombits(rng.Uint32()))
	}
	for _, x := range []float32{65504, 65519.996, 65520, 65536, math.MaxFloat32, float32(math.Inf(-1))} {
		check(x)
		check(-x)
	}
}

// TestBF16 checks nearest-even rounding against its definition: no other bfloat16
// number is nearer, and of two equally near ones the even is taken.
func TestBF16(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 400000 {
		bits := rng.Uint32()
		if i%4 == 0 { // halfway points
			bits = bits&0xffff0000 | 0x8000
		}
		x := math.Float32frombits(bits)
		h := format.F32ToBF16(x)
		y := format.BF16ToF32(h)
		switch {
		case x != x:
			if y == y {
				t.Fatalf("NaN %08x became %04x, which is no NaN", bits, h)
			}
		case math.IsInf(float64(y), 0):
			// The largest finite number is 0x7f7f; half a step above it is 0x7f7f8000.
			if bits&0x7fffffff < 0x7f7f8000 {
				t.Fatalf("%08x became infinite", bits)
			}
		default:
			down, up := format.BF16ToF32(uint16(bits>>16)), format.BF16ToF32(uint16(bits>>16)+1)
			want := down
			lower, upper := math.Abs(float64(x)-float64(down)), math.Abs(float64(up)-float64(x))
			if upper < lower || upper == lower && bits>>16&1 == 1 {
				want = up
			}
			if y != want {
				t.Fatalf("%08x became %v, want %v", bits, y, want)
			}
		}
	}
	for _, h := range []uint16{0, 0x8000, 0x7f80, 0xff80, 0x0001, 0x3f80} {
		if got := format.F32ToBF16(format.BF16ToF32(h)); got != h {
			t.Errorf("%04x came back as %04x", h, got)
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	x := normal(10, 4096, 1)
	h := make([]uint16, len(x))
	b.Run("F32ToF16", func(b *testing.B) {
		b.SetBytes(int64(4 * len(x)))
		for b.Loop() {
			for i, v := range x {
				h[i] = format.F32ToF16(v)
			}
		}
	})
	b.Run("F16ToF32", func(b *testing.B) {
		b.SetBytes(int64(4 * len(x)))
		for b.Loop() {
			for i, v := range h {
				x[i] = format.F16ToF32(v)
			}
		}
	})
}
