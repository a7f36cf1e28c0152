package format

// Q4_0: 32 numbers in 18 bytes, 4.5 bits each. Symmetric, one scale.
//
//	byte  0        2                            17
//	      +--------+----------------------------+
//	      | d  f16 | qs  16 bytes of two codes  |
//	      +--------+----------------------------+
//	qs[j]: low nibble = code of number j, high nibble = code of number j+16
//
//	x = d * (code - 8),  code 0..15
//
// d is chosen so that the number of the largest magnitude, sign included, becomes
// code 0, that is -8*d: this uses the one code that has no mirror image.

const (
	q4_0Len   = 32
	q4_0Bytes = 18
)

func quantizeQ4_0(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q4_0Bytes:], src[q4_0Len:] {
		block, x := dst[:q4_0Bytes], src[:q4_0Len]
		if !allFinite(x) {
			poison(block, 0)
			continue
		}
		d := extreme(x) / -8
		inv := inverse(d)
		putF16(block, d)
		for j, qs := 0, block[2:]; j < 16; j++ {
			lo := code(float32(x[j]*inv)+8.5, 15)
			hi := code(float32(x[j+16]*inv)+8.5, 15)
			qs[j] = lo | hi<<4
		}
	}
}

func dequantizeQ4_0(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q4_0Len:], src[q4_0Bytes:] {
		d := getF16(src)
		y := dst[:q4_0Len]
		for j, q := range src[2:q4_0Bytes] {
			y[j] = float32(int(q&15)-8) * d
			y[j+16] = float32(int(q>>4)-8) * d
		}
	}
}
