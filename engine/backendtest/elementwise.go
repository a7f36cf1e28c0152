package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// perElement is an operation on elements that stand at the same place.
type perElement struct {
	name    string
	sources int
	flops   int64 // for an element; exp and tanh count as one
	call    func(o engine.Ops, y, a, b engine.Tensor)
	formula func(a, b float64) float64
}

const capLimit = 30

var perElements = []perElement{
	{"GELU", 1, 9, func(o engine.Ops, y, a, _ engine.Tensor) { o.GELU(y, a) },
		func(a, _ float64) float64 { return gelu(a) }},
	{"SwiGLU", 2, 5, func(o engine.Ops, y, a, b engine.Tensor) { o.SwiGLU(y, a, b) },
		func(a, b float64) float64 { return silu(a) * b }},
	{"GeGLU", 2, 10, func(o engine.Ops, y, a, b engine.Tensor) { o.GeGLU(y, a, b) },
		func(a, b float64) float64 { return gelu(a) * b }},
	{"Residual", 2, 1, func(o engine.Ops, y, a, b engine.Tensor) { o.Residual(y, a, b) },
		func(a, b float64) float64 { return a + b }},
	{"SoftCap", 1, 3, func(o engine.Ops, y, a, _ engine.Tensor) { o.SoftCap(y, a, capLimit) },
		func(a, _ float64) float64 { return softCap(a, capLimit) }},
}

type elements struct {
	perElement
	t, c      int
	deviation float64
	special   []float32 // the first numbers of the first source
	over      int       // 1, 2: the destination is that source
}

func (e elements) prepare(r *rig) problem {
	first := r.normal(e.t*e.c, 0, e.deviation)
	copy(first, e.special)
	second := r.normal(e.t*e.c, 0, 1)

	var y *array
	place := func(source int, data []float32) *array {
		if e.over == source {
			y = r.inout(e.t, e.c, data)
			return y
		}
		return r.input(e.t, e.c, data)
	}
	a, b := place(1, first), &array{}
	if e.sources == 2 {
		b = place(2, second)
	}
	if y == nil {
		y = r.output(e.t, e.c)
	}
	return problem{
		call: func() { e.call(r, y.Tensor, a.Tensor, b.Tensor) },
		want: func() {
			y.want = make([]float64, e.t*e.c)
			for i := range y.want {
				y.want[i] = e.formula(float64(first[i]), float64(second[i]))
			}
		},
	}
}

func (e elements) cost() (bytes, flops int64) {
	n := int64(e.t * e.c)
	return 4 * n * int64(e.sources+1), n * e.flops
}

func elementwiseCases() []Case {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	var cases []Case
	for _, op := range perElements {
		add := func(name string, e elements) {
			e.perElement = op
			cases = append(cases, newCase(op.name, fmt.Sprintf("%s/%dx%d", name, e.t, e.c), format.Invalid, e))
		}
		for _, s := range [][2]int{{1, 1}, {1, 31}, {2, 32}, {3, 33}, {3, 1023}, {8, 768}, {33, 1536}, {1, 2048}, {7, 1}} {
			add("plain", elements{t: s[0], c: s[1], deviation: 2})
		}
		add("over the first source", elements{t: 3, c: 97, deviation: 2, over: 1})
		if op.sources == 2 {
			add("over the second source", elements{t: 3, c: 97, deviation: 2, over: 2})
		}
		add("small", elements{t: 2, c: 100, deviation: 1e-3})
		add("large", elements{t: 2, c: 100, deviation: 300})
		add("huge", elements{t: 1, c: 40, deviation: 1, special: []float32{1e18, -1e18, 3e30, -3e30, 100, -100, 88.8, -88.8, 0}})
		add("NaN and infinities", elements{t: 2, c: 40, deviation: 1, special: []float32{nan, inf, -inf}})
	}
	return cases
}
