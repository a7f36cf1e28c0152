package cpu

import (
	"fmt"
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

// quantized is x as integers, by the plain code.
func quantized(rows [][]float32) *activations {
	var a activations
	a.resize(len(rows), len(rows[0]))
	for t, x := range rows {
		quantizeRow(a.row(t), x)
	}
	return &a
}

// wild is activations that use the whole range of the integers, also next to each other:
// where sums of products would overflow a narrow integer, they do.
func wild(r *rand.Rand, n int) []float32 {
	x := numbers(r, n)
	for i := range x {
		if i/32%3 == 0 {
			x[i] = float32(math.Copysign(1, float64(x[i/64])))
		}
	}
	return x
}

func TestQuantizeGivesTheBitsOfFormat(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(13)
		for i := range 200 {
			n := 32 * (1 + i%7)
			x := numbers(r, n)
			switch i % 10 {
			case 3:
				clear(x[:32])
			case 4:
				x[r.IntN(n)] = float32(math.NaN())
			case 5:
				x[r.IntN(n)] = float32(math.Inf(-1))
			case 6:
				for j := range x {
					x[j] *= 1e-37
				}
			case 7:
				for j := range x {
					x[j] = float32(r.IntN(255)-127) / 2 // ties
				}
				x[0] = 127
			}
			want := quantized([][]float32{x})
			var got activations
			got.resize(1, n)
			for j := range got.Qs {
				got.Qs[j] = 99
			}
			k.quantize(got, x)
			same := func(a, b []float32) bool {
				return slices.EqualFunc(a, b, func(v, w float32) bool { return v == w || v != v && w != w })
			}
			if !slices.Equal(got.Qs, want.Qs) || !same(got.D, want.D) || !slices.Equal(got.Sums, want.Sums) ||
				!same(got.dSums, want.dSums) || !slices.Equal(got.negative, want.negative) || !slices.Equal(got.negative16, want.negative16) {
				t.Fatalf("%d numbers, case %d: %+v, want %+v", n, i%10, got, want)
			}
		}
	})
}

func TestDotBlocks(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(3)
		for _, f := range format.All() {
			if k.dotBlocks[f] == nil {
				continue
			}
			for i, n := range []int{32, 96, 256, 288, 2048} {
				if f.CheckCols(n) != nil {
					continue
				}
				for rows := 1; rows <= 9; rows++ {
					packed, unpacked := pack(r, f, rows, n)
					q := quantized([][]float32{wild(r, n)})
					x := q.floats()
					y, check := guarded(t, rows, i)
					k.dotBlocks[f](y, packed, q)
					check(f.String())
					for j, got := range y {
						want, size := exactDot(unpacked[j*n:(j+1)*n], x)
						if math.Abs(float64(got)-want) > 2e-6*size {
							t.Fatalf("%v, row %d of %d, %d numbers: %v, want %v", f, j, rows, n, got, want)
						}
					}
				}
			}
		}
	})
}

// Any bytes are a valid block: the integer loops have to agree with Dequantize on codes
// and scales that Quantize never writes.
func TestDotBlocksOfRandomBytes(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(4)
		for _, f := range format.All() {
			if k.dotBlocks[f] == nil {
				continue
			}
			n := 2 * f.BlockLen()
			packed, unpacked := make([]byte, f.RowBytes(n)), make([]float32, n)
			for range 200 {
				for i := range packed {
					packed[i] = byte(r.Uint32())
				}
				f.Dequantize(unpacked, packed)
				q := quantized([][]float32{wild(r, n), wild(r, n), wild(r, n), wild(r, n), wild(r, n)})
				x := q.floats()[:n]
				var y [1]float32
				one := q.row(0)
				k.dotBlocks[f](y[:], packed, &one)
				compareWild(t, f, "dotBlocks", float64(y[0]), unpacked, x)
				if k.panelBlocks[f] != nil {
					var p panelMemory
					p.reserve(n)
					var ys [5]float32
					k.panelBlocks[f](ys[:], 1, packed, f, q, &p)
					compareWild(t, f, "panelBlocks", float64(ys[0]), unpacked, x)
				}
			}
		}
	})
}

// compareWild allows that a block's offset and scaled codes cancel: the bound is for both
// apart.
func compareWild(t *testing.T, f format.Format, what string, got float64, w, x []float32) {
	t.Helper()
	want, size := exactDot(w, x)
	if math.IsNaN(size) || math.IsInf(size, 0) {
		if !math.IsNaN(got) && !math.IsInf(got, 0) {
			t.Fatalf("%v: %s: %v, want no number: the block has an infinite or missing scale", f, what, got)
		}
		return
	}
	if math.Abs(got-want) > 1e-5*size+1e-2 && math.Abs(got-want) > 1e-4*size {
		t.Fatalf("%v: %s: %v, want %v", f, what, got, want)
	}
}

func TestPanelBlocks(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		r := seeded(14)
		for _, f := range format.All() {
			if k.panelBlocks[f] == nil {
				continue
			}
			n := 256
			for _, rows := range []int{1, 3, 16, 17, 31, 32} {
				packed, unpacked := pack(r, f, rows, n)
				for _, count := range []int{4, 5, 7, 8, 13} {
					var xs [][]float32
					for range count {
						xs = append(xs, wild(r, n))
					}
					q := quantized(xs)
					x := q.floats()
					var p panelMemory
					p.reserve(n)
					stride := rows + 2
					y, check := guarded(t, (count-1)*stride+rows, 3)
					k.panelBlocks[f](y, stride, packed, f, q, &p)
					check(f.String())
					for i := range count {
						for j := range rows {
							want, size := exactDot(unpacked[j*n:(j+1)*n], x[i*n:(i+1)*n])
							if got := float64(y[i*stride+j]); math.Abs(got-want) > 2e-6*size {
								t.Fatalf("%v, %d x %d, row %d, column %d: %v, want %v", f, count, rows, i, j, got, want)
							}
						}
						if i+1 < count && (y[i*stride+rows] != 0 || y[(i+1)*stride-1] != 0) {
							t.Fatalf("%v, %d x %d: wrote beside the columns", f, count, rows)
						}
					}
				}
			}
		}
	})
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
				"add": {k.add, plain.add}, "swiglu": {k.swiglu, plain.swiglu}, "gelu": {k.gelu, plain.gelu},
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

// eachLevelBench runs a benchmark at every level, in one run, for ratios.
func eachLevelBench(b *testing.B, bench func(b *testing.B, k *kernels)) {
	for l := generic; l <= bestLevel(); l++ {
		b.Run(l.String(), func(b *testing.B) { bench(b, kernelsOf(l)) })
	}
}

func BenchmarkUnpack(b *testing.B) {
	const n = 4096
	eachLevelBench(b, func(b *testing.B, k *kernels) {
		for _, f := range format.All() {
			packed, y := pack(seeded(10), f, 1, n)
			b.Run(f.String(), func(b *testing.B) {
				for b.Loop() {
					k.unpack[f](y, packed)
				}
				speed(b, float64(len(packed)), n)
			})
		}
	})
}

// BenchmarkDotRows multiplies rows that fit in the second-level cache.
func BenchmarkDotRows(b *testing.B) {
	const n, rows = 1536, 32
	eachLevelBench(b, func(b *testing.B, k *kernels) {
		var buf [chunk]float32
		y := make([]float32, rows)
		for _, f := range format.All() {
			packed, _ := pack(seeded(7), f, rows, n)
			x := numbers(seeded(8), n)
			if k.dotRows[f] != nil {
				b.Run(f.String(), func(b *testing.B) {
					for b.Loop() {
						k.dotRows[f](y, packed, x, &buf)
					}
					speed(b, float64(len(packed)), 2*n*rows)
				})
			}
			if k.dotBlocks[f] != nil {
				q := quantized([][]float32{x})
				b.Run(fmt.Sprint(f, "-int8"), func(b *testing.B) {
					for b.Loop() {
						k.dotBlocks[f](y, packed, q)
					}
					speed(b, float64(len(packed)), 2*n*rows)
				})
			}
		}
	})
}

// BenchmarkPanels multiplies 32 rows of weights with 512 of activations: floats, and
// integers with the work of bringing the rows into order.
func BenchmarkPanels(b *testing.B) {
	const n, rows, count = 576, 32, 512
	eachLevelBench(b, func(b *testing.B, k *kernels) {
		x, w := numbers(seeded(8), count*n), numbers(seeded(9), rows*n)
		y := make([]float32, rows*count)
		b.Run("F32", func(b *testing.B) {
			for b.Loop() {
				k.panel(y, rows, x, w, n)
			}
			speed(b, 4*float64(len(w)), 2*n*rows*count)
		})
		for _, f := range format.All() {
			if k.panelBlocks[f] == nil {
				continue
			}
			cols := n
			if f.CheckCols(cols) != nil {
				cols = 512
			}
			packed, _ := pack(seeded(10), f, rows, cols)
			var a activations
			a.resize(count, cols)
			for t := range count {
				quantizeRow(a.row(t), x[t*cols:(t+1)*cols])
			}
			var p panelMemory
			p.reserve(cols)
			b.Run(fmt.Sprint(f, "-int8"), func(b *testing.B) {
				for b.Loop() {
					k.panelBlocks[f](y, rows, packed, f, &a, &p)
				}
				speed(b, float64(len(packed)), float64(2*cols*rows*count))
			})
		}
	})
}

// speed reports bytes and flops of one call as rates.
func speed(b *testing.B, bytes, flops float64) {
	calls := float64(b.N) / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(bytes*calls, "GB/s")
	b.ReportMetric(flops*calls, "GFLOP/s")
}
