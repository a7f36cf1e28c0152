package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitUnpacks writes what unpacks blocks to float32.
func emitUnpacks(g *gen) {
	for _, g.level = range []level{avx2, avx512} {
		for _, e := range []element{elementF16, elementBF16} {
			g.unpackFloats(e)
		}
		for _, p := range packings {
			g.unpack(p)
		}
	}
}

func (g *gen) unpackFloats(e element) {
	g.function("Unpack"+e.name, "func(y *float32, w *uint16, vectors int)",
		"y[i] = w[i] for so many vectors of %d numbers.", g.lanes)
	y, w, n := g.arg("y"), g.arg("w"), g.arg("vectors")
	t := &tileCode{gen: g, element: e}
	g.Label("vector")
	v := g.vec()
	t.load(at(w, 0), v)
	g.VMOVUPS(v, at(y, 0))
	g.ADDQ(operand.U32(g.bytes()), y)
	g.ADDQ(operand.U32(g.bytes()/2), w)
	g.DECQ(n)
	g.JNZ(operand.LabelRef("vector"))
	g.end()
}

func (g *gen) unpack(p packing) {
	g.function("Unpack"+p.name, "func(y *float32, w *byte, blocks int)",
		"y = the numbers of so many blocks, %d each.", p.len)
	y, w, n := g.arg("y"), g.arg("w"), g.arg("blocks")
	d := g.prepare(p)
	g.Label("block")
	p.decode(d, w, func(i int, v reg.VecVirtual) { g.VMOVUPS(v, at(y, 4*i)) })
	g.ADDQ(operand.U32(p.bytes), w)
	g.ADDQ(operand.U32(4*p.len), y)
	g.DECQ(n)
	g.JNZ(operand.LabelRef("block"))
	g.end()
}

// emitFloatDots writes products of packed rows with float32 activations: the bits of a
// tile of the unpacked rows, since both add number i to lane i mod the vector's length.
// Four rows at a time give the FMA units four sums that do not wait for each other.
func emitFloatDots(g *gen) {
	for _, g.level = range []level{avx2, avx512} {
		for _, p := range packings {
			g.floatDot(p, 4)
			g.floatDot(p, 1)
		}
	}
}

func (g *gen) floatDot(p packing, n int) {
	g.function(fmt.Sprintf("Dot%d%s", n, p.name),
		"func(y *float32, w *byte, stride int, x *float32, blocks int)",
		"y[j] = row j . x for %d rows of blocks, stride bytes apart.", n)
	y, w, stride := g.arg("y"), g.arg("w"), g.arg("stride")
	x, blocks := g.arg("x"), g.arg("blocks")
	ws := g.pointers(n, w, stride)
	d := g.prepare(p)
	acc := g.zeros(n)
	g.Label("block")
	for j, w := range ws {
		p.decode(d, w, func(i int, v reg.VecVirtual) { g.VFMADD231PS(at(x, 4*i), v, acc[j]) })
		if n == 4 {
			g.prefetch(w, stride, p.bytes)
		}
		g.ADDQ(operand.U32(p.bytes), w)
	}
	g.ADDQ(operand.U32(4*p.len), x)
	g.DECQ(blocks)
	g.JNZ(operand.LabelRef("block"))
	g.storeSums(acc, at(y, 0))
	g.end()
}

// pointers is n pointers from base on, stride bytes apart.
func (g *gen) pointers(n int, base, stride reg.GPVirtual) []reg.GPVirtual {
	ps := []reg.GPVirtual{base}
	for range n - 1 {
		p := g.GP64()
		g.LEAQ(operand.Mem{Base: ps[len(ps)-1], Index: stride, Scale: 1}, p)
		ps = append(ps, p)
	}
	return ps
}
