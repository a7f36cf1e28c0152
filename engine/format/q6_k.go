package format

// Q6_K: 256 numbers in 210 bytes, 6.5625 bits each. 16 sub-blocks of 16 numbers, each
// with a signed 8-bit scale; symmetric.
//
//	byte  0                        128                         192             208
//	      +------------------------+---------------------------+---------------+--------+
//	      | ql 128 bytes of two    | qh  64 bytes of four      | scales 16 i8  | d  f16 |
//	      +------------------------+---------------------------+---------------+--------+
//	ql[64*h + l], l < 64: low nibble  = bits 3..0 of the code of number 128*h + l
//	                      high nibble = those of number 128*h + l + 64
//	qh: bits 5 4 of the codes, see packQuarters
//
//	x = d * scale * (code - 32),  code 0..63

const (
	q6_KBytes  = 210
	q6_KHigh   = 128 // byte offsets in the block
	q6_KScales = 192
	q6_KScale  = 208
)

func quantizeQ6_K(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q6_KBytes:], src[superLen:] {
		block, x := dst[:q6_KBytes], src[:superLen]
		if !allFinite(x) {
			poison(block, q6_KScale)
			continue
		}
		quantizeBlockQ6_K(block, x)
	}
}

func quantizeBlockQ6_K(block []byte, x []float32) {
	var c codes
	var scales [16]float32
	for s := range scales {
		scales[s] = fitSymmetric(c[16*s:][:16], x[16*s:][:16], 32)
	}
	top := extreme(scales[:])
	if abs(top) < tinyGroup {
		clear(block)
		return
	}
	inv := -128 / top
	putF16(block[q6_KScale:], 1/inv)
	d := getF16(block[q6_KScale:])
	for s, v := range scales {
		scale := nearest(float32(inv*v), -128, 127)
		block[q6_KScales+s] = byte(int8(scale))
		// The codes again, for the scales that the reader will see.
		roundSymmetric(c[16*s:][:16], x[16*s:][:16], float32(d*float32(scale)), 32)
	}
	for h := 0; h < 2; h++ {
		half := c[128*h:][:128]
		for l, ql := 0, block[64*h:][:64]; l < 64; l++ {
			ql[l] = half[l]&15 | half[l+64]<<4
		}
	}
	c.packQuarters(block[q6_KHigh:], 4)
}

func dequantizeQ6_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[superLen:], src[q6_KBytes:] {
		d := getF16(src[q6_KScale:])
		for s, p := range src[q6_KScales:][:16] {
			scale := float32(d * float32(int8(p)))
			half, quarter, odd := s/8, s%8/2, s%2
			low := src[64*half+32*(quarter%2)+16*odd:][:16]
			lowShift := 4 * (quarter / 2)
			high, highShift := quarters(src[q6_KHigh:], s)
			y := dst[16*s:][:16]
			for i := range y {
				c := low[i]>>lowShift&15 | high[i]>>highShift&3<<4
				y[i] = scale * float32(int(c)-32)
			}
		}
	}
}
