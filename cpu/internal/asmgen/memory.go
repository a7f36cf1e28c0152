package main

import (
	"github.com/mmcloughlin/avo/operand"
)

// packHalves rounds to binary16, to nearest.
func (g *gen) packHalves() {
	g.function("PackF16", "func(y *uint16, x *float32, vectors int)",
		"y[i] = x[i] for so many vectors of %d numbers.", g.lanes)
	y, x, n := g.arg("y"), g.arg("x"), g.arg("vectors")
	g.Label("vector")
	v := g.vec()
	g.VMOVUPS(at(x, 0), v)
	g.VCVTPS2PH(operand.U8(0), v, at(y, 0))
	g.ADDQ(operand.U32(g.bytes()), x)
	g.ADDQ(operand.U32(g.bytes()/2), y)
	g.DECQ(n)
	g.JNZ(operand.LabelRef("vector"))
	g.end()
}

// prefetchBytes asks for memory.
func (g *gen) prefetchBytes() {
	g.function("Prefetch", "func(p *byte, n int)", "a request for n > 0 bytes.")
	p, n := g.arg("p"), g.arg("n")
	g.Label("line")
	g.PREFETCHT0(at(p, 0))
	g.ADDQ(operand.U8(64), p)
	g.SUBQ(operand.U8(64), n)
	g.JG(operand.LabelRef("line"))
	g.RET()
}

// pause waits as a loop should that looks for a change of memory.
func (g *gen) pause() {
	g.function("Pause", "func(n int)", "n times the instruction PAUSE.")
	n := g.arg("n")
	g.Label("again")
	g.PAUSE()
	g.DECQ(n)
	g.JNZ(operand.LabelRef("again"))
	g.RET()
}
