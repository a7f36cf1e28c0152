package format

import "encoding/binary"

// Q5_1: 32 numbers in 24 bytes, 6 bits each. A scale and a minimum.
//
//	byte  0        2        4        8                            23
//	      +--------+--------+--------+----------------------------+
//	      | d  f16 | m  f16 | qh u32 | qs  16 bytes of two codes  |
//	      +--------+--------+--------+----------------------------+
//	qs[j]: low nibble = bits 0..3 of code j, high nibble = bits 0..3 of code j+16
//	qh:    bit j = bit 4 of code j, little-endian
//
//	x = d * code + m,  code 0..31
//
// m is the smallest number of the block and 31*d + m the largest.

const (
	q5_1Len   = 32
	q5_1Bytes = 24
)

func quantizeQ5_1(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q5_1Bytes:], src[q5_1Len:] {
		block, x := dst[:q5_1Bytes], src[:q5_1Len]
		if !allFinite(x) {
			poison(block, 0)
			continue
		}
		lo, hi := bounds(x)
		d := (hi - lo) / 31
		inv := inverse(d)
		putF16(block, d)
		putF16(block[2:], lo)
		var high uint32
		for j, qs := 0, block[8:]; j < 16; j++ {
			c0 := code(float32((x[j]-lo)*inv)+0.5, 31)
			c1 := code(float32((x[j+16]-lo)*inv)+0.5, 31)
			qs[j] = c0&15 | c1<<4
			high |= uint32(c0>>4)<<j | uint32(c1>>4)<<(j+16)
		}
		binary.LittleEndian.PutUint32(block[4:], high)
	}
}

func dequantizeQ5_1(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q5_1Len:], src[q5_1Bytes:] {
		d, m := getF16(src), getF16(src[2:])
		high := binary.LittleEndian.Uint32(src[4:])
		y := dst[:q5_1Len]
		for j, q := range src[8:q5_1Bytes] {
			lo := uint32(q&15) | high>>j&1<<4
			hi := uint32(q>>4) | high>>(j+16)&1<<4
			y[j] = float32(float32(lo)*d) + m
			y[j+16] = float32(float32(hi)*d) + m
		}
	}
}
