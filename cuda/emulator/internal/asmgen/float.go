package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitFloats writes float32 arithmetic, rounded to nearest. A result that is not a number
// becomes the GPU's one, as in canonical.
func emitFloats(g *gen) {
	var a, b, c reg.GPVirtual
	var nan reg.VecVirtual
	two := func() { a, b, nan = g.arg("a"), g.arg("b"), g.everywhere("nan", 0x7fffffff) }
	for _, o := range []struct {
		name, doc string
		op        func(...operand.Op)
	}{
		{"AddF32", "d = a + b", g.VADDPS}, {"SubF32", "d = a - b", g.VSUBPS}, {"MulF32", "d = a * b", g.VMULPS},
	} {
		g.lanewise(o.name, o.doc, "a, b", two, func(i int) reg.VecVirtual {
			v := g.column(a, i)
			o.op(at(b, 4*group*i), v, v)
			return g.canonical(v, nan)
		})
	}
	g.lanewise("FmaF32", "d = a*b + c with one rounding", "a, b, c", func() { two(); c = g.arg("c") },
		func(i int) reg.VecVirtual {
			v, w := g.column(a, i), g.column(c, i)
			g.VFMADD231PS(at(b, 4*group*i), v, w)
			return g.canonical(w, nan)
		})
	g.lanewise("FloatOfInt", "d = float32(a), a signed", "a", func() { a = g.arg("a") }, func(i int) reg.VecVirtual {
		v := g.column(a, i)
		g.VCVTDQ2PS(v, v)
		return v
	})
	g.lanewise("FloatOfHalf", "d = float32(the low 16 bits of a as an f16)", "a",
		func() { a, nan = g.arg("a"), g.everywhere("nan", 0x7fffffff) },
		func(i int) reg.VecVirtual {
			v := g.YMM()
			// The low halves of eight words side by side in 16 bytes.
			g.VMOVDQU(at(a, 4*group*i), v)
			g.VPSHUFB(g.table("lowHalves", 0x05040100, 0x0d0c0908, 0x80808080, 0x80808080, 0x05040100, 0x0d0c0908, 0x80808080, 0x80808080), v, v)
			g.VPERMQ(operand.U8(0x08), v, v)
			g.VCVTPH2PS(v.AsX(), v)
			return g.canonical(v, nan)
		})
}

// canonical puts the NaN 0x7fffffff in the place of every other.
func (g *gen) canonical(v, nan reg.VecVirtual) reg.VecVirtual {
	bad := g.YMM()
	g.VCMPPS(operand.U8(3), v, v, bad) // unordered
	g.VBLENDVPS(bad, nan, v, v)
	return v
}
