package format

// Q2_K: 256 numbers in 84 bytes, 2.625 bits each. 16 sub-blocks of 16 numbers, each
// with a 4-bit scale and a 4-bit minimum.
//
//	byte  0                 16                           80       82
//	      +-----------------+----------------------------+--------+---------+
//	      | scales 16 bytes | qs  64 bytes of four codes | d  f16 | dm  f16 |
//	      +-----------------+----------------------------+--------+---------+
//	scales[s]: low nibble = scale, high nibble = minimum of sub-block s
//	qs:        see packQuarters
//
//	x = d * scale * code - dm * minimum,  code 0..3

const (
	q2_KBytes = 84
	q2_KQuant = 16 // byte offsets in the block
	q2_KScale = 80
	q2_KMin   = 82
)

var q2_KSearch = affineSearch{limit: 3, first: -0.5, step: 0.1, steps: 15, absolute: true}

func quantizeQ2_K(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q2_KBytes:], src[superLen:] {
		block, x := dst[:q2_KBytes], src[:superLen]
		if !allFinite(x) {
			poison(block, q2_KScale)
			continue
		}
		quantizeBlockQ2_K(block, x)
	}
}

func quantizeBlockQ2_K(block []byte, x []float32) {
	var c codes
	var scales, mins [16]float32
	var maxScale, maxMin float32
	for s := range scales {
		sub := x[16*s:][:16]
		var w [16]float32
		for i, v := range sub {
			w[i] = abs(v)
		}
		scales[s], mins[s] = q2_KSearch.fit(c[16*s:][:16], sub, w[:])
		maxScale = maxOf(maxScale, scales[s])
		maxMin = maxOf(maxMin, mins[s])
	}

	packed := block[:16]
	for s := range packed {
		packed[s] = scaleCode(scales[s], maxScale, 15) | scaleCode(mins[s], maxMin, 15)<<4
	}
	putF16(block[q2_KScale:], maxScale/15)
	putF16(block[q2_KMin:], maxMin/15)

	d, dm := getF16(block[q2_KScale:]), getF16(block[q2_KMin:])
	for s, p := range packed {
		q2_KSearch.round(c[16*s:][:16], x[16*s:][:16], float32(d*float32(p&15)), float32(dm*float32(p>>4)))
	}
	c.packQuarters(block[q2_KQuant:], 0)
}

func dequantizeQ2_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[superLen:], src[q2_KBytes:] {
		d, dm := getF16(src[q2_KScale:]), getF16(src[q2_KMin:])
		for s, p := range src[:16] {
			scale, min := float32(d*float32(p&15)), float32(dm*float32(p>>4))
			q, shift := quarters(src[q2_KQuant:], s)
			y := dst[16*s:][:16]
			for i := range y {
				y[i] = float32(scale*float32(q[i]>>shift&3)) - min
			}
		}
	}
}
