package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
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

// eachLevel runs a test with the table of every level that this processor has.
func eachLevel(t *testing.T, test func(t *testing.T, k *kernels)) {
	t.Parallel()
	for l := generic; l <= bestLevel(); l++ {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			test(t, kernelsOf(l))
		})
	}
}

// guarded is n numbers between guard words, off the alignment of vectors by `off`, and a
// check that the guards are still there.
func guarded(t *testing.T, n, off int) (x []float32, check func(what string)) {
	t.Helper()
	const guard = 12345.678
	all := make([]float32, n+off+32)
	for i := range all {
		all[i] = guard
	}
	x = all[off+8 : off+8+n]
	clear(x)
	return x, func(what string) {
		t.Helper()
		for i, v := range all {
			if (i < off+8 || i >= off+8+n) && v != guard {
				t.Fatalf("%s: wrote at %d of %d numbers", what, i-off-8, n)
			}
		}
	}
}

func TestDotRowsGiveTheBitsOfPanel(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(2)
		var buf [chunk]float32
		for _, f := range format.All() {
			if k.dotRows[f] == nil {
				continue
			}
			for i, n := range []int{1, 5, 7, 15, 17, 31, 32, 64, 96, 250, 256, 288, 512, 768, 1000} {
				if f.CheckCols(n) != nil {
					continue
				}
				rows := 1 + i%9
				packed, unpacked := pack(r, f, rows, n)
				x := numbers(r, n+1)[1:]
				got, check := guarded(t, rows, i%4)
				want := make([]float32, rows)
				k.dotRows[f](got, packed, x, &buf)
				check(f.String())
				k.panel(want, rows, x, unpacked, n)
				if !slices.Equal(got, want) {
					t.Errorf("%v, %d rows of %d numbers: dotRows %v, panel %v", f, rows, n, got, want)
				}
			}
		}
	})
}

func TestPanel(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(3)
		for _, n := range []int{1, 3, 8, 15, 16, 17, 33, 64, 100, 513} {
			for rows := 1; rows <= 13; rows++ {
				for _, cols := range []int{1, 4, 7} {
					x, w := numbers(r, rows*n), numbers(r, cols*n)
					stride := cols + 3
					y, check := guarded(t, (rows-1)*stride+cols, 1)
					k.panel(y, stride, x, w, n)
					check("panel")
					for i := range rows {
						for j := range cols {
							want, size := exactDot(x[i*n:(i+1)*n], w[j*n:(j+1)*n])
							if got := float64(y[i*stride+j]); math.Abs(got-want) > 1e-6*size {
								t.Fatalf("%dx%d, %d numbers, row %d, column %d: %v, want %v", rows, cols, n, i, j, got, want)
							}
						}
						if i+1 < rows && (y[i*stride+cols] != 0 || y[(i+1)*stride-1] != 0) {
							t.Fatalf("%dx%d, %d numbers: wrote beside the columns", rows, cols, n)
						}
					}
				}
			}
		}
	})
}

// Any bytes are a valid row: also codes and scales that Quantize never writes, NaN and
// infinity among them.
func TestUnpackGivesTheBitsOfDequantize(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(9)
		for _, f := range format.All() {
			for i := range 50 {
				n := 3 * max(f.BlockLen(), 11)
				packed := make([]byte, f.RowBytes(n))
				for i := range packed {
					packed[i] = byte(r.Uint32())
				}
				got, check := guarded(t, n, i%5)
				want := make([]float32, n)
				k.unpack[f](got, packed)
				check(f.String())
				f.Dequantize(want, packed)
				for i := range want {
					if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
						t.Fatalf("%v, number %d: %v, want %v", f, i, got[i], want[i])
					}
				}
			}
		}
	})
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

func TestMix(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(5)
		for _, d := range []int{1, 7, 8, 20, 64, 80, 129} {
			for _, n := range []int{1, 3, 32} {
				for rows := 1; rows <= 6; rows++ {
					stride := n + 1
					values, w := numbers(r, n*d), numbers(r, rows*stride)
					y, check := guarded(t, rows*d, 2)
					copy(y, numbers(r, rows*d))
					before := slices.Clone(y)
					k.mix(y, d, w, stride, values)
					check("mix")
					for t1 := range rows {
						for c := range d {
							want := float64(before[t1*d+c])
							for i := range n {
								want += float64(w[t1*stride+i]) * float64(values[i*d+c])
							}
							if got := float64(y[t1*d+c]); math.Abs(got-want) > 1e-5 {
								t.Fatalf("%d rows, %dx%d, row %d, column %d: %v, want %v", rows, n, d, t1, c, got, want)
							}
						}
					}
				}
			}
		}
	})
}

// The operations on elements have to agree with the plain ones, which are in float64.
func TestElementsAgreeWithPlainCode(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		plain := plainKernels()
		r := seeded(15)
		for _, n := range []int{1, 7, 8, 9, 15, 16, 17, 33, 100, 1111} {
			x, z := numbers(r, n), numbers(r, n)
			for i := range x {
				x[i] *= 8
			}
			for name, ops := range map[string][2]elementFunc{
				"softCap": {func(y, x, _ []float32, _ float32) { k.softCap(y, x, nil, 5) }, func(y, x, _ []float32, _ float32) { plain.softCap(y, x, nil, 5) }},
				"add":     {k.add, plain.add}, "swiglu": {k.swiglu, plain.swiglu}, "gelu": {k.gelu, plain.gelu},
				"silu":     {func(y, x, _ []float32, _ float32) { k.swiglu(y, x, nil, 0) }, func(y, x, _ []float32, _ float32) { plain.swiglu(y, x, nil, 0) }},
				"gelu one": {func(y, x, _ []float32, _ float32) { k.gelu(y, x, nil, 0) }, func(y, x, _ []float32, _ float32) { plain.gelu(y, x, nil, 0) }},
				"scale":    {func(y, x, _ []float32, _ float32) { copy(y, x); k.scale(y, 3) }, func(y, x, _ []float32, _ float32) { copy(y, x); plain.scale(y, 3) }},
				"rmsNorm":  {func(y, x, z []float32, _ float32) { k.rmsNorm(y, x, z, nil, 1e-5) }, func(y, x, z []float32, _ float32) { plain.rmsNorm(y, x, z, nil, 1e-5) }},
				"exp":      {func(y, x, _ []float32, _ float32) { k.expSum(y, x, 3) }, func(y, x, _ []float32, _ float32) { plain.expSum(y, x, 3) }},
			} {
				got, check := guarded(t, n, 3)
				want := make([]float32, n)
				ops[0](got, x, z, 0)
				check(name)
				ops[1](want, x, z, 0)
				for i := range want {
					if d := math.Abs(float64(got[i] - want[i])); d > 2e-6*math.Abs(float64(want[i]))+1e-12 {
						t.Fatalf("%s of %d numbers, number %d: %v, want %v", name, n, i, got[i], want[i])
					}
				}
			}
			if got, want := k.maximum(x), maximum(x); got != want {
				t.Errorf("maximum of %d numbers: %v, want %v", n, got, want)
			}
			y := make([]float32, n)
			if got, want := k.expSum(y, x, 3), expSum(y, x, 3); math.Abs(got-want) > 1e-6*want {
				t.Errorf("sum of %d powers: %v, want %v", n, got, want)
			}
			x[n/2] = float32(math.NaN())
			if got := k.maximum(x); got == got {
				t.Errorf("maximum of %d numbers, one of them NaN: %v", n, got)
			}
			x[n/2] = float32(math.Inf(-1))
			if got, want := k.maximum(x), maximum(x); got != want {
				t.Errorf("maximum of %d numbers, one of them -Inf: %v, want %v", n, got, want)
			}
			k.expSum(y, x, 3)
			if y[n/2] != 0 {
				t.Errorf("e^-Inf = %v", y[n/2])
			}
		}
	})
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
