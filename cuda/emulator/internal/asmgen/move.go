package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitMoves writes what takes records that lie in a row apart into columns: lane l's record
// begins at p + l * its size.
func emitMoves(g *gen) {
	g.function("Unpack1", "func(c *[32]uint32, p *byte)", "the words at p, one for each lane")
	c, p := g.arg("c"), g.arg("p")
	for i := range warp / group {
		v := g.YMM()
		g.VMOVDQU(at(p, 4*group*i), v)
		g.VMOVDQU(v, at(c, 4*group*i))
	}
	g.end()

	g.function("UnpackHalves", "func(c *[32]uint32, p *byte)", "the 16-bit numbers at p, one for each lane")
	c, p = g.arg("c"), g.arg("p")
	for i := range warp / group {
		v := g.YMM()
		g.VPMOVZXWD(at(p, 2*group*i), v)
		g.VMOVDQU(v, at(c, 4*group*i))
	}
	g.end()

	g.function("Unpack2", "func(c0, c1 *[32]uint32, p *byte)", "the pairs of words at p, one for each lane")
	c0, c1 := g.arg("c0"), g.arg("c1")
	p = g.arg("p")
	for i := range warp / group {
		lo, hi, v := g.YMM(), g.YMM(), g.YMM()
		g.VMOVUPS(at(p, 8*group*i), lo)
		g.VMOVUPS(at(p, 8*group*i+32), hi)
		for k, to := range []reg.GPVirtual{c0, c1} {
			g.VSHUFPS(operand.U8([]uint8{0x88, 0xdd}[k]), hi, lo, v)
			g.VPERMQ(operand.U8(0xd8), v, v)
			g.VMOVUPS(v, at(to, 4*group*i))
		}
	}
	g.end()

	g.function("Unpack4", "func(c0, c1, c2, c3 *[32]uint32, p *byte)", "the fours of words at p, one for each lane")
	to := []reg.GPVirtual{g.arg("c0"), g.arg("c1"), g.arg("c2"), g.arg("c3")}
	p = g.arg("p")
	var r [4]reg.VecVirtual // named once: written by halves, they would else never be free again
	for k := range r {
		r[k] = g.YMM()
	}
	for i := range warp / group {
		// Records k and k+4 in the halves of r[k], then a transposition in each half.
		for k := range r {
			g.VMOVUPS(at(p, 16*(group*i+k)), r[k].AsX())
			g.VINSERTF128(operand.U8(1), at(p, 16*(group*i+k+4)), r[k], r[k])
		}
		l0, h0, l1, h1 := g.YMM(), g.YMM(), g.YMM(), g.YMM()
		g.VUNPCKLPS(r[1], r[0], l0)
		g.VUNPCKHPS(r[1], r[0], h0)
		g.VUNPCKLPS(r[3], r[2], l1)
		g.VUNPCKHPS(r[3], r[2], h1)
		for k, pair := range [][2]reg.VecVirtual{{l0, l1}, {l0, l1}, {h0, h1}, {h0, h1}} {
			v := g.YMM()
			if k%2 == 0 {
				g.VUNPCKLPD(pair[1], pair[0], v)
			} else {
				g.VUNPCKHPD(pair[1], pair[0], v)
			}
			g.VMOVUPS(v, at(to[k], 4*group*i))
		}
	}
	g.end()
}
