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
		g.softCap()
		g.packHalves()
		g.above()
		g.sum()
		g.deviations()
		g.shiftNorm()
	}
	g.level = level{}
	g.prefetchBytes()
	g.pause()
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

// softCap is limit * tanh(u) with u = x/limit: below 0.625 a polynomial (Cephes, tanhf),
// else 1 - 2/(e^2|u| + 1) with the sign of u.
func (g *gen) softCap() {
	g.function("SoftCap", "func(y, x *float32, n int, limit float32)", "y = limit * tanh(x/limit).")
	y, x, n, limit := g.arg("y"), g.arg("x"), g.arg("n"), g.argAll("limit")
	e := g.exp()
	g.each(n, []reg.GPVirtual{y, x}, func(mask reg.Register) {
		u, sign, size, square := g.loaded(x, mask), g.vec(), g.vec(), g.vec()
		g.VDIVPS(limit, u, u)
		g.and(g.integer("signBit", math.MinInt32), u, sign)
		g.VMULPS(u, u, square)
		p := g.number("tanh9", -5.70498872745e-3)
		for i, c := range []float32{2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1} {
			g.VFMADD213PS(g.number(fmt.Sprintf("tanh%d", 7-2*i), c), square, p)
		}
		g.VMULPS(square, p, p)
		g.VFMADD213PS(u, u, p)
		g.xor(sign, u, size)
		g.VADDPS(size, size, square)
		far, one := e.of(square), g.number("plusOne", 1)
		g.VADDPS(one, far, far)
		g.VDIVPS(far, one, far)
		g.VADDPS(far, far, far)
		g.VSUBPS(far, one, far)
		g.or(sign, far, far)
		const below = 17 // LT_OQ
		near := g.number("nearZero", 0.625)
		if g.wide() {
			k := g.K()
			g.VCMPPS(operand.U8(below), near, size, k)
			g.VMOVAPS(p, k, far)
		} else {
			keep := g.vec()
			g.VCMPPS(operand.U8(below), near, size, keep)
			g.VBLENDVPS(keep, p, far, far)
		}
		g.VMULPS(limit, far, far)
		g.store(far, mask, at(y, 0))
	})
	g.end()
}
