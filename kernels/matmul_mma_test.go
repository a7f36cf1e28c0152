package kernels_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// halfLimit is the NMSE that products of half precision may have.
func halfLimit(f format.Format) float64 {
	limit, _ := backendtest.Options{HalfActivations: true}.Limit("Linear", f)
	return limit
}

// staged is x on the device as stage_* writes it.
type staged struct {
	h, unscale uint64
	t          int
}

// unnormed is what stage_* takes for no norm: gain and shift, then, after the counts, center and eps.
var unnormed = stageNorm{}

type stageNorm struct {
	gain, shift uint64
	center      uint32
	eps         float32
}

// stage launches stage_f16 or stage_bf16.
func (r *rig) stage(f format.Format, x uint64, t, k int) staged {
	r.Helper()
	return r.stageNormed(f, x, t, k, unnormed)
}

// stageNormed is stage with a norm.
func (r *rig) stageNormed(f format.Format, x uint64, t, k int, n stageNorm) staged {
	r.Helper()
	half, _ := kernels.HalfOf(f)
	tp, kp := kernels.Staged(t, k)
	s := staged{h: r.space(2 * tp * kp), t: t}
	if half == "bf16" {
		r.launch("stage_bf16", rows(tp), 0, s.h, x, n.gain, n.shift, uint32(k), uint32(t), n.center, n.eps)
		return s
	}
	s.unscale = r.space(4 * t)
	r.launch("stage_f16", rows(tp), 0, s.h, s.unscale, x, n.gain, n.shift, uint32(k), uint32(t), n.center, n.eps)
	return s
}

// result is memory for n numbers of y: what is to be added to lies there, if there is something.
func (r *rig) result(n int, add []float32) (y, addAt uint64) {
	r.Helper()
	if add == nil {
		return r.space(4 * n), 0
	}
	y = r.put(add)
	return y, y
}

// tensorProduct is y by matmul_FORMAT plus ending, from staged rows.
func (r *rig) tensorProduct(ending string, w testWeight, x staged, bias, add []float32) []float32 {
	r.Helper()
	y, addAt := r.result(x.t*w.Rows, add)
	args := []any{y, x.h}
	if x.unscale != 0 {
		args = append(args, x.unscale)
	}
	args = append(args, w.planes()...)
	var biasAt uint64
	if bias != nil {
		biasAt = r.put(bias)
	}
	args = append(args, biasAt, addAt, uint32(w.Rows), uint32(w.Cols), uint32(x.t))
	size := matmulTiles[ending]
	grid := [3]int{ceilDiv(w.Rows, size[0]), ceilDiv(x.t, size[1]), 1}
	r.launch("matmul_"+strings.ToLower(w.Format.String())+ending, dim(grid), 0, args...)
	r.stored(4 * x.t * w.Rows)
	return r.floats(y, x.t*w.Rows)
}

// matmulTiles are the kernels by the ending of their names, with the rows of w and of x
// in their tiles.
var matmulTiles = map[string][2]int{"_mma": {128, 128}, "_mma_128x64": {128, 64}, "_mma_64": {64, 64}}

func TestMatmulMMA(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		if _, ok := kernels.HalfOf(f); !ok {
			t.Skip("multiplied in float32")
		}
		r := newRig(t)
		block := f.BlockLen()
		shapes := []struct{ n, k, t int }{
			{1, block, 1}, {33, 3 * block, 33}, {65, max(block, 160), 70}, {130, max(block, 64), 129},
		}
		if block == 1 {
			for i, k := range []int{2, 3, 7, 8, 31, 33, 63, 64, 65, 97, 101, 128} {
				shapes = append(shapes, struct{ n, k, t int }{13, k, 9 + i})
			}
		}
		for i, s := range shapes {
			w, x := r.weight(f, s.n, s.k), r.normal(s.t*s.k, 0.1, 1)
			bias, add := r.addends(i, s.n, s.t)
			stage := r.stage(f, r.put(x), s.t, s.k)
			for ending := range matmulTiles {
				y := r.tensorProduct(ending, w, stage, bias, add)
				r.compareTo(halfLimit(f), fmt.Sprintf("%v%s: y [%d, %d], K = %d", f, ending, s.t, s.n, s.k), y, w, x, s.t, bias, add)
			}
		}
	})
}

// addends is a bias for every other case, and something to add to for two of three.
func (r *rig) addends(i, n, t int) (bias, add []float32) {
	if i%2 == 0 {
		bias = r.normal(n, 0.1, 1)
	}
	if i%3 != 1 {
		add = r.normal(n*t, 0.1, 1)
	}
	return bias, add
}

// compareTo holds y to float64 sums, within a limit.
func (r *rig) compareTo(limit float64, name string, y []float32, w testWeight, x []float32, t int, bias, add []float32) {
	r.Helper()
	r.same(name, y, reference(w, x, t, bias, add), limit)
}

// reference is y in float64.
func reference(w testWeight, x []float32, t int, bias, add []float32) []float64 {
	want := make([]float64, t*w.Rows)
	for i := range want {
		row, n := i/w.Rows, i%w.Rows
		want[i] = w.Format.DotRef(w.row(n), x[row*w.Cols:(row+1)*w.Cols])
		if bias != nil {
			want[i] += float64(bias[n])
		}
		if add != nil {
			want[i] += float64(add[i])
		}
	}
	return want
}

func nmse(got []float32, want []float64) float64 {
	var errors, power float64
	for i, w := range want {
		errors += (float64(got[i]) - w) * (float64(got[i]) - w)
		power += w * w
	}
	return errors / power
}

// The accuracy that the kernels' headers state, on as long rows as models have.
func TestHalfPrecision(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		if _, ok := kernels.HalfOf(f); !ok {
			t.Skip("multiplied in float32")
		}
		r := newRig(t)
		const n, k, rows = 64, 4096, 8
		w, x := r.weight(f, n, k), r.normal(rows*k, 0, 1)
		limit := 1.5e-7
		switch f {
		case format.BF16:
			limit = 4e-6
		case format.Q2_K, format.Q4_K, format.Q5_K: // with minima, rounded as well
			limit = 6e-7
		}
		want := reference(w, x, rows, nil, nil)
		for name, got := range map[string]float64{
			"matmul": nmse(r.tensorProduct("_mma_64", w, r.stage(f, r.put(x), rows, k), nil, nil), want),
			"matfew": nmse(r.few(w, x, rows, nil, nil), want),
		} {
			t.Logf("%s: NMSE %.2g", name, got)
			if !(got < limit) {
				t.Errorf("%s: NMSE %.2g, limit %.2g", name, got, limit)
			}
		}
	})
}

// Rows may be as large or small as float32 can be, and one row does not spoil another.
func TestStageScales(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n, k = 40, 96
	scales := []float64{1, 0x1p100, 0x1p-100, 65504, 1e6, 0, 0x1p-140}
	x := r.normal(len(scales)*k, 0, 1)
	for i := range x {
		x[i] *= float32(scales[i/k])
	}
	w := r.weight(format.Q8_0, n, k)
	y := r.tensorProduct("_mma_64", w, r.stage(format.Q8_0, r.put(x), len(scales), k), nil, nil)
	for i, s := range scales {
		want := reference(testWeight{Layout: w.Layout, packed: w.packed}, x[i*k:(i+1)*k], 1, nil, nil)
		got := y[i*n : (i+1)*n]
		if s == 0 {
			for j, v := range got {
				if v != 0 {
					t.Fatalf("a row of zeros gives %v at %d", v, j)
				}
			}
			continue
		}
		limit := 1e-6
		if s < 0x1p-126 {
			limit = 1e-3 // results with few digits of their own
		}
		if e := nmse(got, want); !(e < limit) {
			t.Errorf("a row of numbers about %g: NMSE %.2g", s, e)
		}
	}
	x[0], x[k] = float32(math.Inf(1)), float32(math.NaN())
	y = r.tensorProduct("_mma_64", w, r.stage(format.Q8_0, r.put(x), len(scales), k), nil, nil)
	for j := range n {
		if v := float64(y[j]); !math.IsInf(v, 0) && !math.IsNaN(v) {
			t.Errorf("infinity in row 0 gives %v", v)
		}
		if v := float64(y[n+j]); !math.IsNaN(v) {
			t.Errorf("NaN in row 1 gives %v", v)
		}
		if v := float64(y[4*n+j]); math.IsInf(v, 0) || math.IsNaN(v) {
			t.Errorf("row 4 gives %v", v)
		}
	}
}

// A norm on the way is that of x in float64.
func TestStageNorm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n, rows = 24, 5
	for _, k := range []int{96, 33, 2400} {
		for _, kind := range []string{"RMS", "layer", "layer without shift"} {
			x := r.normal(rows*k, 3, 1)
			at, normed := r.norm(kind, x, k)
			for _, f := range []format.Format{format.F16, format.BF16} {
				w := r.weight(f, n, k)
				y := r.tensorProduct("_mma_64", w, r.stageNormed(f, r.put(x), rows, k, at), nil, nil)
				r.compareTo(halfLimit(f), fmt.Sprintf("%s norm, K = %d", kind, k), y, w, normed, rows, nil, nil)
			}
		}
	}
}

// norm is random gains, and shifts where kind is "layer", on the device, and x by that norm.
func (r *rig) norm(kind string, x []float32, k int) (at stageNorm, normed []float32) {
	const eps = 1e-5
	gain, shift := r.normal(k, 1, 0.3), r.normal(k, 0, 1)
	at = stageNorm{gain: r.put(gain), eps: eps}
	if kind == "layer" {
		at.shift = r.put(shift)
	} else {
		clear(shift)
	}
	if kind != "RMS" {
		at.center = 1
	}
	normed = make([]float32, len(x))
	for j := 0; j < len(x); j += k {
		var mean, squares float64
		for _, v := range x[j : j+k] {
			mean += float64(v) / float64(k)
		}
		if kind == "RMS" {
			mean = 0
		}
		for _, v := range x[j : j+k] {
			squares += (float64(v) - mean) * (float64(v) - mean) / float64(k)
		}
		for c, v := range x[j : j+k] {
			normed[j+c] = float32((float64(v)-mean)/math.Sqrt(squares+eps)*float64(gain[c]) + float64(shift[c]))
		}
	}
	return at, normed
}
