package main

import "fmt"

// The inner loops of matvec: the partial sum of one lane's numbers of one row. Codes are
// taken out of their words four at a time, one to a byte, and become exact float32
// numbers by two instructions each (see text.quad); the scale is applied once for all
// numbers that share it.

// place puts `bits` bits of each byte of a word, from bit `from` on, to bit `to` of %c; the
// first call for a quad makes %c.
func place(word string, from, bits, to int, first bool) string {
	mask := uint32(1<<bits-1) * 0x01010101 << to
	out, src := "", "%e"
	switch {
	case to > from:
		out = fmt.Sprintf("shl.b32 %%e, %s, %d; ", word, to-from)
	case to < from:
		out = fmt.Sprintf("shr.u32 %%e, %s, %d; ", word, from-to)
	default:
		src = word
	}
	if first {
		return out + fmt.Sprintf("and.b32 %%c, %s, 0x%08X;", src, mask)
	}
	return out + fmt.Sprintf("lop3.b32 %%c, %s, 0x%08X, %%c, 0xEA;", src, mask) // 0xEA: a & b | c
}

// A takes makes %c the quad i of a set of registers.
type takes func(set string, i int) string

// nibbles takes four bits of each code out of the words q.
func nibbles(set string, i int) string { return nibblesOf("%q"+set, i) }

func nibblesOf(q string, i int) string {
	return place(fmt.Sprintf("%s%d", q, i/2), i%2*4, 4, 0, true)
}

// fiveBits takes a nibble and a bit out of h.
func fiveBits(set string, i int) string {
	return nibbles(set, i) + " " + place("%h"+set, i, 1, 4, false)
}

// pairs takes two bits of each code out of the words q.
func pairs(set string, i int) string {
	return place(fmt.Sprintf("%%q%s%d", set, i/4), i%4*2, 2, 0, true)
}

// threeBits takes a pair and a bit out of the words h.
func threeBits(set string, i int) string {
	return pairs(set, i) + " " + place(fmt.Sprintf("%%h%s%d", set, i/8), i%8, 1, 2, false)
}

// sixBits takes a nibble out of q0 or q1 and two bits out of the words h.
func sixBits(set string, i int) string {
	return nibblesOf(fmt.Sprintf("%%q%d%s", i/8, set), i%8) + " " +
		place(fmt.Sprintf("%%h%s%d", set, i/4), i%4*2, 2, 4, false)
}

// signedBytes takes the words q0 and q1 of Q8_0: codes + 128.
func signedBytes(set string, i int) string {
	return fmt.Sprintf("xor.b32 %%c, %%q%d%s%d, 0x80808080;", i/4, set, i%4)
}

// numbers writes v0..v3 times x of the quads of a unit, with a sum in dot<j> for every 16
// numbers.
func (c codec) numbers(t *text, set string, take takes) {
	for i := range c.unit / 4 {
		t.line("%s // numbers %d..%d", take(set, i), 4*i, 4*i+3)
		t.quad("%c", "%origin")
		t.dot(fmt.Sprintf("%%dot%d", i/4), 4*i, i%4 == 0)
	}
}

// rowOf32 is the row of a format whose unit of 32 numbers has one scale.
func rowOf32(take takes, scales func(t *text, set string)) func(c codec, t *text, set string) {
	return func(c codec, t *text, set string) {
		c.numbers(t, set, take)
		t.line("add.f32 %%dot0, %%dot0, %%dot1;")
		scales(t, set)
	}
}

// rowOf64 is the row of a format whose unit of 64 numbers has four scales.
func rowOf64(take takes, scales func(t *text, set string)) func(c codec, t *text, set string) {
	return func(c codec, t *text, set string) {
		c.numbers(t, set, take)
		scales(t, set)
	}
}

// onlyScale ends a row of a symmetric format.
func onlyScale(t *text, set string) {
	t.line("cvt.f32.f16 %%d, %%d%s;", set)
	t.line("fma.rn.f32 %%acc, %%d, %%dot0, %%acc; // d * sum (code - origin) x")
}

// scaleAndMin ends a row of a format with a minimum for each 32 numbers.
func scaleAndMin(t *text, set string) {
	t.line("mov.b32 {%%lo, %%hi}, %%dm%s; cvt.f32.f16 %%d, %%lo; cvt.f32.f16 %%m, %%hi;", set)
	t.line("fma.rn.f32 %%acc, %%d, %%dot0, %%acc; fma.rn.f32 %%acc, %%m, %%sum0, %%acc; // d * sum code x + m * sum x")
}

// twelveBits takes the lane's 12 bits of the record of Q4_K and Q5_K, which is d, dm and 8
// times 12 bits, out of two neighbouring words.
func twelveBits(t *text, set string) {
	t.line("mov.b32 {%%lo, %%hi}, %%s%s0; cvt.f32.f16 %%d, %%lo; cvt.f32.f16 %%m, %%hi;", set)
	t.line("selp.b32 %%c, %%s%s2, %%s%s3, %%early; selp.b32 %%c, %%s%s1, %%c, %%first; // the word with the lane's lowest bit", set, set, set)
	t.line("selp.b32 %%e, %%s%s2, %%s%s3, %%first; // the word after it", set, set)
	t.line("shf.r.wrap.b32 %%c, %%c, %%e, %%at; // scale | minimum << 6")
}

// sixBitScaleAndMin ends a row of Q4_K and Q5_K.
func sixBitScaleAndMin(t *text, set string) {
	twelveBits(t, set)
	t.line("lop3.b32 %%e, %%c, 63, %%two23, 0xEA; sub.f32 %%e, %%e, %s; mul.f32 %%d, %%d, %%e; // d * scale", float(1<<23))
	t.line("shr.u32 %%c, %%c, 6; lop3.b32 %%c, %%c, 63, %%two23, 0xEA; sub.f32 %%c, %s, %%c; mul.f32 %%m, %%m, %%c; // -dm * minimum", float(1<<23))
	t.line("fma.rn.f32 %%acc, %%d, %%dot0, %%acc; fma.rn.f32 %%acc, %%m, %%sum0, %%acc;")
}

// fourScales ends a row of Q2_K: four bytes of scale and minimum.
func fourScales(t *text, set string) {
	t.line("mov.b32 {%%lo, %%hi}, %%dm%s; cvt.f32.f16 %%d, %%lo; cvt.f32.f16 %%m, %%hi;", set)
	t.line("and.b32 %%c, %%s%s, 0x0F0F0F0F; // scales", set)
	t.quad("%c", "%origin")
	t.line("mul.f32 %%dot0, %%dot0, %%v0; fma.rn.f32 %%dot0, %%dot1, %%v1, %%dot0; fma.rn.f32 %%dot0, %%dot2, %%v2, %%dot0; fma.rn.f32 %%dot0, %%dot3, %%v3, %%dot0;")
	t.line("shr.u32 %%c, %%s%s, 4; and.b32 %%c, %%c, 0x0F0F0F0F; // minima", set)
	t.quad("%c", "%origin")
	t.line("mul.f32 %%dot1, %%sum0, %%v0; fma.rn.f32 %%dot1, %%sum1, %%v1, %%dot1; fma.rn.f32 %%dot1, %%sum2, %%v2, %%dot1; fma.rn.f32 %%dot1, %%sum3, %%v3, %%dot1;")
	t.line("fma.rn.f32 %%acc, %%d, %%dot0, %%acc; // d * sum of scale * sum code x")
	t.line("neg.f32 %%m, %%m; fma.rn.f32 %%acc, %%m, %%dot1, %%acc; // - dm * sum of minimum * sum x")
}

// twentyFourBits takes the lane's 24 bits of the record of Q3_K, which is 16 times 6 bits and
// d, out of two neighbouring words.
func twentyFourBits(t *text, set string) {
	t.line("mov.b32 {%%lo, %%hi}, %%s%s3; cvt.f32.f16 %%d, %%lo;", set)
	t.line("selp.b32 %%c, %%s%s1, %%s%s2, %%early; selp.b32 %%c, %%s%s0, %%c, %%first; // the word with the lane's lowest bit", set, set, set)
	t.line("selp.b32 %%e, %%s%s1, %%s%s2, %%first; // the word after it", set, set)
	t.line("shf.r.wrap.b32 %%c, %%c, %%e, %%at; // four scales + 32, 6 bits each")
}

// sixBitScales ends a row of Q3_K.
func sixBitScales(t *text, set string) {
	twentyFourBits(t, set)
	for i := range 4 {
		t.line("bfe.u32 %%e, %%c, %d, 6; or.b32 %%e, %%e, %%two23; sub.f32 %%v%d, %%e, %s; // scale", 6*i, i, float(1<<23+32))
	}
	scaleFour(t)
}

// eightBitScales ends a row of Q6_K.
func eightBitScales(t *text, set string) {
	t.line("xor.b32 %%c, %%s%s, 0x80808080; // scale + 128", set)
	t.toFloats("%v", 0, "%c", float(1<<23+128))
	t.line("cvt.f32.f16 %%d, %%d%s;", set)
	scaleFour(t)
}

func scaleFour(t *text) {
	t.line("mul.f32 %%dot0, %%dot0, %%v0; fma.rn.f32 %%dot0, %%dot1, %%v1, %%dot0; fma.rn.f32 %%dot0, %%dot2, %%v2, %%dot0; fma.rn.f32 %%dot0, %%dot3, %%v3, %%dot0;")
	t.line("fma.rn.f32 %%acc, %%d, %%dot0, %%acc; // d * sum of scale * sum (code - origin) x")
}

// rowF32, rowF16 and rowBF16 are the rows of floats: a unit is one 16-byte load.

func rowF32(_ codec, t *text, set string) {
	for i := range 4 {
		t.line("fma.rn.f32 %%acc, %%w%s%d, %%x%d, %%acc;", set, i, i)
	}
}

func rowF16(_ codec, t *text, set string) {
	for i := range 4 {
		t.line("mov.b32 {%%lo, %%hi}, %%w%s%d; cvt.f32.f16 %%v0, %%lo; cvt.f32.f16 %%v1, %%hi;", set, i)
		t.line("fma.rn.f32 %%acc, %%v0, %%x%d, %%acc; fma.rn.f32 %%acc, %%v1, %%x%d, %%acc;", 2*i, 2*i+1)
	}
}

func rowBF16(_ codec, t *text, set string) {
	for i := range 4 {
		t.line("shl.b32 %%v0, %%w%s%d, 16; and.b32 %%v1, %%w%s%d, 0xFFFF0000; // a bfloat16 is the upper half of a float32", set, i, set, i)
		t.line("fma.rn.f32 %%acc, %%v0, %%x%d, %%acc; fma.rn.f32 %%acc, %%v1, %%x%d, %%acc;", 2*i, 2*i+1)
	}
}

// explain says how codes become numbers, before the loop that does it.
func (c codec) explain() string {
	t := &text{}
	if !c.isFloat() && !c.int8 {
		t.line("// Four codes at a time: c = the codes of four neighbouring numbers, one to a byte. Put under the")
		t.line("// exponent of 2^23, a byte is the float32 2^23 + code; subtracting origin is exact. The scale is")
		t.line("// applied once to the sum over all numbers that share it.")
	}
	return t.String()
}
