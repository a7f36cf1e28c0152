package format_test

import (
	"math"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

func quantized(x []float32) format.Q8 {
	q := format.NewQ8(len(x))
	q.Quantize(x)
	return q
}

// TestActivationsError holds the integers to the definition in float64 and to its
// error bound.
func TestActivationsError(t *testing.T) {
	t.Parallel()
	for _, scale := range []float64{1, 1e-3, 1e-30, 1e30} {
		x := normal(11, 8192, scale)
		q := quantized(x)
		y := make([]float32, len(x))
		format.DequantizeActivations(y, q.Qs, q.D)
		for b, d := range q.D {
			var largest float64
			for _, v := range x[32*b:][:32] {
				largest = max(largest, math.Abs(float64(v)))
			}
			if want := float32(largest / 127); d != want {
				t.Fatalf("block %d: scale %v, want %v", b, d, want)
			}
			for i := 32 * b; i < 32*b+32; i++ {
				gap := math.Abs(float64(x[i]) - float64(d)*float64(q.Qs[i]))
				if gap > float64(d)*(0.5+0x1p-16) || y[i] != d*float32(q.Qs[i]) {
					t.Fatalf("%v became %d * %v = %v", x[i], q.Qs[i], d, y[i])
				}
			}
		}
		for j, sum := range q.Sums {
			var want int
			for _, n := range q.Qs[16*j:][:16] {
				want += int(n)
			}
			if int(sum) != want {
				t.Fatalf("sum %d = %d, want %d", j, sum, want)
			}
		}
	}
}

func TestActivationsRounding(t *testing.T) {
	t.Parallel()
	x := make([]float32, 32)
	copy(x, []float32{127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -127, 0.49999997, 3.5000002})
	q := quantized(x)
	want := []int8{127, 0, 2, 2, 0, -2, -2, 126, -127, 0, 4, 0}
	if q.D[0] != 1 || !slices.Equal(q.Qs[:len(want)], want) {
		t.Errorf("scale %v, integers %v, want 1, %v", q.D[0], q.Qs[:len(want)], want)
	}
}

func TestActivationsExtremes(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	block := func(values ...float32) []float32 {
		x := make([]float32, 32)
		copy(x[7:], values)
		return x
	}
	cases := []struct {
		name  string
		x     []float32
		scale float32
		at7   int8
	}{
		{"zeros", block(), 0, 0},
		{"NaN", block(nan, 1), nan, 0},
		{"infinity", block(inf), nan, 0},
		{"minus infinity", block(-inf, 5), nan, 0},
		{"NaN after infinity", block(inf, nan), nan, 0},
		{"largest", block(math.MaxFloat32, -math.MaxFloat32), float32(math.MaxFloat32) / 127, 127},
		{"minus largest", block(-math.MaxFloat32), float32(math.MaxFloat32) / 127, -127},
		{"smallest scale", block(127 * 0x1p-126), 0x1p-126, 127},
		{"scale would be subnormal", block(126 * 0x1p-126), 0, 0},
		{"subnormal", block(math.SmallestNonzeroFloat32), 0, 0},
	}
	for _, c := range cases {
		// The same block between two plain ones, which it must leave alone.
		plain := normal(12, 32, 1)
		q := quantized(slices.Concat(plain, c.x, plain))
		if !sameOrNaN(q.D[1], c.scale) || q.Qs[32+7] != c.at7 {
			t.Errorf("%s: scale %v, integer %d, want %v, %d", c.name, q.D[1], q.Qs[32+7], c.scale, c.at7)
		}
		if alone := quantized(plain); q.D[0] != alone.D[0] || q.D[2] != alone.D[0] || !slices.Equal(q.Qs[64:], alone.Qs) {
			t.Errorf("%s: the blocks beside it changed", c.name)
		}
	}
}

func BenchmarkQuantizeActivations(b *testing.B) {
	x := normal(13, 4096, 1)
	q := format.NewQ8(len(x))
	b.SetBytes(int64(4 * len(x)))
	b.ReportAllocs()
	for b.Loop() {
		q.Quantize(x)
	}
}
