package format

// Q5_K: 256 numbers in 176 bytes, 5.5 bits each. 8 sub-blocks of 32 numbers, each
// with a 6-bit scale and a 6-bit minimum.
//
//	byte  0        2         4                 16           48                175
//	      +--------+---------+-----------------+-------------+------------------+
//	      | d  f16 | dm  f16 | scales 12 bytes | qh 32 bytes | qs 128 bytes     |
//	      +--------+---------+-----------------+-------------+------------------+
//	scales: see packScaleMins
//	qh[l]:  bit b = bit 4 of the code of number 32*b + l
//	qs:     bits 3..0 of the codes, see packNibbles
//
//	x = d * scale * code - dm * minimum,  code 0..31

const (
	q5_KBytes = 176
	q5_KHigh  = 16 // byte offsets in the block
	q5_KQuant = 48
)

var q5_KSearch = affineSearch{limit: 31, first: -0.5, step: 0.1, steps: 15}

func quantizeQ5_K(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q5_KBytes:], src[superLen:] {
		block, x := dst[:q5_KBytes], src[:superLen]
		if !allFinite(x) {
			poison(block, 0)
			continue
		}
		var c codes
		q5_KSearch.fitEight(block[:16], &c, x)
		high := block[q5_KHigh:][:32]
		clear(high)
		for i, v := range c {
			high[i%32] |= v >> 4 << (i / 32)
		}
		c.packNibbles(block[q5_KQuant:])
	}
}

func dequantizeQ5_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[superLen:], src[q5_KBytes:] {
		d, dm := getF16(src), getF16(src[2:])
		var sm [8]scaleMin
		unpackScaleMins(&sm, src[4:])
		high := src[q5_KHigh:][:32]
		for p := 0; p < 4; p++ {
			lo, hi := sm[2*p], sm[2*p+1]
			scaleLo, minLo := float32(d*float32(lo.scale)), float32(dm*float32(lo.min))
			scaleHi, minHi := float32(d*float32(hi.scale)), float32(dm*float32(hi.min))
			y := dst[64*p:][:64]
			for l, q := range src[q5_KQuant+32*p:][:32] {
				bits := high[l] >> (2 * p)
				y[l] = float32(scaleLo*float32(q&15|bits&1<<4)) - minLo
				y[l+32] = float32(scaleHi*float32(q>>4|bits&2<<3)) - minHi
			}
		}
	}
}
