package format

import (
	"encoding/binary"
	"math"
)

// BF16 is the upper half of an IEEE 754 binary32 number, little-endian: block of 1
// number, 2 bytes.
//
//	bit   15   14.......7   6.....0
//	     sign   exponent    mantissa      bias 127

func quantizeBF16(dst []byte, src []float32) {
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], F32ToBF16(x))
	}
}

func dequantizeBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = BF16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// BF16ToF32 widens a bfloat16 number, which is always exact.
func BF16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// F32ToBF16 rounds to the nearest bfloat16 number, ties to even. Magnitudes that
// round above the largest finite one become infinity; NaN stays NaN.
func F32ToBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40 // quiet, so that dropping the low bits leaves a NaN
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
