package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes of a warp, and of a YMM register of 32-bit numbers.
const (
	warp  = 32
	group = 8
)

// gen writes one file of assembly.
type gen struct {
	*build.Context
	data map[string]operand.Mem
}

// function starts a function.
func (g *gen) function(name, signature, doc string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(signature)
	g.Doc(strings.Split(name+" is "+doc, "\n")...)
}

// end returns from the function. The upper halves of the vectors are cleared, since code
// in the older encoding would wait for them.
func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

// arg is the function's parameter in a general register.
func (g *gen) arg(name string) reg.GPVirtual {
	return g.Load(g.Param(name), g.GP64()).(reg.GPVirtual)
}

// at is the memory base + disp.
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// table is constant data of 32-bit numbers, once in a file.
func (g *gen) table(name string, values ...uint32) operand.Mem {
	if m, ok := g.data[name]; ok {
		return m
	}
	if g.data == nil {
		g.data = map[string]operand.Mem{}
	}
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, v := range values {
		g.AppendDatum(operand.U32(v))
	}
	g.data[name] = m
	return m
}

// everywhere is a constant in all lanes.
func (g *gen) everywhere(name string, v uint32) reg.VecVirtual {
	y := g.YMM()
	g.VPBROADCASTD(g.table(name, v), y)
	return y
}

// lanewise writes a function that computes 32-bit results lane by lane: all of d when
// every lane is active, else the active ones. setup loads constants, value computes lanes
// 8i to 8i+7.
func (g *gen) lanewise(name, doc, params string, setup func(), value func(i int) reg.VecVirtual) {
	g.function(name, fmt.Sprintf("func(d, %s *[32]uint32, m uint32)", params), doc+", in the lanes of m")
	setup()
	g.finish(value)
}

// finish is the rest of a lanewise function whose parameters are its own.
func (g *gen) finish(value func(i int) reg.VecVirtual) {
	d := g.arg("d")
	m := g.Load(g.Param("m"), g.GP32()).(reg.GPVirtual)
	g.CMPL(m, operand.I8(-1))
	g.JNE(operand.LabelRef("some"))
	for i := range warp / group {
		g.VMOVDQU(value(i), at(d, 4*group*i))
	}
	g.end()
	g.Label("some")
	g.masked(d, m, value)
	g.end()
}

// masked stores the values of the active lanes. A group of lanes with none is passed over.
func (g *gen) masked(d, m reg.GPVirtual, value func(i int) reg.VecVirtual) {
	active, bits := g.YMM(), g.YMM()
	x := g.XMM()
	g.VMOVD(m, x)
	g.VPBROADCASTD(x, active)
	g.VMOVDQU(g.table("laneBits", 1, 2, 4, 8, 16, 32, 64, 128), bits)
	for i := range warp / group {
		next := fmt.Sprintf("after%d", i)
		g.TESTL(operand.U32(0xff<<(group*i)), m)
		g.JZ(operand.LabelRef(next))
		chosen, old := g.YMM(), g.YMM()
		if i == 0 {
			g.VPAND(bits, active, chosen)
		} else {
			g.VPSRLD(operand.U8(group*i), active, chosen)
			g.VPAND(bits, chosen, chosen)
		}
		g.VPCMPEQD(bits, chosen, chosen)
		g.VMOVDQU(at(d, 4*group*i), old)
		g.VPBLENDVB(chosen, value(i), old, old)
		g.VMOVDQU(old, at(d, 4*group*i))
		g.Label(next)
	}
}

// column loads lanes 8i to 8i+7 of a column of 32-bit numbers.
func (g *gen) column(c reg.GPVirtual, i int) reg.VecVirtual {
	v := g.YMM()
	g.VMOVDQU(at(c, 4*group*i), v)
	return v
}
