package format

import (
	"fmt"
	"math"
)

// Activations as 8-bit integers, for products with quantised weights in integer
// arithmetic. Every backend uses this one definition, so that they agree to the bit.
//
// A row of numbers, a multiple of 32 long, is cut into blocks of 32. For block b:
//
//	D[b] = max|x| / 127         rounded to float32; 0 below 2^-126
//	Q[i] = rint(x[i] / D[b])    quotient rounded to float32, then to the nearest
//	                            whole number, ties to even; 0 when D[b] = 0
//	Sums[j] = sum of Q[16*j] .. Q[16*j+15]
//
// D and Q alone give back x[i] ~ D[b]*Q[i]. The sums serve weight formats with an
// offset, where sum (scale*code + offset) * D*Q = D * (scale * sum code*Q + offset *
// sum Q): one for each 16 numbers, because the sub-blocks of Q2_K, Q3_K and Q6_K are
// that long.
//
// Error: |x - D*Q| <= D * (1/2 + 2^-16), where the second term is the rounding of the
// quotient; and |x| < 127 * 2^-126 in blocks that become zero because their D would
// be subnormal. The largest magnitude becomes 127 or -127, so that nothing saturates,
// -128 does not occur and |Sums| <= 16*127.
//
// A block with NaN or an infinity has D = NaN and Q = 0: everything that it is
// multiplied with becomes NaN, so a backend must not skip a block because its integer
// sum is zero.

const (
	// ActivationBlock is how many activations share one scale.
	ActivationBlock = 32
	// ActivationSum is how many activations one of the sums covers.
	ActivationSum = 16
)

// Q8 is a row of activations as 8-bit integers.
type Q8 struct {
	Qs   []int8    // one for each number
	D    []float32 // one for each block of 32
	Sums []int16   // one for each 16 numbers: the sum of their Qs
}

// NewQ8 makes room for a row of k numbers, k a multiple of 32.
func NewQ8(k int) Q8 {
	return Q8{make([]int8, k), make([]float32, k/ActivationBlock), make([]int16, k/ActivationSum)}
}

// Quantize stores x, which is as long as the row.
func (q Q8) Quantize(x []float32) { QuantizeActivations(q.Qs, q.D, q.Sums, x) }

// QuantizeActivations stores x as integers qs with block scales d, and the sums of
// the integers, as defined above. len(x) is a multiple of 32, len(qs) = len(x),
// len(d) = len(x)/32, len(sums) = len(x)/16; other lengths panic.
func QuantizeActivations(qs []int8, d []float32, sums []int16, x []float32) {
	if len(x)%ActivationBlock != 0 || len(qs) != len(x) ||
		len(d) != len(x)/ActivationBlock || len(sums) != len(x)/ActivationSum {
		panic(fmt.Sprintf("format: QuantizeActivations: %d integers, %d scales and %d sums do not hold %d numbers",
			len(qs), len(d), len(sums), len(x)))
	}
	for b := range d {
		block, q := x[ActivationBlock*b:][:ActivationBlock], qs[ActivationBlock*b:][:ActivationBlock]
		d[b] = activationScale(block)
		if !(d[b] > 0) { // zero or NaN
			clear(q)
			sums[2*b], sums[2*b+1] = 0, 0
			continue
		}
		sums[2*b] = roundActivations(q[:16], block[:16], d[b])
		sums[2*b+1] = roundActivations(q[16:], block[16:], d[b])
	}
}

// activationScale is D of the definition above.
func activationScale(x []float32) float32 {
	const smallestNormal = 0x1p-126
	m := maxMagnitude(x)
	if m >= 0x7f800000 {
		return float32(math.NaN())
	}
	if d := math.Float32frombits(m) / 127; d >= smallestNormal {
		return d
	}
	return 0
}

func roundActivations(q []int8, x []float32, d float32) (sum int16) {
	for i, v := range x {
		n := int8(nearest(v/d, -127, 127))
		q[i] = n
		sum += int16(n)
	}
	return sum
}

// DequantizeActivations gives back dst[i] = d[i/32] * qs[i].
func DequantizeActivations(dst []float32, qs []int8, d []float32) {
	for i, q := range qs {
		dst[i] = d[i/ActivationBlock] * float32(q)
	}
}
