package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mixRows is how many rows of weights share the loads of the values.
const mixRows = 4

// emitMixes writes sums of rows, each times its weight: the second half of attention.
// Column by column the sum is taken over i in order, so that the bits do not depend on how
// many rows of y are computed together.
func emitMixes(g *gen) {
	for _, g.level = range []level{avx2, avx512} {
		for m := 1; m <= mixRows; m++ {
			g.mix(m)
		}
	}
}

func (g *gen) mix(m int) {
	g.function(fmt.Sprintf("Mix%d", m),
		"func(y *float32, d int, w *float32, stride int, rows *float32, n int)",
		"y[t*d+c] += sum_i w[t*stride+i]*rows[i*d+c] for %d rows of y.", m)
	c := &mixCode{gen: g, m: m, left: g.arg("d"), n: g.arg("n"), values: g.arg("rows"), weights: g.arg("w")}
	y, stride := g.arg("y"), g.times(g.arg("stride"), 4)
	c.rowBytes = g.times(c.left, 4)
	c.y, c.w = g.rowsOf(m, y, c.rowBytes), stride

	wide := 2 // vectors of columns at a time
	if g.wide() {
		wide = 4
	}
	for _, vectors := range []int{wide, 1} {
		loop, done := fmt.Sprintf("columns%d", vectors), fmt.Sprintf("done%d", vectors)
		g.Label(loop)
		g.CMPQ(c.left, operand.U32(vectors*g.lanes))
		g.JL(operand.LabelRef(done))
		c.columns(vectors, loop, nil)
		g.SUBQ(operand.U32(vectors*g.lanes), c.left)
		g.JMP(operand.LabelRef(loop))
		g.Label(done)
	}
	g.TESTQ(c.left, c.left)
	g.JZ(operand.LabelRef("end"))
	var mask reg.Register
	if g.wide() {
		mask = g.mask(c.left)
	} else {
		mask = g.tailMask(c.left)
	}
	c.columns(1, "rest", mask)
	g.Label("end")
	g.end()
}

// mixCode is a mix while it is written.
type mixCode struct {
	*gen
	m               int
	left, n         reg.GPVirtual // columns left; rows of values
	values, weights reg.GPVirtual
	rowBytes, w     reg.GPVirtual // strides of values and y, and of weights
	y               rows
}

// columns adds to some vectors of columns, the last of them masked if mask is not nil.
func (c *mixCode) columns(vectors int, name string, mask reg.Register) {
	acc := c.zeros(c.m * vectors)
	value, i, weight := c.GP64(), c.GP64(), c.GP64()
	c.MOVQ(c.values, value)
	c.MOVQ(c.weights, weight)
	c.MOVQ(c.n, i)
	ws := c.rowsOf(c.m, weight, c.w)
	c.Label(name + "rows")
	vs := make([]reg.VecVirtual, vectors)
	for j := range vs {
		vs[j] = c.vec()
		c.load(at(value, j*c.bytes()), mask, vs[j])
	}
	for t := range c.m {
		w := c.vec()
		c.VBROADCASTSS(ws.at(t, 0), w)
		for j, v := range vs {
			c.VFMADD231PS(v, w, acc[t*vectors+j])
		}
	}
	c.ADDQ(c.rowBytes, value)
	c.advance(ws, 4)
	c.DECQ(i)
	c.JNZ(operand.LabelRef(name + "rows"))
	for t := range c.m {
		for j := range vs {
			to, sum := c.y.at(t, j*c.bytes()), acc[t*vectors+j]
			old := c.vec()
			c.load(to, mask, old)
			c.VADDPS(old, sum, sum)
			c.store(sum, mask, to)
		}
	}
	if mask == nil {
		c.advance(c.y, vectors*c.bytes())
		c.ADDQ(operand.U32(vectors*c.bytes()), c.values)
	}
}

// load and store move a vector, or the numbers that mask chooses.
func (g *gen) load(from operand.Mem, mask reg.Register, v reg.VecVirtual) {
	switch {
	case mask == nil:
		g.VMOVUPS(from, v)
	case g.wide():
		g.VMOVUPS_Z(from, mask, v)
	default:
		g.VMASKMOVPS(from, mask, v)
	}
}

func (g *gen) store(v reg.VecVirtual, mask reg.Register, to operand.Mem) {
	switch {
	case mask == nil:
		g.VMOVUPS(v, to)
	case g.wide():
		g.VMOVUPS(v, mask, to)
	default:
		g.VMASKMOVPS(v, mask, to)
	}
}
