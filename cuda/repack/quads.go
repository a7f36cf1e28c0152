package repack

import "encoding/binary"

// A quad is four codes of neighbouring numbers in one word, the first in the lowest
// byte: the form in which both layouts are taken apart and put together, four codes at
// a time.

func load32(b []byte) uint32      { return binary.LittleEndian.Uint32(b) }
func put32(b []byte, v uint32)    { binary.LittleEndian.PutUint32(b, v) }
func each(bits uint32) uint32     { return bits * 0x01010101 }             // the same in all four bytes
func spread(nibble uint32) uint32 { return nibble * 0x00204081 & each(1) } // bit i to byte i

// The codes of format's blocks.

// blockQuads are the codes of a block of 32: qs[j] holds number j in its low nibble and
// j+16 in its high one, bit j of high is bit 4 of number j.
func blockQuads(q *[8]uint32, qs []byte, high uint32) {
	for i := range 4 {
		w := load32(qs[4*i:])
		q[i] = w & each(15)
		q[i+4] = w >> 4 & each(15)
	}
	for i := 0; high != 0; i, high = i+1, high>>4 {
		q[i] |= spread(high&15) << 4
	}
}

// nibbleQuads are four bits of the codes of a super-block: a run of bytes holds the
// numbers of one run in its low nibbles, those of the next run in its high ones.
func nibbleQuads(q *[64]uint32, qs []byte, run int) {
	for n := 0; n < len(qs); n += 4 {
		w := load32(qs[n:])
		at := (n/run*2*run + n%run) / 4
		q[at] = w & each(15)
		q[at+run/4] = w >> 4 & each(15)
	}
}

// addQuarters adds two bits to each code of a super-block: byte 32h+l holds numbers
// 128h + l, +32, +64 and +96, lowest bits first.
func addQuarters(q *[64]uint32, qs []byte, shift int) {
	for h := range 2 {
		half := q[32*h:][:32]
		for i := range 8 {
			w := load32(qs[32*h+4*i:])
			half[i] |= w & each(3) << shift
			half[i+8] |= w >> 2 & each(3) << shift
			half[i+16] |= w >> 4 & each(3) << shift
			half[i+24] |= w >> 6 & each(3) << shift
		}
	}
}

// addMask adds one bit to each code: bit b of mask[l] belongs to number 32b + l.
func addMask(q *[64]uint32, mask []byte, shift int) {
	for l := range 8 {
		w := load32(mask[4*l:])
		for b := range 8 {
			q[8*b+l] |= w >> b & each(1) << shift
		}
	}
}

// The planes.

// packNibbles writes bits 3..0: word i = quad 2i | quad 2i+1 << 4.
func packNibbles(dst []byte, q []uint32) {
	for i := range len(q) / 2 {
		put32(dst[4*i:], q[2*i]&each(15)|q[2*i+1]&each(15)<<4)
	}
}

// packPairs writes bits shift+1 and shift: word i = quads 4i..4i+3 at bits 0, 2, 4, 6.
func packPairs(dst []byte, q []uint32, shift int) {
	for i := range len(q) / 4 {
		v := q[4*i:][:4]
		put32(dst[4*i:], v[0]>>shift&each(3)|v[1]>>shift&each(3)<<2|v[2]>>shift&each(3)<<4|v[3]>>shift&each(3)<<6)
	}
}

// packBits writes bit shift: word i = quads 8i..8i+7 at bits 0..7.
func packBits(dst []byte, q []uint32, shift int) {
	for i := range len(q) / 8 {
		var w uint32
		for j, v := range q[8*i:][:8] {
			w |= v >> shift & each(1) << j
		}
		put32(dst[4*i:], w)
	}
}

// nibbleQuad, pairQuad and bitQuad read quad i back, where the pack functions put it.

func nibbleQuad(src []byte, i int) uint32 { return load32(src[i/2*4:]) >> (i % 2 * 4) & each(15) }
func pairQuad(src []byte, i int) uint32   { return load32(src[i/4*4:]) >> (i % 4 * 2) & each(3) }
func bitQuad(src []byte, i int) uint32    { return load32(src[i/8*4:]) >> (i % 8) & each(1) }

// Scales of super-blocks.

// packScaleMins writes the record s of Q4_K and Q5_K from the first 16 bytes of a block.
func packScaleMins(dst, block []byte) {
	copy(dst, block[:4])
	a, b, c := load32(block[4:]), load32(block[8:]), load32(block[12:])
	low := [2]uint32{a & each(63), c&each(15) | a>>6&each(3)<<4}
	min := [2]uint32{b & each(63), c>>4&each(15) | b>>6&each(3)<<4}
	var half [2]uint64 // 48 bits each
	for i := range 8 {
		shift := i % 4 * 8
		half[i/4] |= uint64(low[i/4]>>shift&63|min[i/4]>>shift&63<<6) << (i % 4 * 12)
	}
	binary.LittleEndian.PutUint64(dst[4:], half[0]|half[1]<<48)
	put32(dst[12:], uint32(half[1]>>16))
}

// scaleMin is the scale and the minimum of numbers 32j..32j+31 in a record s.
func scaleMin(record []byte, j int) (scale, min uint32) {
	bits := uint32(binary.LittleEndian.Uint16(record[4+12*j/8:])) >> (12 * j % 8)
	return bits & 63, bits >> 6 & 63
}

// packScales writes the record s of Q3_K from the last 14 bytes of a block.
func packScales(dst, tail []byte) {
	const low, high = 0x0f0f0f0f, 0x30303030
	a, b, c := load32(tail), load32(tail[4:]), load32(tail[8:])
	words := [4]uint32{a&low | c<<4&high, b&low | c<<2&high, a>>4&low | c&high, b>>4&low | c>>2&high}
	var groups [4]uint32 // 24 bits each
	for i, w := range words {
		groups[i] = w&63 | w>>8&63<<6 | w>>16&63<<12 | w>>24&63<<18
	}
	put32(dst, groups[0]|groups[1]<<24)
	put32(dst[4:], groups[1]>>8|groups[2]<<16)
	put32(dst[8:], groups[2]>>16|groups[3]<<8)
	copy(dst[12:], tail[12:14])
	dst[14], dst[15] = 0, 0
}

// scale is the scale + 32 of numbers 16j..16j+15 in a record s of Q3_K.
func scale(record []byte, j int) uint32 {
	return uint32(binary.LittleEndian.Uint16(record[6*j/8:])) >> (6 * j % 8) & 63
}
