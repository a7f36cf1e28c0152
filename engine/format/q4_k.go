package format

// Q4_K: 256 numbers in 144 bytes, 4.5 bits each. 8 sub-blocks of 32 numbers, each
// with a 6-bit scale and a 6-bit minimum.
//
//	byte  0        2         4                 16                          143
//	      +--------+---------+-----------------+----------------------------+
//	      | d  f16 | dm  f16 | scales 12 bytes | qs  128 bytes of two codes |
//	      +--------+---------+-----------------+----------------------------+
//	scales: see packScaleMins
//	qs:     see packNibbles
//
//	x = d * scale * code - dm * minimum,  code 0..15

const (
	q4_KBytes = 144
	q4_KQuant = 16 // byte offset in the block
)

var q4_KSearch = affineSearch{limit: 15, first: -1, step: 0.1, steps: 20}

func quantizeQ4_K(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q4_KBytes:], src[superLen:] {
		block, x := dst[:q4_KBytes], src[:superLen]
		if !allFinite(x) {
			poison(block, 0)
			continue
		}
		var c codes
		q4_KSearch.fitEight(block[:16], &c, x)
		c.packNibbles(block[q4_KQuant:])
	}
}

func dequantizeQ4_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[superLen:], src[q4_KBytes:] {
		d, dm := getF16(src), getF16(src[2:])
		var sm [8]scaleMin
		unpackScaleMins(&sm, src[4:])
		for p := 0; p < 4; p++ {
			lo, hi := sm[2*p], sm[2*p+1]
			scaleLo, minLo := float32(d*float32(lo.scale)), float32(dm*float32(lo.min))
			scaleHi, minHi := float32(d*float32(hi.scale)), float32(dm*float32(hi.min))
			y := dst[64*p:][:64]
			for l, q := range src[q4_KQuant+32*p:][:32] {
				y[l] = float32(scaleLo*float32(q&15)) - minLo
				y[l+32] = float32(scaleHi*float32(q>>4)) - minHi
			}
		}
	}
}
