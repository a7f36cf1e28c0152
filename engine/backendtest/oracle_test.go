package backendtest

import (
	"math"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// Numbers that can be checked by hand. GELU's and softmax's are the examples in ONNX's
// operator descriptions.
func TestOracleByHand(t *testing.T) {
	t.Parallel()
	root5 := math.Sqrt(5)
	ones := []float64{1, 1, 1, 1}
	identity := [][]float64{{1, 2}, {3, 5}}
	equalKeys := attention{heads: 2, kvHeads: 1, dim: 1, scale: 1, pos: 2, window: 2,
		key:   func(int) []float64 { return []float64{7} },
		value: func(p int) []float64 { return []float64{float64(p * p)} }}
	mixed, weights := equalKeys.attend([]float64{1, -1})
	top, cols := topK([]float64{1, 3, 3, 2}, 4, 3)
	for _, c := range []struct {
		name      string
		got, want []float64
		within    float64
	}{
		{"GELU", []float64{gelu(-1), gelu(0), gelu(1)}, []float64{-0.158808, 0, 0.841192}, 1e-6},
		{"SiLU", []float64{silu(0), silu(1), silu(-1)}, []float64{0, 0.7310586, -0.2689414}, 1e-7},
		{"SoftCap", []float64{softCap(1e9, 30), softCap(1e-9, 30)}, []float64{30, 1e-9}, 1e-15},
		{"Softmax", softmax([]float64{-1, 0, 1}, 3), []float64{0.09003058, 0.24472848, 0.66524094}, 1e-7},
		{"LayerNorm", layerNorm([]float64{1, 2, 3, 4}, ones, nil, 0), []float64{-3 / root5, -1 / root5, 1 / root5, 3 / root5}, 1e-15},
		{"RMSNorm", rmsNorm([]float64{3, 4}, []float64{1, 10}, 0), []float64{0.6 * math.Sqrt2, 8 * math.Sqrt2}, 1e-14},
		{"Linear", linear([]float64{1, 10, 2, 0}, 2, 2, func(i int) []float64 { return identity[i] }, []float64{0.5, 0}), []float64{21.5, 53, 2.5, 6}, 0},
		{"Embed", embed([]int32{1, 0}, func(i int) []float64 { return identity[i] }, 2), []float64{6, 10, 2, 4}, 0},
		{"Rope", rope([]float64{1, 2, 3, 4, 9}, []int32{1}, 5, []float64{math.Pi / 2, 0}, false, 1), []float64{-3, 2, 1, 4, 9}, 1e-6},
		{"Rope of neighbours", rope([]float64{1, 2, 3, 4, 9}, []int32{1}, 5, []float64{math.Pi / 2, 0}, true, 2), []float64{-4, 2, 6, 8, 9}, 1e-6},
		{"Attend", mixed, []float64{2.5, 2.5}, 0},
		{"Attend's weights", weights[1], []float64{0, 0.5, 0.5}, 0},
		{"TopK", append(top, float64(cols[0]), float64(cols[1]), float64(cols[2])), []float64{3, 3, 2, 1, 2, 3}, 0},
		{"Gather", gather([]float64{1, 2, 3, 4}, 2, []int32{1, 1, 0}), []float64{3, 4, 3, 4, 1, 2}, 0},
	} {
		if !slices.EqualFunc(c.got, c.want, func(a, b float64) bool { return math.Abs(a-b) <= c.within }) {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name  string
		got   []float32
		want  []float64
		nmse  float64
		at    [2]int
		fails bool
	}{
		{"equal", []float32{1, 2, 3, 4}, []float64{1, 2, 3, 4}, 0, [2]int{}, false},
		{"rounded", []float32{float32(0.1), 0}, []float64{0.1, 0}, 0, [2]int{}, false},
		{"one off", []float32{1, 2, 3, 5}, []float64{1, 2, 3, 4}, 1. / 30, [2]int{1, 1}, false},
		{"something of nothing", []float32{0, 1}, []float64{0, 0}, inf, [2]int{0, 1}, false},
		{"NaN on both sides", []float32{float32(nan), 2}, []float64{nan, 2}, 0, [2]int{}, false},
		{"NaN got", []float32{float32(nan), 2}, []float64{1, 2}, 0, [2]int{}, true},
		{"NaN wanted", []float32{1, 2}, []float64{1, nan}, 0, [2]int{}, true},
		{"other infinity", []float32{float32(-inf), 2}, []float64{inf, 2}, 0, [2]int{}, true},
		{"beyond float32", []float32{float32(inf), 2}, []float64{1e39, 2}, 0, [2]int{}, false},
	} {
		d, err := measure(c.got, c.want, 2)
		if (err != nil) != c.fails || err == nil && (d.nmse != c.nmse || d.at != c.at) {
			t.Errorf("%s: NMSE %v at %v, error %v", c.name, d.nmse, d.at, err)
		}
	}
}

// What 8-bit activations cost one product: the figure behind the table's limit for
// whole models.
func TestInt8ActivationsCost(t *testing.T) {
	t.Parallel()
	r := newRig(NewReference(), "int8")
	w := r.weight(format.Q4_0, 200, 1536)
	x := r.normal(8*1536, 0, 1)
	d, err := measure(
		narrow(linear(asInt8(x, 1536), 1536, 200, w.row, nil)),
		linear(widen(x), 1536, 200, w.row, nil), 200)
	if err != nil || d.nmse < 1e-6 || d.nmse > 1e-4 {
		t.Errorf("NMSE %.3g, want about 3e-5; %v", d.nmse, err)
	}
}

// The Reference keeps float64 between operations, through views, and believes whoever
// writes float32 past it.
func TestReferenceKeepsFloat64(t *testing.T) {
	t.Parallel()
	b := NewReference()
	x, err := b.NewTensor(engine.Float32, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(x, []float32{1, 2, 3, 4, 5, 6})
	b.SoftCap(x, x, 10)
	for i, v := range b.Values(x.Part(1, 3)) {
		if want := softCap(float64(i+3), 10); v != want {
			t.Errorf("element %d is %v, want %v", i, v, want)
		}
	}
	x.F32()[3] = 0.5
	if got := b.Values(x.Part(1, 2)); got[1] != 0.5 || got[0] != softCap(3, 10) {
		t.Errorf("row 1 is %v after a write from outside", got)
	}
	b.Release(x)
	if got := b.Values(x)[0]; got != float64(x.F32()[0]) {
		t.Errorf("after Release element 0 is %v, want the float32 %v", got, x.F32()[0])
	}
}

func TestBenchmarksRun(t *testing.T) {
	t.Parallel()
	b := NewReference()
	for _, c := range Benchmarks() {
		if c.Bytes <= 0 || c.Flops < 0 {
			t.Errorf("%s/%s: %d bytes, %d operations", c.Op, c.Name, c.Bytes, c.Flops)
		}
		if c.Flops > 1e6 || c.Bytes > 1e5 {
			continue
		}
		run, free, err := c.Prepare(b)
		if err == nil {
			err = run(1)
			free()
		}
		if err != nil {
			t.Errorf("%s/%s: %v", c.Op, c.Name, err)
		}
	}
}
