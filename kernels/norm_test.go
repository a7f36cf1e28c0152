package kernels_test

import (
	"fmt"
	"math"
	"testing"
)

func TestNorms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const eps = 1e-5
	for _, cols := range []int{1, 2, 3, 4, 6, 31, 32, 33, 64, 97, 576, 768, 1023, 1024, 1028, 2052, 4096} {
		for _, c := range []struct {
			mean    float64
			rows    int
			skip    int
			inPlace bool
			noBias  bool
			bad     float32
		}{{0, 3, 0, false, false, 0}, {1000, 2, 0, true, true, 0}, {0.5, 2, 1, false, false, 0}, {0.5, 2, 2, false, false, 0},
			{0, 2, 0, false, false, float32(math.NaN())}, {0, 2, 0, false, false, float32(math.Inf(1))}} {
			n := c.rows * cols
			what := fmt.Sprintf("%d columns, %+v", cols, c)
			x := r.normal(n+c.skip, c.mean, 1)
			if c.bad != 0 {
				x[0] = c.bad
			}
			gain, bias := r.normal(cols, 1, 0.3), r.normal(cols, 0, 0.3)
			layer, rms := make([]float64, n), make([]float64, n)
			for row := range c.rows {
				in := x[c.skip+row*cols:][:cols]
				var mean, variance, square float64
				for _, v := range in {
					mean += float64(v) / float64(cols)
					square += float64(v) * float64(v) / float64(cols)
				}
				for _, v := range in {
					variance += (float64(v) - mean) * (float64(v) - mean) / float64(cols)
				}
				for i, v := range in {
					layer[row*cols+i] = (float64(v) - mean) / math.Sqrt(variance+eps) * float64(gain[i])
					if !c.noBias {
						layer[row*cols+i] += float64(bias[i])
					}
					rms[row*cols+i] = float64(v) / math.Sqrt(square+eps) * float64(gain[i])
				}
			}
			dg, db := r.put(gain), uint64(0)
			if !c.noBias {
				db = r.put(bias)
			}
			at := uint64(4 * c.skip)
			place := func() (y, in uint64) {
				in = r.put(x) + at
				if c.inPlace {
					return in, in
				}
				return r.space(4*(n+c.skip)) + at, in
			}

			y, in := place()
			r.launch("rmsnorm_f32", rows(c.rows), 0, y, in, dg, uint32(cols), float32(eps))
			r.same("rmsnorm "+what, r.floats(y, n), rms, 1e-13)
			if asked := r.last.GlobalLoadBytes + r.last.GlobalStoreBytes; asked != int64(16*n) {
				t.Errorf("rmsnorm %s: %d bytes asked for, want %d", what, asked, 16*n)
			}
			if r.last.BankConflicts != 0 {
				t.Errorf("rmsnorm %s: %d bank conflicts", what, r.last.BankConflicts)
			}
			wide := c.skip == 0 && cols%4 == 0
			requests := int64(c.rows * ceilDiv(cols, 128)) // of 16 bytes a lane, for each of what is asked for
			if wide && r.last.GlobalRequests != 4*requests {
				t.Errorf("rmsnorm %s: %d loads and stores, want %d", what, r.last.GlobalRequests, 4*requests)
			}
			y, in = place()
			r.launch("layernorm_f32", rows(c.rows), 0, y, in, dg, db, uint32(cols), float32(eps))
			r.same("layernorm "+what, r.floats(y, n), layer, 1e-13*(1+c.mean*c.mean))
			bytes := int64(24 * n)
			if c.noBias {
				bytes -= int64(4 * n)
			}
			if asked := r.last.GlobalLoadBytes + r.last.GlobalStoreBytes; asked != bytes {
				t.Errorf("layernorm %s: %d bytes asked for, want %d", what, asked, bytes)
			}
			if wide && r.last.GlobalRequests != requests*bytes/int64(4*n) {
				t.Errorf("layernorm %s: %d loads and stores, want %d", what, r.last.GlobalRequests, requests*bytes/int64(4*n))
			}
		}
	}
}

func TestSoftmax(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, cols := range []int{1, 3, 6, 31, 32, 33, 64, 100, 257, 1028, 5003} {
		for _, c := range []struct {
			mean, deviation float64
			skip            int
			inPlace         bool
			hide            bool
			first           float32
		}{{0, 3, 0, false, false, 0}, {1000, 3, 0, true, false, 0}, {-10000, 3, 1, false, false, 0}, {5, 3, 2, true, false, 0}, {0, 200, 0, false, false, 0},
			{0, 1, 0, false, true, 0}, {0, 1, 0, false, false, nan}, {0, 1, 0, false, false, inf}, {0, 1, 0, false, false, -inf}} {
			const count = 2
			n := count * cols
			what := fmt.Sprintf("%d columns, %+v", cols, c)
			x := r.normal(n+c.skip, c.mean, c.deviation)
			if c.first != 0 {
				x[0] = c.first
			}
			if c.hide {
				for i := range cols {
					x[i] = -inf
				}
			}
			want := make([]float64, n)
			for row := range count {
				in := x[c.skip+row*cols:][:cols]
				top, sum := math.Inf(-1), 0.0
				for _, v := range in {
					top = max(top, float64(v))
				}
				for i, v := range in {
					want[row*cols+i] = math.Exp(float64(v) - top)
					sum += want[row*cols+i]
				}
				for i := range in {
					want[row*cols+i] /= sum
				}
			}
			in := r.put(x) + uint64(4*c.skip)
			y := in
			if !c.inPlace {
				y = r.space(4*(n+c.skip)) + uint64(4*c.skip)
			}
			r.launch("softmax_f32", rows(count), 0, y, in, uint32(cols))
			r.same(what, r.floats(y, n), want, 1e-13)
			if asked := r.last.GlobalLoadBytes + r.last.GlobalStoreBytes; asked != int64(16*n) {
				t.Errorf("%s: %d bytes asked for, want %d", what, asked, 16*n)
			}
			if requests := int64(4 * count * ceilDiv(cols, 128)); c.skip == 0 && cols%4 == 0 && r.last.GlobalRequests != requests {
				t.Errorf("%s: %d loads and stores, want %d", what, r.last.GlobalRequests, requests)
			}
		}
	}
}
