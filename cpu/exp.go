package cpu

import "math"

// expBlock is how many numbers are worked on between two loops that share a buffer.
const expBlock = 64

// exps replaces every x by e^x, with a relative error below 1e-9, which is nothing after
// rounding to float32. It takes half the time of math.Exp. Below -708 it is 0, above 709
// +Inf.
//
// x = n*ln2 + r with |r| <= ln2/2; e^r is its Taylor polynomial of degree 8, whose rest
// is r^9/9! < 2e-10; 2^n is put together from its exponent.
func exps(x []float64) {
	for i, v := range x {
		if !(v > -708 && v < 709) {
			x[i] = expEdge(v)
			continue
		}
		// Adding 3*2^51 rounds to the nearest whole number, which is then in the low bits.
		const shift = 3 << 51
		k := v*math.Log2E + shift
		r := v - (k-shift)*math.Ln2
		r2 := r * r
		// Pairs first (Estrin), so that few steps wait for each other.
		a := (1 + r) + r2*(1.0/2+r*(1.0/6))
		c := (1.0/24 + r*(1.0/120)) + r2*(1.0/720+r*(1.0/5040)) + r2*r2*(1.0/40320)
		scale := math.Float64frombits((math.Float64bits(k) + 1023) << 52)
		x[i] = (a + r2*r2*c) * scale
	}
}

// expEdge is e^x where a float32 result has no digits.
func expEdge(x float64) float64 {
	switch {
	case x <= -708:
		return 0
	case x >= 709:
		return math.Inf(1)
	}
	return x // NaN
}

// exp is exps for one number.
func exp(x float64) float64 {
	one := [1]float64{x}
	exps(one[:])
	return one[0]
}

// expSum is y = e^(x - top) and the sum of it. y may be x.
func expSum(y, x []float32, top float32) float64 {
	var buf [expBlock]float64
	var sum float64
	y = y[:len(x)]
	for len(x) > 0 {
		n := min(len(x), expBlock)
		for i, v := range x[:n] {
			buf[i] = float64(v) - float64(top)
		}
		exps(buf[:n])
		for i, e := range buf[:n] {
			sum += e
			y[i] = float32(e)
		}
		x, y = x[n:], y[n:]
	}
	return sum
}
