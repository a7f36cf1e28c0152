package kernels_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/kernels"
)

func TestTopK(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	values := map[string]func(r *rig, i int) float32{
		"plain":     func(r *rig, i int) float32 { return float32(r.rand.NormFloat64()) },
		"ties":      func(r *rig, i int) float32 { return float32(r.rand.IntN(5)) - 2 },
		"equal":     func(r *rig, i int) float32 { return -2 },
		"rising":    func(r *rig, i int) float32 { return float32(i) },
		"-infinity": func(r *rig, i int) float32 { return []float32{-inf, inf, -inf, -inf, 3}[r.rand.IntN(5)] },
		"NaN":       func(r *rig, i int) float32 { return []float32{nan, 1, -inf, nan, 3}[r.rand.IntN(5)] },
		"neighbours": func(r *rig, i int) float32 {
			return math.Float32frombits(0x3f800000 + uint32(r.rand.IntN(8)) + uint32(i%2)<<31)
		},
		"all NaN": func(r *rig, i int) float32 { return nan },
		"zeros":   func(r *rig, i int) float32 { return float32(math.Copysign(0, float64(i%3)-1)) },
	}
	// NaN counts as less than every number.
	compare := func(a, b float32) int {
		if a == b || a != a && b != b {
			return 0
		}
		return cmp.Compare(a, b)
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, c := range []struct{ rows, cols, k int }{
				{3, 1, 1}, {2, 31, 1}, {2, 33, 33}, {3, 257, 5}, {2, 611, 40}, {1, 5003, 1}, {2, 5003, 11}, {1, 5003, 100}, {1, 2049, 3},
			} {
				x := make([]float32, c.rows*c.cols)
				for i := range x {
					x[i] = value(r, i)
				}
				var wantVals []uint32
				var wantCols []int32
				for row := range slices.Chunk(x, c.cols) {
					order := make([]int32, c.cols)
					for i := range order {
						order[i] = int32(i)
					}
					slices.SortStableFunc(order, func(a, b int32) int { return compare(row[b], row[a]) })
					for _, i := range order[:c.k] {
						wantVals = append(wantVals, math.Float32bits(row[i]))
						wantCols = append(wantCols, i)
					}
				}
				parts := ceilDiv(c.cols, kernels.TopKPart)
				keys := r.space(8 * kernels.TopKKeys(c.rows, c.cols, c.k))
				dx, vals, cols := r.put(x), r.space(4*c.rows*c.k), r.space(4*c.rows*c.k)
				r.launch("topk_f32", emulator.Dim3{X: parts, Y: c.rows, Z: 1}, 0, keys, dx, uint32(c.cols), uint32(kernels.TopKPart), uint32(c.k))
				if stored := int64(8 * kernels.TopKKeys(c.rows, c.cols, c.k)); r.last.GlobalStoreBytes != stored {
					t.Errorf("%d of %d: %d bytes of keys stored, want %d", c.k, c.cols, r.last.GlobalStoreBytes, stored)
				}
				// In each round but the first only one thread looks through its numbers.
				if most := int64(4 * c.rows * (c.cols + parts*(c.k-1)*kernels.TopKPart/256)); r.last.GlobalLoadBytes > most {
					t.Errorf("%d of %d: %d bytes loaded, want at most %d", c.k, c.cols, r.last.GlobalLoadBytes, most)
				}
				r.launch("topk_f32_merge", rows(c.rows), 0, vals, cols, keys, dx, uint32(c.cols), uint32(parts), uint32(c.k))
				if most := int64(c.rows * (8*parts*c.k + 8*(c.k-1)*ceilDiv(parts*c.k, 256) + 4*c.k)); r.last.GlobalLoadBytes > most {
					t.Errorf("%d of %d: %d bytes loaded in merging, want at most %d", c.k, c.cols, r.last.GlobalLoadBytes, most)
				}
				what := fmt.Sprintf("%d of %d, %d rows", c.k, c.cols, c.rows)
				if got := get[int32](r, cols, c.rows*c.k); !slices.Equal(got, wantCols) {
					t.Errorf("%s: columns %v, want %v", what, got, wantCols)
				}
				if got := get[uint32](r, vals, c.rows*c.k); !slices.Equal(got, wantVals) {
					t.Errorf("%s: numbers %x, want %x", what, got, wantVals)
				}
			}
		})
	}
}
