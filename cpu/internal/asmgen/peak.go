package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitPeaks writes loops that do nothing but what a product is made of, as fast as the
// processor can: what the benchmarks compare with.
func emitPeaks(g *gen) {
	for _, g.level = range []level{avx2, avx512, {"VNNI", 16}} {
		what := "fused multiplications and additions of vectors"
		if g.name == "VNNI" {
			what = "VPDPBUSD of 64 bytes"
		}
		g.function("Peak", "func(n int)", "does 12*n %s.", what)
		n := g.arg("n")
		acc, x := g.zeros(12), g.zero()
		g.Label("again")
		for _, a := range acc {
			g.product(x, a)
		}
		g.DECQ(n)
		g.JNZ(operand.LabelRef("again"))
		g.end()
	}
}

func (g *gen) product(x, sum reg.VecVirtual) {
	if g.name == "VNNI" {
		g.VPDPBUSD(x, x, sum)
		return
	}
	g.VFMADD231PS(x, x, sum)
}
