package backendtest

import (
	"fmt"
	"math"
	"strings"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// fused is what a backend offers for the verbs of engine.Fused, or, if plain is set, its
// plain verbs.
func (r *rig) fused(plain bool) engine.Fused {
	if plain {
		return engine.Unfused{Ops: r.Backend}
	}
	return engine.FusedOf(r.Backend)
}

// normKind is a norm before or after a product.
type normKind uint8

const (
	noNorm normKind = iota
	rms
	layer
	layerBias
)

var normNames = [...]string{noNorm: "", rms: "/RMSNorm", layer: "/LayerNorm", layerBias: "/LayerNorm with bias"}

const normEps = 1e-5

// norm makes a norm of rows of c numbers and says what it does to them.
func (r *rig) norm(kind normKind, c int) (n *engine.Norm, formula func([]float64) []float64) {
	if kind == noNorm {
		return nil, func(x []float64) []float64 { return x }
	}
	gain, bias := r.input(1, c, r.normal(c, 1, 0.3)), &array{}
	if kind == layerBias {
		bias = r.input(1, c, r.normal(c, 0, 0.3))
	}
	eps := float32(normEps)
	if kind == rms {
		return &engine.Norm{Kind: engine.NormRMS, Gain: gain.Tensor, Eps: eps},
			func(x []float64) []float64 { return rmsNorm(x, gain.values(), float64(eps)) }
	}
	return &engine.Norm{Kind: engine.NormLayer, Gain: gain.Tensor, Bias: bias.Tensor, Eps: eps},
		func(x []float64) []float64 { return layerNorm(x, gain.values(), bias.values(), float64(eps)) }
}

// scratch is an engine.Scratch that holds rubbish, for rows of width numbers and, unless
// gate is 0, of gate numbers.
type scratch struct{ row, gate *array }

func (r *rig) scratch(t, width, gate int) scratch {
	rubbish := func(n int) []float32 { return r.normal(n, math.NaN(), 1) }
	s := scratch{r.spent(t, width, rubbish(t*width)), &array{}}
	if gate > 0 {
		s.gate = r.spent(t, gate, rubbish(t*gate))
	}
	return s
}

// rows is the scratch for the rows [from, to).
func (s scratch) rows(from, to int) *engine.Scratch {
	part := &engine.Scratch{Row: s.row.Part(from, to)}
	if !s.gate.IsZero() {
		part.Gate = s.gate.Part(from, to)
	}
	return part
}

// factor is a matrix and its bias.
type factor struct {
	product
	w    packed
	bias *array
}

func (r *rig) factor(p product) factor {
	m := factor{p, r.weight(p.f, p.n, p.k), &array{}}
	if p.bias {
		m.bias = r.input(1, p.n, r.normal(p.n, 0, 1))
	}
	return m
}

// times is h W' + b by the oracle.
func (m factor) times(h []float64) []float64 {
	return linear(m.seen(h), m.k, m.n, m.w.row, m.bias.values())
}

// roundedNorm is how much rounding errors of a norm are magnified by what rounds its result to
// 8 bits: a number next to the middle between two codes may become either.
const roundedNorm = 1e3

// projecting is Project.
type projecting struct {
	fs    []format.Format
	ns    []int
	k, t  int
	norm  normKind
	bias  bool
	mean  float64
	bad   float32 // goes into row 1 of x, unless 0
	int8  bool
	plain bool
}

func (o projecting) products() []product {
	ps := make([]product, len(o.ns))
	for i, n := range o.ns {
		ps[i] = product{f: o.fs[i%len(o.fs)], n: n, k: o.k, t: o.t, bias: o.bias && i != 1, int8: o.int8}
	}
	return ps
}

func (o projecting) prepare(r *rig) problem {
	data := r.normal(o.t*o.k, max(o.mean, 0.1), 1)
	if o.bad != 0 {
		data[o.k+o.k/2] = o.bad
	}
	x := r.input(o.t, o.k, data)
	norm, formula := r.norm(o.norm, o.k)
	s := r.scratch(o.t, o.k, 0)
	var factors []factor
	var ys []*array
	for _, p := range o.products() {
		factors = append(factors, r.factor(p))
		ys = append(ys, r.output(o.t, p.n))
	}
	rows := func(from, to int) {
		var list []engine.Projection
		for i, m := range factors {
			list = append(list, engine.Projection{Y: ys[i].Part(from, to), W: m.w.Weight, Bias: m.bias.Tensor})
		}
		r.fused(o.plain).Project(x.Part(from, to), norm, list, s.rows(from, to))
	}
	return problem{
		call: func() { rows(0, o.t) },
		want: func() {
			h := formula(x.values())
			for i, m := range factors {
				ys[i].want = m.times(h)
			}
		},
		rows: o.t,
		row:  func(t int) { rows(t, t+1) },
	}
}

func (o projecting) cost() (bytes, flops int64) { return costOf(o.products()...) }

// costOf is that of products of the same rows, which are read once.
func costOf(ps ...product) (bytes, flops int64) {
	for i, p := range ps {
		b, f := p.cost()
		if i > 0 {
			b -= 4 * int64(p.t*p.k)
		}
		bytes, flops = bytes+b, flops+f
	}
	return bytes, flops
}

func (o projecting) withInt8() (operation, float64) {
	o.int8 = true
	return o, magnified(o.norm, o.fs...)
}

func magnified(n normKind, fs ...format.Format) float64 {
	for _, f := range fs {
		if n != noNorm && f.BlockLen() > 1 {
			return roundedNorm
		}
	}
	return 1
}

func projectCases() []Case {
	var cases []Case
	add := func(name string, o projecting) {
		var fs []string
		widest := o.fs[0]
		for _, f := range o.fs {
			fs = append(fs, f.String())
			if f.BlockLen() > widest.BlockLen() {
				widest = f
			}
		}
		label := fmt.Sprintf("%s%v/%dx%d/rows %d", strings.Join(fs, "+"), normNames[o.norm], o.ns, o.k, o.t)
		if o.bias {
			label += "/bias"
		}
		if name != "" {
			label += "/" + name
		}
		c := newCase("Project", label, widest, o)
		c.cond = o.mean
		cases = append(cases, c)
	}
	one := func(f format.Format) []format.Format { return []format.Format{f} }
	for i, f := range format.All() {
		k := max(2*f.BlockLen(), 128)
		add("", projecting{fs: one(f), ns: []int{33, 9, 10}, k: k, t: 1, norm: rms})
		add("", projecting{fs: one(f), ns: []int{40, 16, 16}, k: 3 * k, t: 3, norm: layerBias, bias: true})
		add("", projecting{fs: one(f), ns: []int{67}, k: k, t: 1 + i%3, norm: noNorm, bias: true})
		add("", projecting{fs: one(f), ns: []int{5, 1, 3}, k: k, t: 40, norm: rms})
	}
	for _, k := range []int{3, 31, 33, 97, 127, 251} {
		for _, f := range unshared() {
			add("", projecting{fs: one(f), ns: []int{13, 1, 7}, k: k, t: 1 + k%3, norm: normKind(1 + k%3), bias: k%2 == 0})
		}
	}
	mixed := [][]format.Format{
		{format.Q4_K, format.Q4_K, format.Q6_K}, {format.Q4_0, format.Q8_0, format.F16}, {format.F32, format.BF16, format.F32},
	}
	for _, fs := range mixed {
		for _, t := range []int{1, 3, 40} {
			add("", projecting{fs: fs, ns: []int{17, 8, 9}, k: 256, t: t, norm: rms, bias: t == 3})
		}
	}
	big := projecting{fs: one(format.F32), ns: []int{24, 8, 8}, k: 768, t: 3, norm: layer}
	big.mean = 1000
	add("mean 1000", big)
	add("NaN in one row", projecting{fs: one(format.F16), ns: []int{24, 8, 8}, k: 128, t: 3, norm: rms, bad: float32(math.NaN())})
	add("plain verbs", projecting{fs: mixed[0], ns: []int{17, 8, 9}, k: 256, t: 3, norm: layerBias, bias: true, plain: true})
	return cases
}
