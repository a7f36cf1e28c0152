package format

import "math"

// allFinite says whether x holds neither NaN nor an infinity.
func allFinite(x []float32) bool {
	return maxMagnitude(x) < 0x7f800000
}

// maxMagnitude is the bit pattern of the largest magnitude in x. Bit patterns
// without the sign are ordered as the numbers are, with infinity above every finite
// number and NaN above infinity, so one look at the result tells all three apart.
func maxMagnitude(x []float32) uint32 {
	var m uint32
	for _, v := range x {
		m = max(m, math.Float32bits(v)&0x7fffffff)
	}
	return m
}

// poison writes a block that unpacks to NaNs only: all zero, with NaN as the
// binary16 scale at byte offset scaleAt. It stands for a block in which NaN or an
// infinity was to be packed, which no scale can express (ggml's result for such a
// block is undefined); so the damage stays visible and stays in its block.
func poison(block []byte, scaleAt int) {
	clear(block)
	putF16(block[scaleAt:], float32(math.NaN()))
}

// extreme is the first of the numbers in x with the largest magnitude, sign kept.
func extreme(x []float32) float32 {
	var magnitude, value float32
	for _, v := range x {
		if a := abs(v); a > magnitude {
			magnitude, value = a, v
		}
	}
	return value
}

// bounds are the smallest and the largest number in x.
func bounds(x []float32) (lo, hi float32) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	return lo, hi
}

func abs(x float32) float32 {
	return math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
}

// inverse is 1/d, or 0 when that is not a finite number: blocks whose scale is zero
// or next to nothing are packed as zeros.
func inverse(d float32) float32 {
	if r := 1 / d; abs(r) <= math.MaxFloat32 {
		return r
	}
	return 0
}

// code is v without its fraction, held to 0..limit.
func code(v float32, limit uint8) uint8 {
	if !(v > 0) { // also NaN, from a scale that overflowed
		return 0
	}
	if v >= float32(limit) {
		return limit
	}
	return uint8(int32(v))
}
