package cpu

import "encoding/binary"

// A quantised format is small integers, its codes, with a scale for each sub-block. The
// functions below take the codes of one block apart, eight at a time in the bytes of a
// word, and subtract what the format has added to make them positive. Both kinds of
// products, with float and with integer activations, start from them. The layouts are
// drawn in package format.

const (
	blockLen = 32  // numbers in a block of the legacy formats
	superLen = 256 // numbers in a super-block of the K-quants
)

const (
	each   = 0x0101010101010101 // times a byte: that byte eight times
	nibble = each * 15
	sign   = each * 128
)

func word(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putWord(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }

// less is each of eight bytes below 128 minus n <= 128, as signed bytes.
func less(v uint64, n uint64) uint64 { return (v | sign) - each*n ^ sign }

// bits is eight bytes that are 0 or 1: the bits of v, lowest first.
func bits(v byte) uint64 {
	// Bit i alone is left in byte i; then it is carried to the byte's top and down again.
	const own, carry = 0x8040201008040201, 0x00406070787c7e7f
	return (uint64(v)*each&own + carry) >> 7 & each
}

// codesQ4 is the codes of 16 bytes, low nibbles first, each minus offset.
func codesQ4(c *[blockLen]byte, qs []byte, offset uint64) {
	qs = qs[:16]
	for j := 0; j < 16; j += 8 {
		q := word(qs[j:])
		putWord(c[j:], less(q&nibble, offset))
		putWord(c[j+16:], less(q>>4&nibble, offset))
	}
}

// codesQ5 is codesQ4 with a fifth bit to each code, number i's in bit i of high.
func codesQ5(c *[blockLen]byte, high, qs []byte, offset uint64) {
	high, qs = high[:4], qs[:16]
	for j := 0; j < 16; j += 8 {
		q := word(qs[j:])
		putWord(c[j:], less(q&nibble|bits(high[j/8])<<4, offset))
		putWord(c[j+16:], less(q>>4&nibble|bits(high[j/8+2])<<4, offset))
	}
}

// codesQ2_K: number 128*h + 32*s + l is bits 2s and 2s+1 of byte 32*h + l.
func codesQ2_K(c *[superLen]byte, qs []byte) {
	qs = qs[:64]
	for i := 0; i < superLen; i += 8 {
		h, s, l := i/128, i/32%4, i%32
		putWord(c[i:], word(qs[32*h+l:])>>(2*s)&(each*3))
	}
}

// codesQ3_K is codesQ2_K with a third bit, bit i/32 of byte i%32 of high, minus 4.
func codesQ3_K(c *[superLen]byte, high, qs []byte) {
	high, qs = high[:32], qs[:64]
	for i := 0; i < superLen; i += 8 {
		h, s, l := i/128, i/32%4, i%32
		low := word(qs[32*h+l:]) >> (2 * s) & (each * 3)
		putWord(c[i:], less(low|word(high[l:])>>(i/32)&each<<2, 4))
	}
}

// codesQ4_K: numbers 64*p + l and 64*p + l + 32 are the nibbles of byte 32*p + l.
func codesQ4_K(c *[superLen]byte, qs []byte) {
	qs = qs[:128]
	for i := 0; i < 128; i += 8 {
		q, at := word(qs[i:]), i+i/32*32
		putWord(c[at:], q&nibble)
		putWord(c[at+32:], q>>4&nibble)
	}
}

// codesQ5_K is codesQ4_K with a fifth bit, bit i/32 of byte i%32 of high.
func codesQ5_K(c *[superLen]byte, high, qs []byte) {
	high, qs = high[:32], qs[:128]
	for i := 0; i < 128; i += 8 {
		q, at := word(qs[i:]), i+i/32*32
		h := word(high[i%32:]) >> (at / 32)
		putWord(c[at:], q&nibble|h&each<<4)
		putWord(c[at+32:], q>>4&nibble|h>>1&each<<4)
	}
}

// codesQ6_K: bits 3..0 of numbers 128*h + l and 128*h + l + 64 (l < 64) are the nibbles
// of byte 64*h + l of low, bits 5..4 lie in high as in codesQ2_K; minus 32.
func codesQ6_K(c *[superLen]byte, low, high []byte) {
	low, high = low[:128], high[:64]
	for i := 0; i < superLen; i += 8 {
		h, s, l := i/128, i/32%4, i%32
		q := word(low[64*h+32*(s%2)+l:]) >> (4 * (s / 2)) & nibble
		putWord(c[i:], less(q|word(high[32*h+l:])>>(2*s)&(each*3)<<4, 32))
	}
}

// scalesQ3_K is the sixteen 6-bit scales, which are stored with 32 added: four low bits
// of scales s and s+8 in byte s, and two high bits of scales s%4 + 0, 4, 8, 12 in a byte.
func scalesQ3_K(packed []byte) (scales [16]int8) {
	packed = packed[:12]
	for s := range scales {
		low := packed[s%8] >> (4 * (s / 8)) & 15
		high := packed[8+s%4] >> (2 * (s / 4)) & 3
		scales[s] = int8(low|high<<4) - 32
	}
	return scales
}

// scalesQ4_K is the eight 6-bit scales and minima of Q4_K and Q5_K.
func scalesQ4_K(packed []byte) (scales, mins [8]uint8) {
	packed = packed[:12]
	for j := range 4 {
		a, b, c := packed[j], packed[j+4], packed[j+8]
		scales[j], mins[j] = a&63, b&63
		scales[j+4], mins[j+4] = c&15|a>>6<<4, c>>4|b>>6<<4
	}
	return scales, mins
}
