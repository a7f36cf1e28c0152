package kernels_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// few is y by matfew_FORMAT.
func (r *rig) few(w testWeight, x []float32, t int, bias, add []float32) []float32 {
	r.Helper()
	f := w.Format
	half, _ := kernels.HalfOf(f)
	rowsOf, cols, log := kernels.StagedFew(f, t, w.Cols)
	y, addAt := r.result(t*w.Rows, add)
	h, unscale := r.space(2*rowsOf*cols), r.space(4*t)
	stage, args := []any{h}, []any{y, h}
	if half == "f16" {
		stage, args = append(stage, unscale), append(args, unscale)
	}
	r.launch("stage_"+half+"_few", rows(rowsOf), 0, append(stage, r.put(x), uint64(0), uint64(0), uint32(w.Cols), uint32(t), uint32(log), uint32(0), float32(0))...)
	var biasAt uint64
	if bias != nil {
		biasAt = r.put(bias)
	}
	plan := kernels.PlanTensor(f, w.strides(), w.Rows, t, kernels.Device{Compute: 90, Multiprocessors: 132, MaxShared: 227 << 10})
	args = append(append(args, w.planes()...), biasAt, addAt, uint32(w.Rows), uint32(w.Cols), uint32(t))
	r.launch("matfew_"+strings.ToLower(f.String()), dim(plan.Grid), plan.Shared, args...)
	r.stored(4 * t * w.Rows)
	return r.floats(y, t*w.Rows)
}

func (w testWeight) strides() []int {
	var list []int
	for _, p := range w.Planes {
		list = append(list, p.RowStride)
	}
	return list
}

func TestMatfew(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		if _, ok := kernels.HalfOf(f); !ok {
			t.Skip("multiplied in float32")
		}
		r := newRig(t)
		block := f.BlockLen()
		shapes := []struct{ n, k, t int }{
			{1, block, 2}, {31, 2 * block, 9}, {33, 3 * block, 16}, {17, 5 * block, 8}, {40, max(5*block, 1056), 3}, {16, 32 * max(block, 33), 11},
		}
		if block == 1 {
			for i, k := range []int{2, 3, 7, 8, 31, 33, 65, 97, 101, 127, 128, 129, 1031} {
				shapes = append(shapes, struct{ n, k, t int }{13, k, 2 + i})
			}
		}
		for i, s := range shapes {
			w, x := r.weight(f, s.n, s.k), r.normal(s.t*s.k, 0.1, 1)
			bias, add := r.addends(i, s.n, s.t)
			y := r.few(w, x, s.t, bias, add)
			r.compareTo(halfLimit(f), fmt.Sprintf("%v: y [%d, %d], K = %d", f, s.t, s.n, s.k), y, w, x, s.t, bias, add)
		}
	})
}

// What a kernel for few rows is judged by: it reads the weights once, for all rows, in whole
// sectors, and meets shared memory without conflicts.
func TestMatfewTraffic(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		if _, ok := kernels.HalfOf(f); !ok {
			t.Skip("multiplied in float32")
		}
		r := newRig(t)
		const n, k = 64, 4096
		w := r.weight(f, n, k)
		for _, rows := range []int{8, 16} {
			r.few(w, r.normal(rows*k, 0.1, 1), rows, nil, nil)
			l := r.last
			blocks := int64(ceilDiv(n, 16))
			x := blocks * int64(rows*k*2)             // every block reads all of x
			ends := blocks * int64(rows) * 4 * 16 * 4 // scales of rows, a sector for some lanes at most
			got := l.GlobalLoadSectors*32 - x
			if ratio := float64(got-ends) / float64(len(w.packed)); ratio > 1.02 || got < int64(len(w.packed)) {
				t.Errorf("%d rows: %d bytes of sectors for %d bytes of weights: %.4f", rows, got, len(w.packed), ratio)
			}
			if l.BankConflicts*20 > l.SharedAccesses {
				t.Errorf("%d rows: %d bank conflicts in %d accesses of shared memory", rows, l.BankConflicts, l.SharedAccesses)
			}
			if want := int64(n*k) * int64(rows); l.MatrixOps != want {
				t.Errorf("%d rows: %d multiply-adds in mma, want %d", rows, l.MatrixOps, want)
			}
			t.Logf("%d rows: sectors/weight %.4f, x/weight %.2f, warp instructions per 512 bytes of weights %.1f, conflicts %d of %d", rows,
				float64(got)/float64(len(w.packed)), float64(x)/float64(len(w.packed)), float64(l.WarpInstructions())*512/float64(len(w.packed)), l.BankConflicts, l.SharedAccesses)
		}
	})
}
