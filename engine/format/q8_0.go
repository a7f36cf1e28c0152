package format

import "math"

// Q8_0: 32 numbers in 34 bytes, 8.5 bits each. Symmetric, one scale.
//
//	byte  0        2                      33
//	      +--------+----------------------+
//	      | d  f16 | qs  32 signed bytes  |
//	      +--------+----------------------+
//
//	x = d * qs[j],  qs[j] -127..127 as written (-128 is read as itself)
//
// d is the largest magnitude of the block over 127; halves round away from zero.

const (
	q8_0Len   = 32
	q8_0Bytes = 34
)

func quantizeQ8_0(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q8_0Bytes:], src[q8_0Len:] {
		block, x := dst[:q8_0Bytes], src[:q8_0Len]
		magnitude := maxMagnitude(x)
		if magnitude >= 0x7f800000 {
			poison(block, 0)
			continue
		}
		d := math.Float32frombits(magnitude) / 127
		inv := inverse(d)
		putF16(block, d)
		qs := block[2:]
		for j, v := range x {
			qs[j] = byte(roundHalfAway(v * inv))
		}
	}
}

// roundHalfAway is C's roundf for |v| < 128. The addition is done in float64, where
// it is exact: in float32 the largest number below 0.5 would round to 1.
func roundHalfAway(v float32) int8 {
	return int8(int32(float64(v) + math.Copysign(0.5, float64(v))))
}

func dequantizeQ8_0(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q8_0Len:], src[q8_0Bytes:] {
		d := getF16(src)
		y := dst[:q8_0Len]
		for j, q := range src[2:q8_0Bytes] {
			y[j] = float32(int8(q)) * d
		}
	}
}
