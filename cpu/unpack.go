package cpu

import (
	"encoding/binary"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

// unpackers unpack whole rows, by format: the same bits as format.Dequantize, which is
// their specification, in about half the time.
var unpackers = [formats]func(dst []float32, src []byte){
	format.F32:  unpackF32,
	format.F16:  unpackF16,
	format.BF16: unpackBF16,
	format.Q4_0: unpackQ4_0,
	format.Q4_1: unpackQ4_1,
	format.Q5_0: unpackQ5_0,
	format.Q5_1: unpackQ5_1,
	format.Q8_0: unpackQ8_0,
	format.Q2_K: unpackQ2_K,
	format.Q3_K: unpackQ3_K,
	format.Q4_K: unpackQ4_K,
	format.Q5_K: unpackQ5_K,
	format.Q6_K: unpackQ6_K,
}

// codeValue is a code, a signed byte, as float32. Looking it up is faster than
// converting it.
var codeValue = func() (table [256]float32) {
	for i := range table {
		table[i] = float32(int8(i))
	}
	return table
}()

// scaled is y = code*scale, for a multiple of 4 codes.
func scaled(y []float32, codes []byte, scale float32) {
	y = y[:len(codes)]
	for i := 0; i < len(codes)-3; i += 4 {
		y[i] = codeValue[codes[i]] * scale
		y[i+1] = codeValue[codes[i+1]] * scale
		y[i+2] = codeValue[codes[i+2]] * scale
		y[i+3] = codeValue[codes[i+3]] * scale
	}
}

// offset is y = code*scale - minimum, rounded after each of the two, for a multiple of 4
// codes.
func offset(y []float32, codes []byte, scale, minimum float32) {
	y = y[:len(codes)]
	for i := 0; i < len(codes)-3; i += 4 {
		y[i] = float32(codeValue[codes[i]]*scale) - minimum
		y[i+1] = float32(codeValue[codes[i+1]]*scale) - minimum
		y[i+2] = float32(codeValue[codes[i+2]]*scale) - minimum
		y[i+3] = float32(codeValue[codes[i+3]]*scale) - minimum
	}
}

// half is the binary16 number at the start of b.
func half(b []byte) float32 { return format.F16ToF32(binary.LittleEndian.Uint16(b)) }

func unpackF32(dst []float32, src []byte) { copy(dst, asFloats(src)) }

func unpackF16(dst []float32, src []byte) {
	halves := asHalves(src)[:len(dst)]
	for i, h := range halves {
		if h&0x7fff-0x400 >= 0x7c00-0x400 { // zero, subnormal, infinite or NaN
			dst[i] = format.F16ToF32(h)
			continue
		}
		// The sign is copied over three more bits on its way up, which the mask clears;
		// then the exponent's bias grows from 15 to 127.
		const bias, mask = 112 << 23, 0x8fffe000
		dst[i] = math.Float32frombits(uint32(int32(int16(h))<<13)&mask + bias)
	}
}

func unpackBF16(dst []float32, src []byte) {
	halves := asHalves(src)[:len(dst)]
	for i, h := range halves {
		dst[i] = math.Float32frombits(uint32(h) << 16)
	}
}

func unpackQ4_0(dst []float32, src []byte) {
	const size = 18
	var c [blockLen]byte
	for ; len(dst) >= blockLen && len(src) >= size; dst, src = dst[blockLen:], src[size:] {
		codesQ4(&c, src[2:], 8)
		scaled(dst[:blockLen], c[:], half(src))
	}
}

func unpackQ4_1(dst []float32, src []byte) {
	const size = 20
	var c [blockLen]byte
	for ; len(dst) >= blockLen && len(src) >= size; dst, src = dst[blockLen:], src[size:] {
		codesQ4(&c, src[4:], 0)
		offset(dst[:blockLen], c[:], half(src), -half(src[2:]))
	}
}

func unpackQ5_0(dst []float32, src []byte) {
	const size = 22
	var c [blockLen]byte
	for ; len(dst) >= blockLen && len(src) >= size; dst, src = dst[blockLen:], src[size:] {
		codesQ5(&c, src[2:], src[6:], 16)
		scaled(dst[:blockLen], c[:], half(src))
	}
}

func unpackQ5_1(dst []float32, src []byte) {
	const size = 24
	var c [blockLen]byte
	for ; len(dst) >= blockLen && len(src) >= size; dst, src = dst[blockLen:], src[size:] {
		codesQ5(&c, src[4:], src[8:], 0)
		offset(dst[:blockLen], c[:], half(src), -half(src[2:]))
	}
}

func unpackQ8_0(dst []float32, src []byte) {
	const size = 34
	for ; len(dst) >= blockLen && len(src) >= size; dst, src = dst[blockLen:], src[size:] {
		scaled(dst[:blockLen], src[2:size], half(src))
	}
}

func unpackQ2_K(dst []float32, src []byte) {
	const size = 84
	var c [superLen]byte
	for ; len(dst) >= superLen && len(src) >= size; dst, src = dst[superLen:], src[size:] {
		codesQ2_K(&c, src[16:80])
		d, dm := half(src[80:]), half(src[82:])
		for s, p := range src[:16] {
			offset(dst[16*s:][:16], c[16*s:][:16], d*float32(p&15), dm*float32(p>>4))
		}
	}
}

func unpackQ3_K(dst []float32, src []byte) {
	const size = 110
	var c [superLen]byte
	for ; len(dst) >= superLen && len(src) >= size; dst, src = dst[superLen:], src[size:] {
		codesQ3_K(&c, src[:32], src[32:96])
		d := half(src[108:])
		for s, scale := range scalesQ3_K(src[96:]) {
			scaled(dst[16*s:][:16], c[16*s:][:16], d*float32(scale))
		}
	}
}

func unpackQ4_K(dst []float32, src []byte) {
	const size = 144
	var c [superLen]byte
	for ; len(dst) >= superLen && len(src) >= size; dst, src = dst[superLen:], src[size:] {
		codesQ4_K(&c, src[16:size])
		offsetAll(dst, &c, src)
	}
}

func unpackQ5_K(dst []float32, src []byte) {
	const size = 176
	var c [superLen]byte
	for ; len(dst) >= superLen && len(src) >= size; dst, src = dst[superLen:], src[size:] {
		codesQ5_K(&c, src[16:48], src[48:size])
		offsetAll(dst, &c, src)
	}
}

// offsetAll scales the eight sub-blocks of a Q4_K or Q5_K block.
func offsetAll(dst []float32, c *[superLen]byte, block []byte) {
	d, dm := half(block), half(block[2:])
	scales, mins := scalesQ4_K(block[4:])
	for s, scale := range scales {
		offset(dst[32*s:][:32], c[32*s:][:32], d*float32(scale), dm*float32(mins[s]))
	}
}

func unpackQ6_K(dst []float32, src []byte) {
	const size = 210
	var c [superLen]byte
	for ; len(dst) >= superLen && len(src) >= size; dst, src = dst[superLen:], src[size:] {
		codesQ6_K(&c, src[:128], src[128:192])
		d := half(src[208:])
		for s, scale := range src[192:208] {
			scaled(dst[16*s:][:16], c[16*s:][:16], d*codeValue[scale])
		}
	}
}
