package format

import "encoding/binary"

// superLen is the number of numbers in a super-block, which all K-quants share:
// sub-blocks of 16 or 32 numbers with small integer scales of their own, under one
// or two binary16 scales.
const superLen = 256

// codes are the codes of one super-block, one to a byte, before they are packed.
type codes [superLen]uint8

// packQuarters packs two bits of each code, those from bit shift on, into dst[:64]:
// byte 32*h+l holds numbers 128*h + l, +32, +64 and +96, lowest bits first.
func (c *codes) packQuarters(dst []byte, shift int) {
	dst = dst[:64]
	for h := 0; h < 2; h++ {
		half := c[128*h : 128*h+128]
		for l := 0; l < 32; l++ {
			dst[32*h+l] = half[l]>>shift&3 | half[l+32]>>shift&3<<2 |
				half[l+64]>>shift&3<<4 | half[l+96]>>shift&3<<6
		}
	}
}

// quarters is where packQuarters put the 16 codes of sub-block s: the bytes, and
// how far to shift them right.
func quarters(packed []byte, s int) ([]byte, int) {
	half, quarter, odd := s/8, s%8/2, s%2
	return packed[32*half+16*odd:][:16], 2 * quarter
}

// packNibbles packs the low four bits of each code into dst[:128]: byte 32*p+l holds
// numbers 64*p + l (low nibble) and 64*p + l + 32 (high nibble).
func (c *codes) packNibbles(dst []byte) {
	dst = dst[:128]
	for p := 0; p < 4; p++ {
		pair := c[64*p : 64*p+64]
		for l := 0; l < 32; l++ {
			dst[32*p+l] = pair[l]&15 | pair[l+32]<<4
		}
	}
}

// scaleMin is the scale and the minimum of one sub-block in Q4_K and Q5_K, 0..63.
type scaleMin struct{ scale, min uint8 }

// packScaleMins packs eight pairs of 6-bit numbers into dst[:12]:
//
//	byte   bits 7 6     bits 5..0
//	0-3    scale 4..7   scale 0..3       bits 7 6 are bits 5 4 of the later number
//	4-7    min 4..7     min 0..3
//	8-11   low nibble = bits 3..0 of scale 4..7, high nibble = those of min 4..7
func packScaleMins(dst []byte, sm *[8]scaleMin) {
	dst = dst[:12]
	for j := 0; j < 4; j++ {
		a, b := sm[j], sm[j+4]
		dst[j] = a.scale | b.scale>>4<<6
		dst[j+4] = a.min | b.min>>4<<6
		dst[j+8] = b.scale&15 | b.min<<4
	}
}

// unpackScaleMins is the inverse of packScaleMins.
func unpackScaleMins(sm *[8]scaleMin, src []byte) {
	src = src[:12]
	for j := 0; j < 4; j++ {
		sm[j] = scaleMin{src[j] & 63, src[j+4] & 63}
		sm[j+4] = scaleMin{src[j+8]&15 | src[j]>>6<<4, src[j+8]>>4 | src[j+4]>>6<<4}
	}
}

// packScales packs sixteen 6-bit numbers into dst[:12]: the scales of Q3_K.
//
//	byte   bits 7..4           bits 3..0
//	0-7    low bits of 8..15   low bits of 0..7
//	8-11   bits 5 4 of scales j+12, j+8, j+4, j (highest bits first), j = byte-8
func packScales(dst []byte, sc *[16]uint8) {
	dst = dst[:12]
	for j := 0; j < 8; j++ {
		dst[j] = sc[j]&15 | sc[j+8]<<4
	}
	for j := 0; j < 4; j++ {
		dst[j+8] = sc[j]>>4 | sc[j+4]>>4<<2 | sc[j+8]>>4<<4 | sc[j+12]>>4<<6
	}
}

// unpackScales is the inverse of packScales, on the two words of low bits and the
// word of high bits, four scales at a time.
func unpackScales(sc *[16]uint8, src []byte) {
	const low, high = 0x0f0f0f0f, 0x30303030
	a, b := binary.LittleEndian.Uint32(src), binary.LittleEndian.Uint32(src[4:])
	c := binary.LittleEndian.Uint32(src[8:])
	binary.LittleEndian.PutUint32(sc[0:], a&low|c<<4&high)
	binary.LittleEndian.PutUint32(sc[4:], b&low|c<<2&high)
	binary.LittleEndian.PutUint32(sc[8:], a>>4&low|c&high)
	binary.LittleEndian.PutUint32(sc[12:], b>>4&low|c>>2&high)
}
