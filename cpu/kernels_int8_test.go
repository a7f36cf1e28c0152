package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

// eachIntegers runs a test with the loops for integers of each level and each kind.
func eachIntegers(t *testing.T, test func(t *testing.T, i *integers)) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		for _, i := range k.integerLoops() {
			t.Run(fmt.Sprintf("%d planes", i.planes), func(t *testing.T) { test(t, i) })
		}
	})
}

// quantized is x as integers, by plain code, with the records that i reads.
func quantized(i *integers, rows [][]float32) *activations {
	var a activations
	a.resize(len(rows), len(rows[0]), i.planes)
	a.wantNumbers()
	for f, of := range i.arrange {
		if of.put != nil && format.Format(f).CheckCols(a.k) == nil {
			a.wantRecords(format.Format(f), (a.k+of.numbers-1)/of.numbers*of.bytes)
		}
	}
	for t, x := range rows {
		row := a.row(t)
		if i.planes == 1 {
			quantizeRow(&row, x)
			format.DequantizeActivations(row.numbers, row.Qs, row.D)
		} else {
			quantizeFine(&row, x)
		}
		for f := range row.records {
			if r := row.records[f].data; len(r) > 0 {
				i.arrange[f].put(r, &row, new(lastRecord))
			}
		}
	}
	return &a
}

// quantizeFine is the definition of Int16 in plain Go.
func quantizeFine(a *activations, x []float32) {
	high := format.NewQ8(len(x))
	high.Quantize(x)
	for b, d := range high.D {
		a.D[b] = d * (1.0 / 128)
		sums := [2]int32{}
		for i := range 32 {
			h, low := high.Qs[32*b+i], float32(0)
			if d > 0 {
				low = float32(math.RoundToEven(float64(128 * (x[32*b+i]/d - float32(h)))))
			}
			a.Qs[64*b+i], a.Qs[64*b+32+i] = h, int8(low)
			q := 128*int32(h) + int32(low)
			sums[i/16] += q
			a.numbers[32*b+i] = a.D[b] * float32(q)
		}
		a.negative16[2*b], a.negative16[2*b+1] = -sums[0], -sums[1]
		a.negative[b] = -sums[0] - sums[1]
		a.dSums[b] = a.D[b] * float32(sums[0]+sums[1])
	}
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

func TestQuantizeGivesTheBitsOfThePlainCode(t *testing.T) {
	eachIntegers(t, func(t *testing.T, k *integers) {
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
			want := quantized(k, [][]float32{x})
			var got activations
			got.resize(1, n, k.planes)
			for j := range got.Qs {
				got.Qs[j] = 99
			}
			k.quantize(&got, x)
			same := func(a, b []float32) bool {
				return slices.EqualFunc(a, b, func(v, w float32) bool { return v == w || v != v && w != w })
			}
			if !slices.Equal(got.Qs, want.Qs) || !same(got.D, want.D) ||
				!same(got.dSums, want.dSums) || !slices.Equal(got.negative, want.negative) || !slices.Equal(got.negative16, want.negative16) {
				t.Fatalf("%d numbers, case %d: %+v, want %+v", n, i%10, got, want)
			}
		}
	})
}

func TestDotBlocks(t *testing.T) {
	eachIntegers(t, func(t *testing.T, k *integers) {
		r := seeded(3)
		for _, f := range format.All() {
			if k.dot[f] == nil {
				continue
			}
			for i, n := range []int{32, 96, 256, 288, 2048} {
				if f.CheckCols(n) != nil {
					continue
				}
				for rows := 1; rows <= 9; rows++ {
					packed, unpacked := pack(r, f, rows, n)
					q := quantized(k, [][]float32{wild(r, n)})
					x := q.numbers
					y, check := guarded(t, rows, i)
					k.dot[f](y, packed, q)
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
	eachIntegers(t, func(t *testing.T, k *integers) {
		r := seeded(4)
		for _, f := range format.All() {
			if k.dot[f] == nil {
				continue
			}
			n := 2 * f.BlockLen()
			packed, unpacked := make([]byte, f.RowBytes(n)), make([]float32, n)
			for range 200 {
				for i := range packed {
					packed[i] = byte(r.Uint32())
				}
				f.Dequantize(unpacked, packed)
				q := quantized(k, [][]float32{wild(r, n), wild(r, n), wild(r, n), wild(r, n), wild(r, n)})
				x := q.numbers[:n]
				var y [1]float32
				one := q.row(0)
				k.dot[f](y[:], packed, &one)
				compareWild(t, f, "dot", float64(y[0]), unpacked, x)
				if k.panel[f] != nil {
					var p panelMemory
					p.reserve(n)
					var ys [5]float32
					k.panel[f](ys[:], 1, packed, f, q, &p)
					compareWild(t, f, "panel", float64(ys[0]), unpacked, x)
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
	eachIntegers(t, func(t *testing.T, k *integers) {
		r := seeded(14)
		for _, f := range format.All() {
			if k.panel[f] == nil {
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
					q := quantized(k, xs)
					x := q.numbers
					var p panelMemory
					p.reserve(n)
					stride := rows + 2
					y, check := guarded(t, (count-1)*stride+rows, 3)
					k.panel[f](y, stride, packed, f, q, &p)
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
