package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// gating is Gate.
type gating struct {
	act      engine.Activation
	gate, up format.Format
	n, k, t  int
	norm     normKind
	bias     bool
	bad      float32 // goes into row 1 of x, unless 0
	int8     bool
	plain    bool
}

var activationNames = [...]string{engine.ActSwiGLU: "SwiGLU", engine.ActGeGLU: "GeGLU", engine.ActGELU: "GELU"}

// products are up and gate.
func (o gating) products() (up, gate product) {
	up = product{f: o.up, n: o.n, k: o.k, t: o.t, bias: o.bias, int8: o.int8}
	gate = up
	gate.f = o.gate
	return up, gate
}

func (o gating) prepare(r *rig) problem {
	data := r.normal(o.t*o.k, 0.1, 1)
	if o.bad != 0 {
		data[o.k+o.k/2] = o.bad
	}
	x, y := r.input(o.t, o.k, data), r.output(o.t, o.n)
	norm, formula := r.norm(o.norm, o.k)
	s := r.scratch(o.t, o.k, o.n)
	p, q := o.products()
	up := r.factor(p)
	spec := &engine.GateSpec{Act: o.act, Up: up.w.Weight, UpBias: up.bias.Tensor}
	var gate factor
	if o.act != engine.ActGELU {
		gate = r.factor(q)
		spec.Gate, spec.GateBias = gate.w.Weight, gate.bias.Tensor
	}
	rows := func(from, to int) {
		r.fused(o.plain).Gate(y.Part(from, to), x.Part(from, to), norm, spec, s.rows(from, to))
	}
	return problem{
		call: func() { rows(0, o.t) },
		want: func() {
			h := formula(x.values())
			y.want = up.times(h)
			if o.act == engine.ActGELU {
				for i, u := range y.want {
					y.want[i] = gelu(u)
				}
				return
			}
			for i, g := range gate.times(h) {
				if o.act == engine.ActGeGLU {
					y.want[i] *= gelu(g)
				} else {
					y.want[i] *= silu(g)
				}
			}
		},
		rows: o.t,
		row:  func(t int) { rows(t, t+1) },
	}
}

func (o gating) cost() (bytes, flops int64) {
	up, gate := o.products()
	if o.act == engine.ActGELU {
		return up.cost()
	}
	return costOf(up, gate)
}

func (o gating) withInt8() (operation, float64) {
	o.int8 = true
	return o, magnified(o.norm, o.gate, o.up)
}

func gateCases() []Case {
	var cases []Case
	add := func(name string, o gating) {
		fs := o.up.String()
		if o.gate != o.up && o.act != engine.ActGELU {
			fs = o.gate.String() + "+" + fs
		}
		label := fmt.Sprintf("%s/%s%s/%dx%d/rows %d", fs, activationNames[o.act], normNames[o.norm], o.n, o.k, o.t)
		if o.bias {
			label += "/bias"
		}
		if name != "" {
			label += "/" + name
		}
		cases = append(cases, newCase("Gate", label, o.up, o))
	}
	for i, f := range format.All() {
		k := max(2*f.BlockLen(), 128)
		for j, act := range []engine.Activation{engine.ActSwiGLU, engine.ActGeGLU, engine.ActGELU} {
			add("", gating{act: act, gate: f, up: f, n: 37, k: k, t: 1, norm: normKind((i + j) % 4), bias: (i+j)%2 == 0})
			add("", gating{act: act, gate: f, up: f, n: 18, k: k, t: 3, norm: normKind((i + j + 1) % 4), bias: (i+j)%2 == 1})
		}
		add("", gating{act: engine.Activation(i % 3), gate: f, up: f, n: 9, k: k, t: 40, norm: rms})
	}
	for _, k := range []int{3, 31, 97, 129} {
		for i, f := range unshared() {
			add("", gating{act: engine.Activation((i + k) % 3), gate: f, up: f, n: 13, k: k, t: 1 + k%3, norm: normKind(1 + k%3), bias: k%2 == 0})
		}
	}
	mixed := gating{act: engine.ActSwiGLU, gate: format.Q4_K, up: format.Q6_K, n: 19, k: 256, t: 1, norm: rms}
	add("", mixed)
	mixed.t = 3
	mixed.plain = true
	add("plain verbs", mixed)
	add("plain verbs", gating{act: engine.ActGeGLU, gate: format.F16, up: format.F16, n: 19, k: 64, t: 2, norm: layerBias, bias: true, plain: true})
	add("NaN in one row", gating{act: engine.ActSwiGLU, gate: format.Q8_0, up: format.Q8_0, n: 19, k: 128, t: 3, norm: rms, bad: float32(math.NaN())})
	return cases
}

// accumulating is Accumulate.
type accumulating struct {
	f       format.Format
	n, k, t int
	bias    bool
	norm    normKind
	bad     float32 // goes into row 1 of h, unless 0
	int8    bool
	plain   bool
}

func (o accumulating) product() product {
	return product{f: o.f, n: o.n, k: o.k, t: o.t, bias: o.bias, int8: o.int8}
}

func (o accumulating) prepare(r *rig) problem {
	data := r.normal(o.t*o.k, 0.1, 1)
	if o.bad != 0 {
		data[o.k+o.k/2] = o.bad
	}
	h, x := r.input(o.t, o.k, data), r.inout(o.t, o.n, r.normal(o.t*o.n, 0, 2))
	m := r.factor(o.product())
	norm, formula := r.norm(o.norm, o.n)
	s := r.scratch(o.t, o.n, 0)
	rows := func(from, to int) {
		r.fused(o.plain).Accumulate(x.Part(from, to), h.Part(from, to), m.w.Weight, m.bias.Tensor, norm, s.rows(from, to))
	}
	return problem{
		call: func() { rows(0, o.t) },
		want: func() {
			x.want = x.values()
			for i, v := range formula(m.times(h.values())) {
				x.want[i] += v
			}
		},
		rows: o.t,
		row:  func(t int) { rows(t, t+1) },
	}
}

func (o accumulating) cost() (bytes, flops int64) {
	bytes, flops = o.product().cost()
	return bytes + 4*int64(o.t*o.n), flops
}

func (o accumulating) withInt8() (operation, float64) {
	o.int8 = true
	return o, 1
}

func accumulateCases() []Case {
	var cases []Case
	add := func(name string, o accumulating) {
		label := fmt.Sprintf("%v%s/%dx%d/rows %d", o.f, normNames[o.norm], o.n, o.k, o.t)
		if o.bias {
			label += "/bias"
		}
		if name != "" {
			label += "/" + name
		}
		cases = append(cases, newCase("Accumulate", label, o.f, o))
	}
	for i, f := range format.All() {
		k := max(2*f.BlockLen(), 128)
		add("", accumulating{f: f, n: 67, k: k, t: 1, bias: i%2 == 0})
		add("", accumulating{f: f, n: 24, k: k, t: 3, bias: i%2 == 1})
		add("", accumulating{f: f, n: 101, k: k, t: 1, norm: rms, bias: i%2 == 1})
		add("", accumulating{f: f, n: 36, k: k, t: 3, norm: rms})
		add("", accumulating{f: f, n: 20, k: k, t: 40, norm: []normKind{noNorm, rms}[i%2]})
	}
	for _, k := range []int{2, 31, 97, 129} {
		for i, f := range unshared() {
			add("", accumulating{f: f, n: 1 + 12*i, k: k, t: 1 + k%3, norm: normKind(k % 4), bias: k%2 == 0})
		}
	}
	add("", accumulating{f: format.F32, n: 300, k: 64, t: 2, norm: layerBias, bias: true})
	add("", accumulating{f: format.F16, n: 257, k: 64, t: 3, norm: rms, bias: true}) // several blocks, each with a part of the row
	add("plain verbs", accumulating{f: format.Q5_K, n: 36, k: 256, t: 3, norm: rms, bias: true, plain: true})
	add("plain verbs", accumulating{f: format.F32, n: 36, k: 64, t: 3, norm: layerBias, plain: true})
	add("NaN in one row", accumulating{f: format.Q8_0, n: 19, k: 128, t: 3, norm: rms, bad: float32(math.NaN())})
	return cases
}
