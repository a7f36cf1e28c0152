package format

// Q4_1: 32 numbers in 20 bytes, 5 bits each. A scale and a minimum.
//
//	byte  0        2        4                            19
//	      +--------+--------+----------------------------+
//	      | d  f16 | m  f16 | qs  16 bytes of two codes  |
//	      +--------+--------+----------------------------+
//	qs[j]: low nibble = code of number j, high nibble = code of number j+16
//
//	x = d * code + m,  code 0..15
//
// m is the smallest number of the block and 15*d + m the largest.

const (
	q4_1Len   = 32
	q4_1Bytes = 20
)

func quantizeQ4_1(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q4_1Bytes:], src[q4_1Len:] {
		block, x := dst[:q4_1Bytes], src[:q4_1Len]
		if !allFinite(x) {
			poison(block, 0)
			continue
		}
		lo, hi := bounds(x)
		d := (hi - lo) / 15
		inv := inverse(d)
		putF16(block, d)
		putF16(block[2:], lo)
		for j, qs := 0, block[4:]; j < 16; j++ {
			c0 := code(float32((x[j]-lo)*inv)+0.5, 15)
			c1 := code(float32((x[j+16]-lo)*inv)+0.5, 15)
			qs[j] = c0 | c1<<4
		}
	}
}

func dequantizeQ4_1(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q4_1Len:], src[q4_1Bytes:] {
		d, m := getF16(src), getF16(src[2:])
		y := dst[:q4_1Len]
		for j, q := range src[4:q4_1Bytes] {
			y[j] = float32(float32(q&15)*d) + m
			y[j+16] = float32(float32(q>>4)*d) + m
		}
	}
}
