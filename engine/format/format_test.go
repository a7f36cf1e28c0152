package format_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

// TestSizes holds the table to the sizes in ggml's header (ggml-common.h, the
// static_asserts on sizeof(block_*)).
func TestSizes(t *testing.T) {
	t.Parallel()
	sizes := []struct {
		f            format.Format
		name         string
		length, size int
		bits         float64
	}{
		{format.F32, "F32", 1, 4, 32},
		{format.F16, "F16", 1, 2, 16},
		{format.BF16, "BF16", 1, 2, 16},
		{format.Q4_0, "Q4_0", 32, 18, 4.5},
		{format.Q4_1, "Q4_1", 32, 20, 5},
		{format.Q5_0, "Q5_0", 32, 22, 5.5},
		{format.Q5_1, "Q5_1", 32, 24, 6},
		{format.Q8_0, "Q8_0", 32, 34, 8.5},
		{format.Q2_K, "Q2_K", 256, 84, 2.625},
		{format.Q3_K, "Q3_K", 256, 110, 3.4375},
		{format.Q4_K, "Q4_K", 256, 144, 4.5},
		{format.Q5_K, "Q5_K", 256, 176, 5.5},
		{format.Q6_K, "Q6_K", 256, 210, 6.5625},
	}
	var formats []format.Format
	for _, s := range sizes {
		formats = append(formats, s.f)
		if s.f.BlockLen() != s.length || s.f.BlockBytes() != s.size || s.f.BitsPerWeight() != s.bits {
			t.Errorf("%v: %d numbers in %d bytes (%v bits each), want %d in %d (%v)", s.f, s.f.BlockLen(),
				s.f.BlockBytes(), s.f.BitsPerWeight(), s.length, s.size, s.bits)
		}
		if got := s.f.RowBytes(7 * s.length); got != 7*s.size {
			t.Errorf("%v: RowBytes(%d) = %d, want %d", s.f, 7*s.length, got, 7*s.size)
		}
		for _, name := range []string{s.name, strings.ToLower(s.name)} {
			if got, err := format.Parse(name); got != s.f || err != nil {
				t.Errorf("Parse(%q) = %v, %v, want %v", name, got, err, s.f)
			}
		}
		if s.f.String() != s.name {
			t.Errorf("%v: String() = %q, want %q", s.f, s.f.String(), s.name)
		}
	}
	if !slices.Equal(format.All(), formats) {
		t.Errorf("All() = %v, want %v", format.All(), formats)
	}
}

func TestParseUnknown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Q4", "Q4_K_M", "Q8_1", "IQ4_NL", "F64"} {
		if f, err := format.Parse(name); err == nil || f.Valid() || !strings.Contains(err.Error(), "Q4_K") {
			t.Errorf("Parse(%q) = %v, %v, want an error that lists the known formats", name, f, err)
		}
	}
}

func TestCheckCols(t *testing.T) {
	t.Parallel()
	cases := []struct {
		f    format.Format
		cols int
		want string // part of the error; empty: none
	}{
		{format.F32, 1, ""},
		{format.Q4_0, 64, ""},
		{format.Q4_K, 512, ""},
		{format.Q4_0, 33, "rows of 33 numbers cannot be packed as Q4_0"},
		{format.Q6_K, 128, "its blocks hold 256 numbers"},
		{format.F16, 0, "rows of 0 numbers"},
		{format.Q8_0, -32, "rows of -32 numbers"},
		{format.F32, math.MaxInt, "too many bytes"},
		{format.Invalid, 32, "Format(0) is not a weight format"},
		{format.Format(200), 32, "Format(200) is not a weight format"},
	}
	for _, c := range cases {
		err := c.f.CheckCols(c.cols)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v.CheckCols(%d) = %v, want %q", c.f, c.cols, err, c.want)
		}
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		call func()
	}{
		{"short dst", func() { format.Q4_0.Quantize(make([]byte, 17), make([]float32, 32)) }},
		{"half block", func() { format.Q4_K.Quantize(make([]byte, 144), make([]float32, 128)) }},
		{"long dst", func() { format.Q8_0.Dequantize(make([]float32, 64), make([]byte, 34)) }},
		{"no format", func() { format.Invalid.Dequantize(nil, nil) }},
		{"unknown format", func() { format.Format(99).Quantize(nil, nil) }},
		{"dot", func() { format.Q6_K.DotRef(make([]byte, 210), make([]float32, 255)) }},
		{"activations", func() { format.NewQ8(64).Quantize(make([]float32, 32)) }},
	}
	for _, c := range cases {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "format: ") {
					t.Errorf("%s: recovered %v, want a panic that names the package", c.name, r)
				}
			}()
			c.call()
		}()
	}
}

func normal(seed uint64, n int, scale float64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64() * scale)
	}
	return x
}

func roundTrip(f format.Format, x []float32) []float32 {
	packed := make([]byte, f.RowBytes(len(x)))
	f.Quantize(packed, x)
	y := make([]float32, len(x))
	f.Dequantize(y, packed)
	return y
}

// TestRoundTrip bounds what packing loses on normally distributed numbers: the root
// mean square error over that of the numbers (ggml's own is within 5 % below), and
// the worst error over the largest magnitude of its block.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	bounds := map[format.Format]struct{ rms, worst float64 }{
		format.F32:  {0, 0},
		format.F16:  {0.00022, 0x1p-11},
		format.BF16: {0.00175, 0x1p-8},
		format.Q4_0: {0.090, 0.126}, // a step is 1/8, and +8 is clipped to +7
		format.Q4_1: {0.082, 0.068}, // half a step of at most 2/15
		format.Q5_0: {0.044, 0.064},
		format.Q5_1: {0.039, 0.034},
		format.Q8_0: {0.0057, 0.0045},
		format.Q2_K: {0.30, 0.50},
		format.Q3_K: {0.162, 0.30},
		format.Q4_K: {0.075, 0.085},
		format.Q5_K: {0.038, 0.055},
		format.Q6_K: {0.018, 0.035},
	}
	for _, f := range format.All() {
		for _, scale := range []float64{1, 0.02, 100} {
			x := normal(1, 16384, scale)
			y := roundTrip(f, x)
			var errors, squares, worst float64
			for i := 0; i < len(x); i += f.BlockLen() {
				var largest, gap float64
				for j := i; j < i+f.BlockLen(); j++ {
					d := float64(y[j]) - float64(x[j])
					errors += d * d
					squares += float64(x[j]) * float64(x[j])
					largest = max(largest, math.Abs(float64(x[j])))
					gap = max(gap, math.Abs(d))
				}
				worst = max(worst, (gap-0x1p-25)/largest) // 2^-25: half a step of subnormal F16
			}
			rms := math.Sqrt(errors / squares)
			if b := bounds[f]; !(rms <= b.rms) || !(worst <= b.worst) {
				t.Errorf("%v, scale %v: relative error rms %.5f, worst %.4f; bounds %v, %v", f, scale, rms, worst, b.rms, b.worst)
			}
		}
	}
}

// TestConstantRows packs rows of one number, which most formats hold to the
// precision of their binary16 scales.
func TestConstantRows(t *testing.T) {
	t.Parallel()
	for _, f := range format.All() {
		for _, c := range []float32{0, 1, -1, 0.3, -1000, 0.05} {
			x := slices.Repeat([]float32{c}, 512)
			for i, y := range roundTrip(f, x) {
				limit := 0x1p-8 * math.Abs(float64(c))
				if f == format.Q2_K || f == format.Q3_K || f == format.Q6_K {
					limit *= 2 // the sub-block scales round, too
				}
				if !(math.Abs(float64(y-c)) <= limit) {
					t.Errorf("%v: %v became %v at %d", f, c, y, i)
					break
				}
			}
		}
	}
}

// TestExtremes packs numbers at the ends of the range: whatever comes out, there is
// no panic, and blocks that are next to nothing stay next to nothing.
func TestExtremes(t *testing.T) {
	t.Parallel()
	const tiny = math.SmallestNonzeroFloat32
	for _, f := range format.All() {
		for name, values := range map[string][]float32{
			"subnormals":    {tiny, -tiny, 5 * tiny, 1e-40, -1e-39},
			"small normals": {1.2e-38, -3e-38, 1e-37, 0},
			"below a group": {1e-16, -1e-17, 0},
		} {
			x := make([]float32, 512)
			for i := range x {
				x[i] = values[i%len(values)]
			}
			for i, y := range roundTrip(f, x) {
				if !(math.Abs(float64(y)) <= 2e-16) {
					t.Errorf("%v, %s: %v became %v", f, name, x[i], y)
					break
				}
			}
		}
		for _, values := range [][]float32{
			{math.MaxFloat32, -math.MaxFloat32, 0, 1},
			{math.MaxFloat32}, {1e20, 2e20, 3e20}, {65504, 70000}, {math.MaxFloat32, tiny},
		} {
			x := make([]float32, 512)
			for i := range x {
				x[i] = values[i%len(values)]
			}
			roundTrip(f, x)
		}
	}
}

// TestNotFinite: NaN and infinities must neither panic nor vanish nor spread. In
// quantised formats their block becomes NaN; the others keep each number.
func TestNotFinite(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, f := range format.All() {
		clean := normal(3, 1024, 1)
		want := roundTrip(f, clean)
		for _, bad := range []float32{nan, inf, -inf} {
			const at = 300
			x := slices.Clone(clean)
			x[at] = bad
			for i, y := range roundTrip(f, x) {
				switch inBlock := i/f.BlockLen() == at/f.BlockLen(); {
				case !inBlock && y != want[i]:
					t.Fatalf("%v: %v at %d changed number %d from %v to %v", f, bad, at, i, want[i], y)
				case inBlock && f.BlockLen() == 1 && y != bad && !(bad != bad && y != y):
					t.Fatalf("%v: %v became %v", f, bad, y)
				case inBlock && f.BlockLen() > 1 && y == y:
					t.Fatalf("%v: %v at %d left number %d as %v, want NaN", f, bad, at, i, y)
				}
			}
		}
	}
}

// TestRepacking: in formats whose scale is found again from the numbers, unpacking
// and packing again gives the same bytes.
func TestRepacking(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F32, format.F16, format.BF16, format.Q4_0, format.Q5_0, format.Q8_0} {
		x := normal(4, 4096, 0.5)
		first, second := make([]byte, f.RowBytes(len(x))), make([]byte, f.RowBytes(len(x)))
		f.Quantize(first, x)
		f.Quantize(second, roundTrip(f, x))
		if !slices.Equal(first, second) {
			t.Errorf("%v: packing the unpacked numbers gave other bytes", f)
		}
	}
}

// TestRowsAreIndependent: a row packs to the same bytes alone and among others.
func TestRowsAreIndependent(t *testing.T) {
	t.Parallel()
	for _, f := range format.All() {
		x := normal(5, 1024, 1)
		all := make([]byte, f.RowBytes(1024))
		f.Quantize(all, x)
		half := make([]byte, f.RowBytes(512))
		f.Quantize(half, x[512:])
		if !slices.Equal(half, all[f.RowBytes(512):]) {
			t.Errorf("%v: the second half packs to other bytes by itself", f)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	x := normal(6, 1024, 1)
	for _, f := range format.All() {
		packed := make([]byte, f.RowBytes(len(x)))
		y := make([]float32, len(x))
		if n := testing.AllocsPerRun(5, func() { f.Quantize(packed, x); f.Dequantize(y, packed) }); n != 0 {
			t.Errorf("%v: %v allocations to pack and unpack a row", f, n)
		}
	}
}

func TestDotRef(t *testing.T) {
	t.Parallel()
	for _, f := range format.All() {
		w, x := normal(7, 1280, 1), normal(8, 1280, 1)
		packed := make([]byte, f.RowBytes(len(w)))
		f.Quantize(packed, w)
		var want float64
		for i, v := range roundTrip(f, w) {
			want += float64(v) * float64(x[i])
		}
		if got := f.DotRef(packed, x); math.Abs(got-want) > 1e-12*math.Abs(want) {
			t.Errorf("%v: dot product %v, want %v", f, got, want)
		}
	}
	x := []float32{1, 2, 3}
	row := make([]byte, 12)
	format.F32.Quantize(row, x)
	if got := format.F32.DotRef(row, []float32{4, -5, 6}); got != 12 {
		t.Errorf("1*4 - 2*5 + 3*6 = %v", got)
	}
}

func BenchmarkQuantize(b *testing.B) {
	x := normal(9, 4096, 0.02)
	for _, f := range format.All() {
		packed := make([]byte, f.RowBytes(len(x)))
		b.Run(f.String(), func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				f.Quantize(packed, x)
			}
		})
	}
}

func BenchmarkDequantize(b *testing.B) {
	x := normal(9, 4096, 0.02)
	for _, f := range format.All() {
		packed := make([]byte, f.RowBytes(len(x)))
		f.Quantize(packed, x)
		b.Run(f.String(), func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				f.Dequantize(x, packed)
			}
		})
	}
}
