package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitIntegers writes 32-bit integer arithmetic.
func emitIntegers(g *gen) {
	var a, b, c reg.GPVirtual
	for _, o := range []struct {
		name, doc string
		op        func(...operand.Op)
	}{
		{"Add32", "d = a + b", g.VPADDD}, {"Sub32", "d = a - b", g.VPSUBD},
		{"Mul32", "d = a * b", g.VPMULLD}, {"And32", "d = a & b", g.VANDPS},
		{"Or32", "d = a | b", g.VORPS}, {"Xor32", "d = a ^ b", g.VXORPS},
		{"Shl32", "d = a << b, 0 from 32 on", g.VPSLLVD}, {"Shr32", "d = a >> b, 0 from 32 on", g.VPSRLVD},
		{"Sar32", "d = a >> b, a signed, the sign from 32 on", g.VPSRAVD},
	} {
		g.lanewise(o.name, o.doc, "a, b", func() { a, b = g.arg("a"), g.arg("b") }, func(i int) reg.VecVirtual {
			v := g.column(a, i)
			o.op(at(b, 4*group*i), v, v)
			return v
		})
	}
	g.lanewise("Mad32", "d = a*b + c", "a, b, c", func() { a, b, c = g.arg("a"), g.arg("b"), g.arg("c") },
		func(i int) reg.VecVirtual {
			v := g.column(a, i)
			g.VPMULLD(at(b, 4*group*i), v, v)
			g.VPADDD(at(c, 4*group*i), v, v)
			return v
		})
	g.lanewise("Mov32", "d = a", "a", func() { a = g.arg("a") }, func(i int) reg.VecVirtual { return g.column(a, i) })
	g.lanewise("Dot4", "d = c + the sum over the four bytes of a*b, all signed", "a, b, c",
		func() { a, b, c = g.arg("a"), g.arg("b"), g.arg("c") },
		func(i int) reg.VecVirtual {
			// Bytes 1 and 3 lie in the upper halves of 16-bit words; 0 and 2 are brought there.
			halves := func(p reg.GPVirtual) (even, odd reg.VecVirtual) {
				even, odd = g.YMM(), g.YMM()
				v := g.column(p, i)
				g.VPSRAW(operand.U8(8), v, odd)
				g.VPSLLW(operand.U8(8), v, even)
				g.VPSRAW(operand.U8(8), even, even)
				return even, odd
			}
			e0, o0 := halves(a)
			e1, o1 := halves(b)
			g.VPMADDWD(e1, e0, e0)
			g.VPMADDWD(o1, o0, o0)
			g.VPADDD(o0, e0, e0)
			g.VPADDD(at(c, 4*group*i), e0, e0)
			return e0
		})
	g.emitBytes()
	g.emitSelect()
}

// emitBytes writes prmt for a selector that is known: each byte of a lane comes from one
// place of a or b.
func (g *gen) emitBytes() {
	g.function("Bytes", "func(d, a, b *[32]uint32, fromA, fromB *[32]byte, m uint32)",
		"the bytes of a that fromA picks and those of b that fromB picks, in the lanes of m. The picks\n"+
			"are those of four lanes, twice over, as VPSHUFB takes them: 0x80 is none.")
	a, b := g.arg("a"), g.arg("b")
	pickA, pickB := g.YMM(), g.YMM()
	g.VMOVDQU(at(g.arg("fromA"), 0), pickA)
	g.VMOVDQU(at(g.arg("fromB"), 0), pickB)
	g.finish(func(i int) reg.VecVirtual {
		v, w := g.column(a, i), g.column(b, i)
		g.VPSHUFB(pickA, v, v)
		g.VPSHUFB(pickB, w, w)
		g.VPOR(w, v, v)
		return v
	})
}

// emitSelect writes selp.
func (g *gen) emitSelect() {
	g.function("Select", "func(d, a, b *[32]uint32, p, m uint32)", "d = a in the lanes of p, b in the others, in the lanes of m")
	a, b := g.arg("a"), g.arg("b")
	picks, bits := g.YMM(), g.YMM()
	x := g.XMM()
	g.VMOVD(g.Load(g.Param("p"), g.GP32()), x)
	g.VPBROADCASTD(x, picks)
	g.VMOVDQU(g.table("laneBits", 1, 2, 4, 8, 16, 32, 64, 128), bits)
	g.finish(func(i int) reg.VecVirtual {
		chosen, v := g.YMM(), g.column(b, i)
		g.VPSRLD(operand.U8(group*i), picks, chosen)
		g.VPAND(bits, chosen, chosen)
		g.VPCMPEQD(bits, chosen, chosen)
		g.VPBLENDVB(chosen, at(a, 4*group*i), v, v)
		return v
	})
}
