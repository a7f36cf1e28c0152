package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitCompares writes comparisons, which give one bit for each lane.
func emitCompares(g *gen) {
	var a, b reg.GPVirtual
	compare := func(name, doc string, setup func(), value func(i int) reg.VecVirtual, negate bool) {
		g.function(name, "func(a, b *[32]uint32) uint32", "the lanes in which "+doc)
		a, b = g.arg("a"), g.arg("b")
		setup()
		r := g.GP32()
		for i := range warp / group {
			v := value(i)
			if i == 0 {
				g.VMOVMSKPS(v, r)
				continue
			}
			bits := g.GP32()
			g.VMOVMSKPS(v, bits)
			g.SHLL(operand.U8(group*i), bits)
			g.ORL(bits, r)
		}
		if negate {
			g.NOTL(r)
		}
		g.Store(r, g.ReturnIndex(0))
		g.end()
	}
	none := func() {}
	equal := func(i int) reg.VecVirtual {
		v := g.column(a, i)
		g.VPCMPEQD(at(b, 4*group*i), v, v)
		return v
	}
	compare("Eq32", "a = b", none, equal, false)
	compare("Ne32", "a != b", none, equal, true)
	var sign reg.VecVirtual
	less := func(i int) reg.VecVirtual { // a < b is b > a
		v, w := g.column(b, i), g.column(a, i)
		if sign != nil {
			g.VPXOR(sign, v, v)
			g.VPXOR(sign, w, w)
		}
		g.VPCMPGTD(w, v, v)
		return v
	}
	sign = nil
	compare("LtS32", "a < b, both signed", none, less, false)
	compare("GeS32", "a >= b, both signed", none, less, true)
	turn := func() { sign = g.everywhere("sign", 0x80000000) }
	compare("LtU32", "a < b, both unsigned", turn, less, false)
	compare("GeU32", "a >= b, both unsigned", turn, less, true)
	compare("GtF32", "a > b, and neither is a NaN", none, func(i int) reg.VecVirtual {
		v := g.column(a, i)
		g.VCMPPS(operand.U8(0x1e), at(b, 4*group*i), v, v) // greater, ordered, quiet
		return v
	}, false)
}
