package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitActivations writes the rounding of activations to 8-bit integers: the bits of the
// engine's format.QuantizeActivations, with the sums that products want. With two planes a
// second integer is what the first leaves, in units of 1/128 of its scale.
func emitActivations(g *gen) {
	g.level = avx2
	g.quantize(1)
	g.quantize(2)
}

func (g *gen) quantize(planes int) {
	what := "q, d = x as integers with a scale for each block of 32"
	if planes == 2 {
		what = "q, d = x as integers 128*high + low with a scale for each block: 32 high ones, 32 low ones"
	}
	g.function(fmt.Sprintf("Quantize%d", 8*planes), "func(q *int8, d, dsum *float32, neg, neg16 *int32, x *float32, blocks int)",
		"%s; dsum = d*sum(q), neg = -sum(q), neg16 = -sum(q) for each 16.", what)
	q, d, dsum, neg, neg16 := g.arg("q"), g.arg("d"), g.arg("dsum"), g.arg("neg"), g.arg("neg16")
	x, blocks := g.arg("x"), g.arg("blocks")
	magnitude := g.integer("magnitude", 0x7fffffff)
	order := g.YMM()
	g.VMOVDQU(g.ints("packedOrder", 0, 4, 1, 5, 2, 6, 3, 7), order)

	g.Label("block")
	var v [4]reg.VecVirtual
	top := g.YMM()
	for i := range v {
		v[i] = g.YMM()
		g.VMOVUPS(at(x, 32*i), v[i])
		if i == 0 {
			g.VPAND(magnitude, v[i], top)
			continue
		}
		t := g.YMM()
		g.VPAND(magnitude, v[i], t)
		g.VPMAXUD(t, top, top)
	}
	// The greatest magnitude as bits, in which NaN > infinity > numbers.
	half, t := g.XMM(), g.XMM()
	g.VEXTRACTI128(operand.U8(1), top, half)
	g.VPMAXUD(top.AsX(), half, half)
	for _, swap := range []uint8{0x4e, 0xb1} {
		g.VPSHUFD(operand.U8(swap), half, t)
		g.VPMAXUD(t, half, half)
	}
	bits := g.GP32()
	g.VMOVD(half, bits)
	g.CMPL(bits, operand.U32(0x7f800000))
	g.JAE(operand.LabelRef("notANumber"))
	g.VDIVSS(g.floats("most", 127), half, half)
	g.VMOVD(half, bits)
	g.CMPL(bits, operand.U32(0x00800000)) // the smallest normal number
	g.JB(operand.LabelRef("nothing"))

	scale := g.YMM()
	g.VBROADCASTSS(half, scale)
	g.VMOVD(bits, half)
	var low [4]reg.VecVirtual
	for i := range v {
		g.VDIVPS(scale, v[i], v[i])
		if planes == 2 {
			whole := g.YMM()
			low[i] = g.YMM()
			g.VROUNDPS(operand.U8(0), v[i], whole)
			g.VSUBPS(whole, v[i], low[i])
			g.VMULPS(g.number("highUnit", 128), low[i], low[i])
			g.VCVTPS2DQ(low[i], low[i])
		}
		g.VCVTPS2DQ(v[i], v[i])
	}
	a, b := g.YMM(), g.YMM() // sums of numbers 0..15 and 16..31
	g.VPADDD(v[0], v[1], a)
	g.VPADDD(v[2], v[3], b)
	if planes == 2 {
		for i, sum := range []reg.VecVirtual{a, b} {
			g.VPSLLD(operand.U8(7), sum, sum)
			g.VPADDD(low[2*i], sum, sum)
			g.VPADDD(low[2*i+1], sum, sum)
		}
		g.VMULSS(g.floats("lowUnit", 1.0/128), half, half)
	}
	g.pack(v, order, at(q, 0))
	if planes == 2 {
		g.pack(low, order, at(q, 32))
	}
	g.VPHADDD(b, a, a)
	g.VPHADDD(a, a, a)
	other, zero := g.XMM(), g.XMM()
	g.VEXTRACTI128(operand.U8(1), a, other)
	g.VPADDD(a.AsX(), other, other) // sum of 0..15, of 16..31, the same again
	g.VPXOR(zero, zero, zero)
	g.VPSUBD(other, zero, other)
	g.VMOVQ(other, at(neg16, 0))
	g.VPHADDD(other, other, other)
	g.VMOVD(other, at(neg, 0))
	g.VPSUBD(other, zero, other)
	g.VCVTDQ2PS(other, other)
	g.VMULSS(half, other, other)
	g.VMOVSS(half, at(d, 0))
	g.VMOVSS(other, at(dsum, 0))

	g.Label("next")
	g.ADDQ(operand.U8(128), x)
	g.ADDQ(operand.U8(uint8(32*planes)), q)
	for _, p := range []reg.Register{d, dsum, neg} {
		g.ADDQ(operand.U8(4), p)
	}
	g.ADDQ(operand.U8(8), neg16)
	g.DECQ(blocks)
	g.JNZ(operand.LabelRef("block"))
	g.end()

	g.Label("notANumber")
	g.MOVL(operand.U32(0x7fc00000), bits)
	g.JMP(operand.LabelRef("blank"))
	g.Label("nothing")
	g.XORL(bits, bits)
	g.Label("blank") // integers 0 with scale 0 or NaN
	g.VPXOR(top, top, top)
	for plane := range planes {
		g.VMOVDQU(top, at(q, 32*plane))
	}
	g.VMOVQ(top.AsX(), at(neg16, 0))
	g.VMOVD(top.AsX(), at(neg, 0))
	g.MOVL(bits, at(d, 0))
	g.MOVL(bits, at(dsum, 0))
	g.JMP(operand.LabelRef("next"))
}

// pack stores 32 integers as bytes, in their order.
func (g *gen) pack(v [4]reg.VecVirtual, order reg.Register, to operand.Mem) {
	a, b := g.YMM(), g.YMM()
	g.VPACKSSDW(v[1], v[0], a)
	g.VPACKSSDW(v[3], v[2], b)
	g.VPACKSSWB(b, a, a)
	g.VPERMD(a, order, a)
	g.VMOVDQU(a, to)
}
