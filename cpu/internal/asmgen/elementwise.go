package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitElementwise writes the operations on single elements and the sums over rows.
func emitElementwise(g *gen) {
	for _, g.level = range []level{avx2, avx512} {
		g.add()
		g.norm()
		g.sumSquares()
		g.maximum()
		g.expSum()
		g.gated("SwiGLU", true)
		g.gated("SiLU", false)
		g.gated("GeGLU", true)
		g.gated("GELU", false)
		g.scale()
	}
}

// each writes a loop over the vectors of n numbers, the last with a mask. Pointers are
// advanced by a vector each time. body is given the mask, nil for whole vectors.
func (g *gen) each(n reg.GPVirtual, pointers []reg.GPVirtual, body func(mask reg.Register)) {
	g.SUBQ(operand.U32(g.lanes), n)
	g.JL(operand.LabelRef("rest"))
	g.Label("vector")
	body(nil)
	for _, p := range pointers {
		g.ADDQ(operand.U32(g.bytes()), p)
	}
	g.SUBQ(operand.U32(g.lanes), n)
	g.JGE(operand.LabelRef("vector"))
	g.Label("rest")
	g.ADDQ(operand.U32(g.lanes), n)
	g.JZ(operand.LabelRef("done"))
	if g.wide() {
		body(g.mask(n))
	} else {
		body(g.tailMask(n))
	}
	g.Label("done")
}

func (g *gen) loaded(from reg.Register, mask reg.Register) reg.VecVirtual {
	v := g.vec()
	g.load(at(from, 0), mask, v)
	return v
}

func (g *gen) add() {
	g.function("Add", "func(y, a, b *float32, n int)", "y = a + b.")
	y, a, b, n := g.arg("y"), g.arg("a"), g.arg("b"), g.arg("n")
	g.each(n, []reg.GPVirtual{y, a, b}, func(mask reg.Register) {
		v := g.loaded(a, mask)
		g.VADDPS(g.loaded(b, mask), v, v)
		g.store(v, mask, at(y, 0))
	})
	g.end()
}

func (g *gen) scale() {
	g.function("Scale", "func(y *float32, n int, c float32)", "y = y*c.")
	y, n, c := g.arg("y"), g.arg("n"), g.argAll("c")
	g.each(n, []reg.GPVirtual{y}, func(mask reg.Register) {
		v := g.loaded(y, mask)
		g.VMULPS(c, v, v)
		g.store(v, mask, at(y, 0))
	})
	g.end()
}

func (g *gen) norm() {
	g.function("Norm", "func(y, x, gain *float32, n int, c float32)", "y = x*c*gain.")
	y, x, gain, n, c := g.arg("y"), g.arg("x"), g.arg("gain"), g.arg("n"), g.argAll("c")
	g.each(n, []reg.GPVirtual{y, x, gain}, func(mask reg.Register) {
		v := g.loaded(x, mask)
		g.VMULPS(c, v, v)
		g.VMULPS(g.loaded(gain, mask), v, v)
		g.store(v, mask, at(y, 0))
	})
	g.end()
}

// argAll is a float32 parameter in all lanes.
func (g *gen) argAll(name string) reg.VecVirtual {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := g.vec()
	g.VBROADCASTSS(b.Addr, v)
	return v
}

func (g *gen) sumSquares() {
	g.function("SumSquares", "func(x *float32, n int) float64", "sum x*x, in float64.")
	x, n := g.arg("x"), g.arg("n")
	sums := g.zeros(2)
	g.each(n, []reg.GPVirtual{x}, func(mask reg.Register) {
		v := g.loaded(x, mask)
		low, high := g.vec(), g.vec()
		if g.wide() {
			upper := g.YMM()
			g.VEXTRACTF32X8(operand.U8(1), v, upper)
			g.VCVTPS2PD(v.AsY(), low)
			g.VCVTPS2PD(upper, high)
		} else {
			upper := g.XMM()
			g.VEXTRACTF128(operand.U8(1), v, upper)
			g.VCVTPS2PD(v.AsX(), low)
			g.VCVTPS2PD(upper, high)
		}
		g.VFMADD231PD(low, low, sums[0])
		g.VFMADD231PD(high, high, sums[1])
	})
	g.VADDPD(sums[1], sums[0], sums[0])
	sum := sums[0]
	if g.wide() {
		half := g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), sum, half)
		g.VADDPD(half, sum.AsY(), half)
		sum = half
	}
	x2, other := g.XMM(), g.XMM()
	if g.wide() {
		g.VEXTRACTF64X2(operand.U8(1), sum, x2)
	} else {
		g.VEXTRACTF128(operand.U8(1), sum, x2)
	}
	g.VADDPD(x2, sum.AsX(), x2)
	g.VUNPCKHPD(x2, x2, other)
	g.VADDSD(other, x2, x2)
	g.Store(x2, g.ReturnIndex(0))
	g.end()
}

// maximum ignores the order of its numbers but not NaN: it is left to the caller, which
// asks for the maximum of numbers only.
func (g *gen) maximum() {
	g.function("Max", "func(x *float32, n int) (top float32, nan bool)",
		"the greatest of n >= 1 numbers, and whether any is NaN.")
	x, n := g.arg("x"), g.arg("n")
	top, odd := g.vec(), g.zero()
	g.VBROADCASTSS(at(x, 0), top)
	g.each(n, []reg.GPVirtual{x}, func(mask reg.Register) {
		v := g.vec()
		switch {
		case mask == nil:
			g.VMOVUPS(at(x, 0), v)
		case g.wide():
			g.VMOVAPS(top, v)
			g.VMOVUPS(at(x, 0), mask, v)
		default:
			g.VMASKMOVPS(at(x, 0), mask, v)
			g.VBLENDVPS(mask, v, top, v)
		}
		g.VMAXPS(v, top, top)
		// v*0 is NaN for NaN, and for infinity, which is left to the caller too.
		zero := g.zero()
		g.VMULPS(zero, v, zero)
		g.VADDPS(zero, odd, odd)
	})
	x1 := g.XMM()
	if g.wide() {
		half := g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), top, half)
		g.VMAXPS(half, top.AsY(), half)
		g.VEXTRACTF32X4(operand.U8(1), half, x1)
		g.VMAXPS(half.AsX(), x1, x1)
	} else {
		g.VEXTRACTF128(operand.U8(1), top, x1)
		g.VMAXPS(top.AsX(), x1, x1)
	}
	t := g.XMM()
	for _, swap := range []uint8{0x4e, 0xb1} {
		g.VPERMILPS(operand.U8(swap), x1, t)
		g.VMAXPS(t, x1, x1)
	}
	g.Store(x1, g.Return("top"))
	sum := g.sum4(odd, odd, odd, odd)
	flag := g.GP8()
	g.VUCOMISS(sum, sum)
	g.SETPS(flag)
	g.Store(flag, g.Return("nan"))
	g.end()
}

// exponential is constants for e^x.
type exponential struct {
	*gen
	low, high, infinity, log2e, ln2High, ln2Low reg.VecVirtual
}

// exp loads the constants of e^x = 2^n * e^r, with n = rint(x*log2 e) and r = x - n*ln 2
// in two steps, |r| <= 0.347. e^r is its Taylor polynomial of degree 7, whose rest is
// below 6e-9; with roundings the relative error stays below 2e-7. Below -87.3 the result
// is 0; above 88.3, +Inf; NaN stays NaN.
func (g *gen) exp() *exponential {
	e := &exponential{gen: g}
	e.low, e.high = g.number("expLow", -87.3), g.number("expHigh", 88.3)
	e.infinity = g.number("infinity", float32(math.Inf(1)))
	e.log2e = g.number("log2e", math.Log2E)
	// ln 2 with few enough digits that n*ln2High is exact.
	e.ln2High, e.ln2Low = g.number("ln2High", 0.693359375), g.number("ln2Low", math.Ln2-0.693359375)
	return e
}

// of is e^x. x is kept.
func (e *exponential) of(x reg.VecVirtual) reg.VecVirtual {
	bounded, n, r := e.vec(), e.vec(), e.vec()
	// MAXPS and MINPS give their first operand here, x, if one is NaN.
	e.VMAXPS(x, e.low, bounded)
	e.VMINPS(bounded, e.high, bounded)
	e.VMULPS(e.log2e, bounded, n)
	if e.wide() {
		e.VRNDSCALEPS(operand.U8(0), n, n)
	} else {
		e.VROUNDPS(operand.U8(0), n, n)
	}
	e.VMOVAPS(bounded, r)
	e.VFNMADD231PS(e.ln2High, n, r)
	e.VFNMADD231PS(e.ln2Low, n, r)
	p := e.number("taylor7", 1.0/5040)
	for i, c := range []float32{1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1} {
		e.VFMADD213PS(e.number(fmt.Sprintf("taylor%d", 6-i), c), r, p)
	}
	e.VCVTPS2DQ(n, n)
	e.VPSLLD(operand.U8(23), n, n)
	e.VPADDD(n, p, p) // times 2^n
	// Too great numbers give infinity, too small ones 0.
	if e.wide() {
		k, great := e.K(), e.K()
		e.VCMPPS(operand.U8(14), e.high, x, great)
		e.VMOVAPS(e.infinity, great, p)
		e.VCMPPS(operand.U8(5), e.low, x, k) // not less: also NaN
		e.VMOVAPS_Z(p, k, p)
	} else {
		keep, great := e.vec(), e.vec()
		e.VCMPPS(operand.U8(14), e.high, x, great)
		e.VBLENDVPS(great, e.infinity, p, p)
		e.VCMPPS(operand.U8(5), e.low, x, keep)
		e.VANDPS(keep, p, p)
	}
	return p
}

func (g *gen) expSum() {
	g.function("ExpSum", "func(y, x *float32, n int, top float32) float32",
		"y = e^(x-top), and the sum of it. y may be x.")
	y, x, n, top := g.arg("y"), g.arg("x"), g.arg("n"), g.argAll("top")
	e, sum := g.exp(), g.zero()
	g.each(n, []reg.GPVirtual{y, x}, func(mask reg.Register) {
		v := g.loaded(x, mask)
		g.VSUBPS(top, v, v)
		p := e.of(v)
		g.store(p, mask, at(y, 0))
		switch {
		case mask == nil:
			g.VADDPS(p, sum, sum)
		case g.wide():
			g.VADDPS(p, sum, mask, sum)
		default:
			g.VANDPS(mask, p, p)
			g.VADDPS(p, sum, sum)
		}
	})
	total := g.sum4(sum, sum, sum, sum)
	g.Store(total, g.ReturnIndex(0))
	g.end()
}

// gated is x / (1 + e^-u), times up if there is one, with u = x or, for GELU,
// 2*sqrt(2/pi) * (x + 0.044715 x^3).
func (g *gen) gated(name string, hasUp bool) {
	signature, doc, u := "func(y, x *float32, n int)", "y = x/(1 + e^-u)", "x"
	if hasUp {
		signature, doc = "func(y, x, up *float32, n int)", "y = up*x/(1 + e^-u)"
	}
	gelu := name == "GELU" || name == "GeGLU"
	if gelu {
		u = "2*sqrt(2/pi)*(x + 0.044715*x^3)"
	}
	g.function(name, signature, "%s with u = %s.", doc, u)
	y, x, n := g.arg("y"), g.arg("x"), g.arg("n")
	pointers := []reg.GPVirtual{y, x}
	var up reg.GPVirtual
	if hasUp {
		up = g.arg("up")
		pointers = append(pointers, up)
	}
	e, one := g.exp(), g.number("plusOne", 1)
	g.each(n, pointers, func(mask reg.Register) {
		v, u := g.loaded(x, mask), g.vec()
		if gelu {
			const twice = 2 * math.Sqrt2 / math.SqrtPi
			g.VMULPS(v, v, u)
			g.VMULPS(g.number("cubic", -twice*0.044715), u, u)
			g.VADDPS(g.number("linear", -twice), u, u)
			g.VMULPS(v, u, u)
		} else {
			zero := g.zero()
			g.VSUBPS(v, zero, u)
		}
		p := e.of(u)
		g.VADDPS(one, p, p)
		g.VDIVPS(p, v, p)
		if hasUp {
			g.VMULPS(g.loaded(up, mask), p, p)
		}
		g.store(p, mask, at(y, 0))
	})
	g.end()
}
