package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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

func (g *gen) sumSquares() {
	g.function("SumSquares", "func(x *float32, n int) float64", "sum x*x, in float64.")
	x, n := g.arg("x"), g.arg("n")
	sums := g.zeros(2)
	g.each(n, []reg.GPVirtual{x}, func(mask reg.Register) {
		low, high := g.doubles(g.loaded(x, mask))
		g.VFMADD231PD(low, low, sums[0])
		g.VFMADD231PD(high, high, sums[1])
	})
	g.Store(g.sumDoubles(sums[0], sums[1]), g.ReturnIndex(0))
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

// above finds the first number greater than a bound, for which NaN is not.
func (g *gen) above() {
	g.function("Above", "func(x *float32, n int, bound float32) int",
		"the place of the first of n numbers that is greater than bound, or n.")
	x, n, bound := g.arg("x"), g.arg("n"), g.argAll("bound")
	first := g.GP64()
	g.MOVQ(x, first)
	left, found := g.GP64(), g.GP64()
	g.MOVQ(n, left)
	const greater = 30 // GT_OQ
	compare := func(mask reg.Register) {
		v := g.loaded(x, mask)
		if g.wide() {
			k := g.K()
			g.VCMPPS(operand.U8(greater), bound, v, k)
			g.KMOVW(k, found.As32())
			return
		}
		g.VCMPPS(operand.U8(greater), bound, v, v)
		if mask != nil {
			g.VANDPS(mask, v, v)
		}
		g.VMOVMSKPS(v, found.As32())
	}
	g.SUBQ(operand.U32(g.lanes), left)
	g.JL(operand.LabelRef("rest"))
	g.Label("vector")
	compare(nil)
	g.TESTL(found.As32(), found.As32())
	g.JNZ(operand.LabelRef("found"))
	g.ADDQ(operand.U32(g.bytes()), x)
	g.SUBQ(operand.U32(g.lanes), left)
	g.JGE(operand.LabelRef("vector"))
	g.Label("rest")
	g.ADDQ(operand.U32(g.lanes), left)
	g.JZ(operand.LabelRef("none"))
	if g.wide() {
		mask := g.mask(left)
		compare(mask)
		valid := g.GP32()
		g.KMOVW(mask, valid)
		g.ANDL(valid, found.As32()) // zeros are loaded past the end
	} else {
		compare(g.tailMask(left))
	}
	g.TESTL(found.As32(), found.As32())
	g.JZ(operand.LabelRef("none"))
	g.Label("found")
	g.TZCNTL(found.As32(), found.As32())
	g.SUBQ(first, x)
	g.SHRQ(operand.U8(2), x)
	g.ADDQ(found, x)
	g.Store(x, g.ReturnIndex(0))
	g.end()
	g.Label("none")
	g.Store(n, g.ReturnIndex(0))
	g.end()
}

// doubles is the two halves of a vector as float64.
func (g *gen) doubles(v reg.VecVirtual) (low, high reg.VecVirtual) {
	low, high = g.vec(), g.vec()
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
	return low, high
}

// sumDoubles adds up the float64 lanes of two vectors.
func (g *gen) sumDoubles(a, b reg.VecVirtual) reg.VecVirtual {
	g.VADDPD(b, a, a)
	sum := a
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
	return x2
}

// sum adds up a row.
func (g *gen) sum() {
	g.function("Sum", "func(x *float32, n int) float64", "sum x, in float64.")
	x, n := g.arg("x"), g.arg("n")
	sums := g.zeros(2)
	g.each(n, []reg.GPVirtual{x}, func(mask reg.Register) {
		low, high := g.doubles(g.loaded(x, mask))
		g.VADDPD(low, sums[0], sums[0])
		g.VADDPD(high, sums[1], sums[1])
	})
	g.Store(g.sumDoubles(sums[0], sums[1]), g.ReturnIndex(0))
	g.end()
}

// deviations adds up the squares of what a row differs from its mean.
func (g *gen) deviations() {
	g.function("Deviations", "func(x *float32, n int, mean float32) float64", "sum (x-mean)^2, the squares in float64.")
	x, n, mean := g.arg("x"), g.arg("n"), g.argAll("mean")
	sums := g.zeros(2)
	g.each(n, []reg.GPVirtual{x}, func(mask reg.Register) {
		v := g.loaded(x, mask)
		switch {
		case mask != nil && g.wide():
			g.VSUBPS_Z(mean, v, mask, v)
		case mask != nil:
			g.VSUBPS(mean, v, v)
			g.VANDPS(mask, v, v)
		default:
			g.VSUBPS(mean, v, v)
		}
		low, high := g.doubles(v)
		g.VFMADD231PD(low, low, sums[0])
		g.VFMADD231PD(high, high, sums[1])
	})
	g.Store(g.sumDoubles(sums[0], sums[1]), g.ReturnIndex(0))
	g.end()
}

func (g *gen) shiftNorm() {
	g.function("ShiftNorm", "func(y, x, gain, bias *float32, n int, mean, c float32)", "y = (x-mean)*c*gain + bias.")
	y, x, gain, bias, n := g.arg("y"), g.arg("x"), g.arg("gain"), g.arg("bias"), g.arg("n")
	mean, c := g.argAll("mean"), g.argAll("c")
	g.each(n, []reg.GPVirtual{y, x, gain, bias}, func(mask reg.Register) {
		v := g.loaded(x, mask)
		g.VSUBPS(mean, v, v)
		g.VMULPS(c, v, v)
		sum := g.loaded(bias, mask)
		g.VFMADD231PS(g.loaded(gain, mask), v, sum)
		g.store(sum, mask, at(y, 0))
	})
	g.end()
}
