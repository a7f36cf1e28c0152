package kernels_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/potion-engine/potion/kernels"
)

func gelu(x float64) float64 {
	return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) // tanh would cancel
}

var elementwise = []struct {
	entry   string
	sources int
	scalar  float32
	formula func(a, b float64) float64
	limit   float64
}{
	{"gelu_f32", 1, 0, func(a, _ float64) float64 { return gelu(a) }, 1e-13},
	{"swiglu_f32", 2, 0, func(a, b float64) float64 { return a / (1 + math.Exp(-a)) * b }, 1e-13},
	{"geglu_f32", 2, 0, func(a, b float64) float64 { return gelu(a) * b }, 1e-13},
	{"residual_f32", 2, 0, func(a, b float64) float64 { return a + b }, 0},
	{"softcap_f32", 1, 30, func(a, _ float64) float64 { return 30 * math.Tanh(a/30) }, 1e-13},
}

// edges is what the functions must get right at the edges.
var edges = []float32{
	float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
	1e18, -1e18, 3e30, -3e30, 100, -100, 88.8, -88.8, 1e-30, -1e-30, 16.5, -16.5, 0.55, -0.55, 5, -5,
}

func TestElementwise(t *testing.T) {
	t.Parallel()
	for _, e := range elementwise {
		t.Run(e.entry, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, n := range []int{1, 2, 3, 4, 5, 31, 1023, 1024, 1025, 2048, 4099} {
				// Element 0 stands at an aligned address or one or two past it.
				for _, skip := range []int{0, 1, 2} {
					for _, deviation := range []float64{2, 1e-3, 300} {
						a, b := r.normal(n+skip, 0, deviation), r.normal(n+skip, 0, 1)
						if n > len(edges) && deviation == 2 {
							copy(a[skip:], edges)
						}
						y := r.space(4 * (n + skip))
						args := []any{y + uint64(4*skip), r.put(a) + uint64(4*skip)}
						if e.sources == 2 {
							args = append(args, r.put(b)+uint64(4*skip))
						}
						args = append(args, uint32(n))
						if e.scalar != 0 {
							args = append(args, e.scalar)
						}
						r.launch(e.entry, rows(ceilDiv(n, kernels.ElementsPerBlock)), 0, args...)
						want := make([]float64, n)
						for i := range want {
							want[i] = e.formula(float64(a[i+skip]), float64(b[i+skip]))
						}
						what := fmt.Sprintf("n %d skip %d deviation %v", n, skip, deviation)
						r.same(what, r.floats(y+uint64(4*skip), n), want, e.limit)
						if r.last.GlobalLoadBytes != int64(4*n*e.sources) || r.last.GlobalStoreBytes != int64(4*n) {
							t.Errorf("%s: %d bytes loaded and %d stored", what, r.last.GlobalLoadBytes, r.last.GlobalStoreBytes)
						}
						if sectors := int64(ceilDiv(4*n, 32)); skip == 0 && n%4 == 0 && r.last.GlobalStoreSectors != sectors {
							t.Errorf("%s: %d sectors stored, want %d", what, r.last.GlobalStoreSectors, sectors)
						}
						if requests := int64((e.sources + 1) * ceilDiv(n, 128)); skip == 0 && n%4 == 0 && r.last.GlobalRequests != requests {
							t.Errorf("%s: %d loads and stores of 16 bytes a lane, want %d", what, r.last.GlobalRequests, requests)
						}
					}
				}
			}
		})
	}
}

// The error that the headers state, over all magnitudes.
func TestElementwiseErrorBounds(t *testing.T) {
	t.Parallel()
	for _, e := range elementwise {
		r := newRig(t)
		var a []float32
		for x := -87.0; x < 87; x += 0.0037 {
			a = append(a, float32(x))
		}
		for x := 1e-30; x < 1; x *= 1.01 {
			a = append(a, float32(x), float32(-x))
		}
		ones := make([]float32, len(a))
		for i := range ones {
			ones[i] = 1
		}
		y := r.space(4 * len(a))
		args := []any{y, r.put(a)}
		if e.sources == 2 {
			args = append(args, r.put(ones))
		}
		args = append(args, uint32(len(a)))
		if e.scalar != 0 {
			args = append(args, e.scalar)
		}
		r.launch(e.entry, rows(ceilDiv(len(a), kernels.ElementsPerBlock)), 0, args...)
		worst, at := 0.0, float32(0)
		for i, g := range r.floats(y, len(a)) {
			want := e.formula(float64(a[i]), 1)
			bound := math.Abs(want) * math.Exp2(-20.5)
			if e.entry[0] == 'g' { // the argument of exp is rounded three times before
				u := 1.6 * math.Abs(float64(a[i])) * (1 + 0.044715*float64(a[i])*float64(a[i]))
				bound += math.Abs(want) * u * 0x1p-23
			}
			bound += 1e-35 // exp flushes what is below 2^-126
			if share := math.Abs(float64(g)-want) / bound; share > worst {
				worst, at = share, a[i]
			}
		}
		t.Logf("%s: worst error %.2f of the bound, at %v", e.entry, worst, at)
		if worst > 1 {
			t.Errorf("%s: error %.2f times the bound at %v", e.entry, worst, at)
		}
	}
}
