package format

// Q3_K: 256 numbers in 110 bytes, 3.4375 bits each. 16 sub-blocks of 16 numbers, each
// with a signed 6-bit scale; symmetric.
//
//	byte  0                32                           96               108
//	      +----------------+----------------------------+----------------+--------+
//	      | hmask 32 bytes | qs  64 bytes of four codes | scales 12 byte | d  f16 |
//	      +----------------+----------------------------+----------------+--------+
//	hmask[l]: bit b = bit 2 of the code of number 32*b + l
//	qs:       bits 1 0 of the codes, see packQuarters
//	scales:   scale + 32, see packScales
//
//	x = d * scale * (code - 4),  code 0..7, scale -32..31

const (
	q3_KBytes  = 110
	q3_KQuant  = 32 // byte offsets in the block
	q3_KScales = 96
	q3_KScale  = 108
)

func quantizeQ3_K(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[q3_KBytes:], src[superLen:] {
		block, x := dst[:q3_KBytes], src[:superLen]
		if !allFinite(x) {
			poison(block, q3_KScale)
			continue
		}
		quantizeBlockQ3_K(block, x)
	}
}

func quantizeBlockQ3_K(block []byte, x []float32) {
	var c codes
	var scales [16]float32
	for s := range scales {
		scales[s] = fitSymmetricByCode(c[16*s:][:16], x[16*s:][:16], 4)
	}

	var packed [16]uint8
	var d float32
	if top := extreme(scales[:]); top != 0 {
		inv := -32 / top
		for s, v := range scales {
			packed[s] = uint8(nearest(float32(inv*v), -32, 31) + 32)
		}
		d = 1 / inv
	}
	putF16(block[q3_KScale:], d)
	packScales(block[q3_KScales:], &packed)

	// The codes again, for the scales that the reader will see.
	d = getF16(block[q3_KScale:])
	for s, p := range packed {
		roundSymmetric(c[16*s:][:16], x[16*s:][:16], float32(d*float32(int(p)-32)), 4)
	}
	hmask := block[:32]
	clear(hmask)
	for i, v := range c {
		hmask[i%32] |= v >> 2 << (i / 32)
	}
	c.packQuarters(block[q3_KQuant:], 0)
}

func dequantizeQ3_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[superLen:], src[q3_KBytes:] {
		d := getF16(src[q3_KScale:])
		var scales [16]uint8
		unpackScales(&scales, src[q3_KScales:])
		for s, p := range scales {
			scale := float32(d * float32(int(p)-32))
			q, shift := quarters(src[q3_KQuant:], s)
			high := src[16*(s%2):][:16]
			y := dst[16*s:][:16]
			for i := range y {
				c := q[i]>>shift&3 | high[i]>>(s/2)&1<<2
				y[i] = scale * float32(int(c)-4)
			}
		}
	}
}
