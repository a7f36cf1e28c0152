package format

import (
	"encoding/binary"
	"math"
)

// F16 is IEEE 754 binary16, little-endian: block of 1 number, 2 bytes.
//
//	bit   15   14......10   9..............0
//	     sign   exponent        mantissa        bias 15
//
//	exponent 0        (-1)^s * mantissa * 2^-24            (zero, subnormals)
//	exponent 1..30    (-1)^s * (1 + mantissa/1024) * 2^(exponent-15)
//	exponent 31       infinity when mantissa = 0, else NaN

func quantizeF16(dst []byte, src []float32) {
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], F32ToF16(x))
	}
}

func dequantizeF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = F16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// F16ToF32 widens an IEEE binary16 number, which is always exact. Infinities and
// the signs of zeros are kept; a NaN keeps its payload and becomes quiet.
func F16ToF32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	magnitude := uint32(h & 0x7fff)
	var f float32
	if magnitude < 0x0400 {
		// A subnormal is magnitude * 2^-24, and 2^-24 is the last place of 0.5.
		f = math.Float32frombits(0x3f000000|magnitude) - 0.5
	} else {
		// The exponent goes in 224 too high and comes back by a multiplication with
		// 2^-112, which leaves the difference of the biases (127-15) and lets
		// exponent 31 arrive at 255, where infinity and NaN are.
		f = math.Float32frombits(magnitude<<13+224<<23) * 0x1p-112
	}
	return math.Float32frombits(math.Float32bits(f) | sign)
}

// F32ToF16 rounds to the nearest IEEE binary16 number, ties to even. Magnitudes of
// 65520 and more become infinity; NaN stays NaN.
func F32ToF16(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN, without its payload
		return sign | 0x7e00
	case b >= 0x47800000: // 65536 and above
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: the addition rounds to multiples of 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	// Rebias the exponent by -112 and round the 13 bits that are dropped: adding
	// 0xfff, or 0x1000 when the last kept bit is 1, carries exactly when it must.
	return sign | uint16((b-112<<23+0xfff+b>>13&1)>>13)
}

// getF16 and putF16 read and write the binary16 number at the start of b.

func getF16(b []byte) float32 { return F16ToF32(binary.LittleEndian.Uint16(b)) }

func putF16(b []byte, x float32) { binary.LittleEndian.PutUint16(b, F32ToF16(x)) }
