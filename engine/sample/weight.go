package sample

import "math"

const (
	// weightBits is the position of the binary point of a weight: the best
	// token weighs 2^40.
	weightBits = 40
	// MaxVocab tokens of that weight sum to 2^63, within 64 bits.
	MaxVocab = 1 << 23
)

// weight is round(2^40 exp(-d)) for d >= 0.
func weight(d float64) uint64 {
	return uint64(float64(exp(-d)*(1<<weightBits)) + 0.5)
}

const (
	log2e = 1.44269504088896338700
	// ln2High has 21 trailing zero bits, so that k*ln2High is exact for |k| < 2^20.
	ln2High = 6.93147180369123816490e-01
	ln2Low  = 1.90821492927058770002e-10
)

// exp is e^x for x <= 0 with a relative error below 1e-14: x = k ln 2 + r with
// |r| <= (ln 2)/2, and the Taylor polynomial of degree 11 in r. The conversions
// keep the compiler from fusing a multiplication with an addition, which would
// make the result differ between processors. Below -700 it is 0.
func exp(x float64) float64 {
	if !(x >= -700) {
		if x != x {
			return x
		}
		return 0
	}
	k := math.Floor(float64(x*log2e) + 0.5)
	r := float64(x-float64(k*ln2High)) - float64(k*ln2Low)
	p := 1.0 / 39916800
	p = float64(p*r) + 1.0/3628800
	p = float64(p*r) + 1.0/362880
	p = float64(p*r) + 1.0/40320
	p = float64(p*r) + 1.0/5040
	p = float64(p*r) + 1.0/720
	p = float64(p*r) + 1.0/120
	p = float64(p*r) + 1.0/24
	p = float64(p*r) + 1.0/6
	p = float64(p*r) + 0.5
	p = float64(p*r) + 1
	p = float64(p*r) + 1
	return float64(p * math.Float64frombits(uint64(int64(k)+1023)<<52))
}

// log is the natural logarithm of x >= 1 with a relative error below 1e-14:
// x = 2^k m with m in [1/sqrt 2, sqrt 2), ln m = 2 atanh((m-1)/(m+1)).
func log(x float64) float64 {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		k--
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	p := 0.0
	for n := 21; n >= 1; n -= 2 {
		p = float64(p*z) + 1/float64(n)
	}
	return float64(float64(k)*ln2High) + float64(float64(float64(k)*ln2Low)+float64(2*float64(s*p)))
}
