package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// half is the lanes of a YMM register of 64-bit numbers.
const half = 4

// emitWides writes 64-bit integer arithmetic, mostly of addresses.
func emitWides(g *gen) {
	const wide, narrow = "*[32]uint64", "*[32]uint32"
	var a, b, c reg.GPVirtual
	column := func(p reg.GPVirtual, i int) reg.VecVirtual {
		v := g.YMM()
		g.VMOVDQU(at(p, 8*half*i), v)
		return v
	}
	extend := func(p reg.GPVirtual, i int) reg.VecVirtual { // upper halves: whatever a product ignores
		v := g.YMM()
		g.VPMOVZXDQ(at(p, 4*half*i), v)
		return v
	}
	g.wide("Add64", "d = a + b", "a, b "+wide, func() { a, b = g.arg("a"), g.arg("b") }, func(i int) reg.VecVirtual {
		v := column(a, i)
		g.VPADDQ(at(b, 8*half*i), v, v)
		return v
	})
	g.wide("Sub64", "d = a - b", "a, b "+wide, func() { a, b = g.arg("a"), g.arg("b") }, func(i int) reg.VecVirtual {
		v := column(a, i)
		g.VPSUBQ(at(b, 8*half*i), v, v)
		return v
	})
	g.wide("Mov64", "d = a", "a "+wide, func() { a = g.arg("a") }, func(i int) reg.VecVirtual { return column(a, i) })
	g.wide("Widen", "d = a, a unsigned", "a "+narrow, func() { a = g.arg("a") }, func(i int) reg.VecVirtual { return extend(a, i) })
	for _, o := range []struct {
		name, doc string
		op        func(...operand.Op)
	}{
		{"U32", "all unsigned", g.VPMULUDQ}, {"S32", "all signed", g.VPMULDQ},
	} {
		g.wide("MulWide"+o.name, "d = a * b, "+o.doc, "a, b "+narrow, func() { a, b = g.arg("a"), g.arg("b") }, func(i int) reg.VecVirtual {
			v, w := extend(a, i), extend(b, i)
			o.op(w, v, v)
			return v
		})
		g.wide("MadWide"+o.name, "d = a*b + c, "+o.doc, "a, b "+narrow+", c "+wide, func() { a, b, c = g.arg("a"), g.arg("b"), g.arg("c") }, func(i int) reg.VecVirtual {
			v, w := extend(a, i), extend(b, i)
			o.op(w, v, v)
			g.VPADDQ(at(c, 8*half*i), v, v)
			return v
		})
	}
	g.emitInARow()
}

// wide writes a function that computes 64-bit results lane by lane, as lanewise does.
func (g *gen) wide(name, doc, params string, setup func(), value func(i int) reg.VecVirtual) {
	g.function(name, fmt.Sprintf("func(d *[32]uint64, %s, m uint32)", params), doc+", in the lanes of m")
	d := g.arg("d")
	m := g.Load(g.Param("m"), g.GP32()).(reg.GPVirtual)
	setup()
	g.CMPL(m, operand.I8(-1))
	g.JNE(operand.LabelRef("some"))
	for i := range warp / half {
		g.VMOVDQU(value(i), at(d, 8*half*i))
	}
	g.end()
	g.Label("some")
	active, bits := g.YMM(), g.YMM()
	x := g.XMM()
	g.VMOVD(m, x)
	g.VPBROADCASTD(x, active)
	g.VMOVDQU(g.table("pairBits", 1, 1, 2, 2, 4, 4, 8, 8), bits)
	for i := range warp / half {
		next := fmt.Sprintf("after%d", i)
		g.TESTL(operand.U32(0xf<<(half*i)), m)
		g.JZ(operand.LabelRef(next))
		chosen, old := g.YMM(), g.YMM()
		g.VPSRLD(operand.U8(half*i), active, chosen)
		g.VPAND(bits, chosen, chosen)
		g.VPCMPEQD(bits, chosen, chosen)
		g.VMOVDQU(at(d, 8*half*i), old)
		g.VPBLENDVB(chosen, value(i), old, old)
		g.VMOVDQU(old, at(d, 8*half*i))
		g.Label(next)
	}
	g.end()
}

// emitInARow writes the test for the addresses of most loads and stores.
func (g *gen) emitInARow() {
	g.function("InARow", "func(a *[32]uint64, step uint64) bool", "whether a[i] = a[0] + i*step for all i")
	a := g.arg("a")
	want, step4, bad := g.YMM(), g.YMM(), g.YMM()
	first, steps := g.YMM(), g.YMM()
	g.VPBROADCASTQ(at(a, 0), first)
	s := g.arg("step")
	x := g.XMM()
	g.VMOVQ(s, x)
	g.VPBROADCASTQ(x, steps)
	g.VPMULUDQ(g.table("lanes4", 0, 0, 1, 0, 2, 0, 3, 0), steps, want)
	g.VPADDQ(first, want, want)
	g.VPSLLQ(operand.U8(2), steps, step4)
	g.VPXOR(bad, bad, bad)
	for i := range warp / half {
		t := g.YMM()
		g.VPXOR(at(a, 8*half*i), want, t)
		g.VPOR(t, bad, bad)
		g.VPADDQ(step4, want, want)
	}
	g.VPTEST(bad, bad)
	r := g.GP8()
	g.SETEQ(r)
	g.Store(r, g.ReturnIndex(0))
	g.end()
}
