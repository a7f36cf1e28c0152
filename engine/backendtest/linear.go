package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

type product struct {
	f       format.Format
	n, k, t int
	bias    bool
	bad     float32 // goes into row 1 of x, unless 0
	zeros   bool    // row 0 of x is zero
	int8    bool    // the oracle rounds activations as the format package defines it
}

func (p product) prepare(r *rig) problem {
	data := r.normal(p.t*p.k, 0.1, 1)
	if p.bad != 0 {
		data[p.k+p.k/2] = p.bad
	}
	if p.zeros {
		clear(data[:p.k])
	}
	x := r.input(p.t, p.k, data)
	w := r.weight(p.f, p.n, p.k)
	bias := &array{}
	if p.bias {
		bias = r.input(1, p.n, r.normal(p.n, 0, 1))
	}
	y := r.output(p.t, p.n)
	return problem{
		call: func() { r.Linear(y.Tensor, x.Tensor, w.Weight, bias.Tensor) },
		want: func() {
			y.want = linear(p.seen(x.values()), p.k, p.n, w.row, bias.values())
		},
		rows: p.t,
		row: func(t int) {
			r.Linear(y.Part(t, t+1), x.Part(t, t+1), w.Weight, bias.Tensor)
		},
	}
}

// seen is rows of k numbers as the product sees them.
func (p product) seen(x []float64) []float64 {
	if p.int8 && p.f.BlockLen() > 1 {
		return asInt8(narrow(x), p.k)
	}
	return x
}

func (p product) cost() (bytes, flops int64) {
	n, k, t := int64(p.n), int64(p.k), int64(p.t)
	return n*int64(p.f.RowBytes(p.k)) + 4*t*(k+n), 2 * n * k * t
}

// asInt8 is x, rows of k numbers, as 8-bit activations give it back.
func asInt8(x []float32, k int) []float64 {
	q := format.NewQ8(k)
	var y []float64
	for i := 0; i < len(x); i += k {
		q.Quantize(x[i : i+k])
		for j, v := range q.Qs {
			y = append(y, float64(q.D[j/format.ActivationBlock])*float64(v))
		}
	}
	return y
}

// modelShapes are [N, K] of the products in models that people run small: GPT-2 of width
// 256, SmolLM2-135M and Gemma-3-270M.
var modelShapes = [][2]int{{768, 256}, {256, 768}, {1536, 576}, {576, 1536}, {2048, 640}, {640, 2048}}

func linearCases() []Case {
	var cases []Case
	add := func(p product) {
		name := fmt.Sprintf("%v/%dx%d/rows %d", p.f, p.n, p.k, p.t)
		switch {
		case p.bias:
			name += "/bias"
		case p.zeros:
			name += "/a row of zeros"
		case math.IsNaN(float64(p.bad)):
			name += "/NaN in one row"
		case p.bad != 0:
			name += "/infinity in one row"
		}
		c := newCase("Linear", name, p.f, p)
		if p.n*p.t == 1 {
			c.cond = 4 // nothing makes up for a single output whose terms cancel
		}
		cases = append(cases, c)
	}
	for i, f := range format.All() {
		block := f.BlockLen()
		for _, t := range []int{1, 2, 3, 8, 33} {
			k := max(block, 64)
			add(product{f: f, n: 33, k: 2 * k, t: t, bias: t%2 == 0})
			add(product{f: f, n: 37, k: 3 * k, t: t, bias: t%2 == 1})
		}
		add(product{f: f, n: 1, k: block, t: 1})
		add(product{f: f, n: 1, k: 5 * block, t: 3, bias: true})
		add(product{f: f, n: 31, k: 7 * block, t: 5})
		add(product{f: f, n: 97, k: 11 * block, t: 1, bias: true})
		add(product{f: f, n: 64, k: 512, t: 17})
		add(product{f: f, n: 128, k: 256, t: 64})
		add(product{f: f, n: 40, k: 256, t: 3, zeros: true})
		add(product{f: f, n: 40, k: 512, t: 3, bad: float32(math.NaN())})
		if block == 1 {
			// In other formats infinity times a code may or may not meet infinity times
			// the block's minimum.
			add(product{f: f, n: 40, k: 100, t: 3, bad: float32(math.Inf(-1))})
			for _, k := range []int{2, 3, 5, 31, 33, 97, 127, 129, 251} {
				add(product{f: f, n: 13, k: k, t: 1 + k%4, bias: k%2 == 0})
			}
			add(product{f: f, n: 1009, k: 101, t: 1})
		}
		for j, s := range modelShapes {
			if f.CheckCols(s[1]) != nil {
				continue
			}
			add(product{f: f, n: s[0], k: s[1], t: 1, bias: j%2 == 0})
			if i%3 == j%3 {
				add(product{f: f, n: s[0], k: s[1], t: 3})
			}
		}
	}
	return cases
}

// roundsActivations is an operation that a backend may do with activations of 8 bits.
// withInt8 is the operation as such a backend sees it, and how much its input magnifies
// rounding errors then: see Case.cond.
type roundsActivations interface {
	withInt8() (o operation, cond float64)
}

// withInt8 gives the case as a backend sees it that rounds activations to int8.
func (c Case) withInt8() Case {
	if o, ok := c.op.(roundsActivations); ok {
		var cond float64
		c.op, cond = o.withInt8()
		c.cond = max(c.cond, cond)
	}
	return c
}

func (p product) withInt8() (operation, float64) {
	p.int8 = true
	return p, 1
}
