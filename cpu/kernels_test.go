package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

// numbers is n random numbers with a normal distribution.
func numbers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// pack packs random rows and gives back the numbers that the bytes stand for.
func pack(r *rand.Rand, f format.Format, rows, cols int) (packed []byte, unpacked []float32) {
	packed = make([]byte, rows*f.RowBytes(cols))
	unpacked = numbers(r, rows*cols)
	f.Quantize(packed, unpacked)
	f.Dequantize(unpacked, packed)
	return packed, unpacked
}

// exactDot is the float64 sum and the sum of magnitudes, which bounds its error.
func exactDot(a, b []float32) (sum, size float64) {
	for i, v := range a {
		p := float64(v) * float64(b[i])
		sum += p
		size += math.Abs(p)
	}
	return sum, size
}

func TestDot(t *testing.T) {
	t.Parallel()
	r := seeded(1)
	for _, n := range []int{0, 1, 7, 8, 9, 31, 255, 256, 257, 511, 512, 513, 4099} {
		a, b := numbers(r, n), numbers(r, n)
		want, size := exactDot(a, b)
		if got := float64(dot(a, b)); math.Abs(got-want) > 1e-6*size {
			t.Errorf("%d products: %v, want %v", n, got, want)
		}
	}
}

func TestDotRowGivesTheBitsOfDot(t *testing.T) {
	t.Parallel()
	k := plainKernels()
	r := seeded(2)
	var buf [chunk]float32
	for _, f := range format.All() {
		for _, n := range []int{1, 5, 31, 32, 64, 250, 256, 288, 512, 768, 1000} {
			if f.CheckCols(n) != nil {
				continue
			}
			packed, unpacked := pack(r, f, 1, n)
			x := numbers(r, n)
			if got, want := k.dotRow[f](packed, x, &buf), dot(unpacked, x); got != want {
				t.Errorf("%v, %d numbers: dotRow %v, dot %v", f, n, got, want)
			}
		}
	}
}

// Any bytes are a valid row: also codes and scales that Quantize never writes, NaN and
// infinity among them.
func TestUnpackGivesTheBitsOfDequantize(t *testing.T) {
	t.Parallel()
	r := seeded(9)
	for _, f := range format.All() {
		for range 50 {
			n := 3 * max(f.BlockLen(), 11)
			packed := make([]byte, f.RowBytes(n))
			for i := range packed {
				packed[i] = byte(r.Uint32())
			}
			got, want := make([]float32, n), make([]float32, n)
			unpackers[f](got, packed)
			f.Dequantize(want, packed)
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
					t.Fatalf("%v, number %d: %v, want %v", f, i, got[i], want[i])
				}
			}
		}
	}
}

func TestUnpackEveryHalf(t *testing.T) {
	t.Parallel()
	for h := range 1 << 16 {
		var got [1]float32
		unpackF16(got[:], []byte{byte(h), byte(h >> 8)})
		if want := format.F16ToF32(uint16(h)); math.Float32bits(got[0]) != math.Float32bits(want) {
			t.Fatalf("%#04x: %v, want %v", h, got[0], want)
		}
	}
}

func TestDotBlocks(t *testing.T) {
	t.Parallel()
	r := seeded(3)
	for _, f := range format.All() {
		if blockDots[f] == nil {
			continue
		}
		for _, n := range []int{32, 96, 256, 2048} {
			if f.CheckCols(n) != nil {
				continue
			}
			for range 20 {
				packed, unpacked := pack(r, f, 1, n)
				x := numbers(r, n)
				q := format.NewQ8(n)
				q.Quantize(x)
				format.DequantizeActivations(x, q.Qs, q.D)
				want, size := exactDot(unpacked, x)
				if got := float64(blockDots[f](packed, q)); math.Abs(got-want) > 2e-6*size {
					t.Errorf("%v, %d numbers: %v, want %v", f, n, got, want)
				}
			}
		}
	}
}

// Any bytes are a valid block: the integer loops have to agree with Dequantize on codes
// and scales that Quantize never writes.
func TestDotBlocksOfRandomBytes(t *testing.T) {
	t.Parallel()
	r := seeded(4)
	for _, f := range format.All() {
		if blockDots[f] == nil {
			continue
		}
		n := 2 * f.BlockLen()
		packed, unpacked := make([]byte, f.RowBytes(n)), make([]float32, n)
		q, x := format.NewQ8(n), make([]float32, n)
		for range 200 {
			for i := range packed {
				packed[i] = byte(r.Uint32())
			}
			f.Dequantize(unpacked, packed)
			q.Quantize(numbers(r, n))
			format.DequantizeActivations(x, q.Qs, q.D)
			want, size := exactDot(unpacked, x)
			got := float64(blockDots[f](packed, q))
			if math.IsNaN(size) || math.IsInf(size, 0) {
				if !math.IsNaN(got) && !math.IsInf(got, 0) {
					t.Fatalf("%v: %v, want no number: the block has an infinite or missing scale", f, got)
				}
				continue
			}
			// Offset and scaled codes may cancel, so that the bound is for both apart.
			if math.Abs(got-want) > 1e-5*size+1e-2 && math.Abs(got-want) > 1e-4*size {
				t.Fatalf("%v: %v, want %v", f, got, want)
			}
		}
	}
}

func TestDotsAndMix(t *testing.T) {
	t.Parallel()
	r := seeded(5)
	for _, d := range []int{1, 7, 8, 20, 64, 80} {
		for _, n := range []int{1, 3, 32} {
			q, rows, w := numbers(r, d), numbers(r, n*d), numbers(r, n)
			s := make([]float32, n)
			dots(s, q, rows, 0.5)
			for i := range s {
				if want := 0.5 * dot(q, rows[i*d:(i+1)*d]); s[i] != want {
					t.Errorf("dots %dx%d, row %d: %v, want %v", n, d, i, s[i], want)
				}
			}
			y := numbers(r, d)
			before := append([]float32(nil), y...)
			mix(y, w, rows)
			for c := range y {
				want := float64(before[c])
				for i, v := range w {
					want += float64(v) * float64(rows[i*d+c])
				}
				if math.Abs(float64(y[c])-want) > 1e-5 {
					t.Errorf("mix %dx%d, column %d: %v, want %v", n, d, c, y[c], want)
				}
			}
		}
	}
}

func TestExp(t *testing.T) {
	t.Parallel()
	r := seeded(6)
	for range 100000 {
		x := r.Float64()*1410 - 704
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 1e-9*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	for _, c := range []struct{ x, want float64 }{
		{0, 1}, {math.Inf(-1), 0}, {-1e300, 0}, {-708, 0}, {math.Inf(1), math.Inf(1)}, {1e300, math.Inf(1)}, {-1e-300, 1},
	} {
		if got := exp(c.x); got != c.want {
			t.Errorf("exp(%v) = %v, want %v", c.x, got, c.want)
		}
	}
	if got := exp(math.NaN()); !math.IsNaN(got) {
		t.Errorf("exp(NaN) = %v", got)
	}
}

var result float32

func BenchmarkUnpack(b *testing.B) {
	const n = 4096
	for _, f := range format.All() {
		packed, y := pack(seeded(10), f, 1, n)
		b.Run(f.String(), func(b *testing.B) {
			for b.Loop() {
				unpackers[f](y, packed)
			}
			speed(b, float64(len(packed)), n)
		})
	}
}

func BenchmarkDotRow(b *testing.B) {
	const n = 4096
	k := plainKernels()
	var buf [chunk]float32
	for _, f := range format.All() {
		packed, _ := pack(seeded(7), f, 1, n)
		x := numbers(seeded(8), n)
		b.Run(f.String(), func(b *testing.B) {
			for b.Loop() {
				result = k.dotRow[f](packed, x, &buf)
			}
			speed(b, float64(len(packed)), 2*n)
		})
		if k.dotBlocks[f] == nil {
			continue
		}
		q := format.NewQ8(n)
		q.Quantize(x)
		b.Run(fmt.Sprint(f, "-int8"), func(b *testing.B) {
			for b.Loop() {
				result = k.dotBlocks[f](packed, q)
			}
			speed(b, float64(len(packed)), 2*n)
		})
	}
}

// speed reports bytes and flops of one call as rates.
func speed(b *testing.B, bytes, flops float64) {
	calls := float64(b.N) / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(bytes*calls, "GB/s")
	b.ReportMetric(flops*calls, "GFLOP/s")
}
