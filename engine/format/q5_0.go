package format

import "encoding/binary"

// Q5_0: 32 numbers in 22 bytes, 5.5 bits each. Symmetric, one scale.
//
//	byte  0        2        6                            21
//	      +--------+--------+----------------------------+
//	      | d  f16 | qh u32 | qs  16 bytes of two codes  |
//	      +--------+--------+----------------------------+
//	qs[j]: low nibble = bits 0..3 of code j, high nibble = bits 0..3 of code j+16
//	qh:    bit j = bit 4 of code j, little-endian
//
//	x = d * (code - 16),  code 0..31
//
// As in Q4_0, the number of the largest magnitude becomes code 0.

const (
	q5_0Len   = 32
	q5_0Bytes = 22
)

func quantizeQ5_0(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q5_0Bytes:], src[q5_0Len:] {
		block, x := dst[:q5_0Bytes], src[:q5_0Len]
		if !allFinite(x) {
			poison(block, 0)
			continue
		}
		d := extreme(x) / -16
		inv := inverse(d)
		putF16(block, d)
		var high uint32
		for j, qs := 0, block[6:]; j < 16; j++ {
			lo := code(float32(x[j]*inv)+16.5, 31)
			hi := code(float32(x[j+16]*inv)+16.5, 31)
			qs[j] = lo&15 | hi<<4
			high |= uint32(lo>>4)<<j | uint32(hi>>4)<<(j+16)
		}
		binary.LittleEndian.PutUint32(block[2:], high)
	}
}

func dequantizeQ5_0(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q5_0Len:], src[q5_0Bytes:] {
		d := getF16(src)
		high := binary.LittleEndian.Uint32(src[2:])
		y := dst[:q5_0Len]
		for j, q := range src[6:q5_0Bytes] {
			lo := uint32(q&15) | high>>j&1<<4
			hi := uint32(q>>4) | high>>(j+16)&1<<4
			y[j] = float32(int32(lo)-16) * d
			y[j+16] = float32(int32(hi)-16) * d
		}
	}
}
