package main

import "fmt"

// The inner loops of matvec: the partial sum of one lane's numbers of one row. Codes are
// taken out of their words four at a time, one to a byte, and become exact float32
// numbers by two instructions each (see text.quad); the scale is applied once for all
// numbers that share it.

// nibbles takes quad i, four bits of each code, out of the words q.
func nibbles(q string, i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("and.b32 %%c, %s%d, 0x0F0F0F0F;", q, i/2)
	}
	return fmt.Sprintf("shr.u32 %%c, %s%d, 4; and.b32 %%c, %%c, 0x0F0F0F0F;", q, i/2)
}

// more takes quad i of `bits` bits each out of its word and puts it above the bits in %c,
// from bit `to` on.
func more(word string, i, bits, to int) string {
	at := i % (8 / bits) * bits
	mask := (1<<bits - 1) * 0x01010101 << to
	shift := fmt.Sprintf("mov.b32 %%e, %s;", word)
	if at < to {
		shift = fmt.Sprintf("shl.b32 %%e, %s, %d;", word, to-at)
	} else if at > to {
		shift = fmt.Sprintf("shr.u32 %%e, %s, %d;", word, at-to)
	}
	return fmt.Sprintf(" %s lop3.b32 %%c, %%e, 0x%08X, %%c, 0xEA;", shift, mask) // 0xEA: a & b | c
}

// pairs takes quad i of two-bit codes out of the words q.
func pairs(q string, i int) string {
	if i%4 == 0 {
		return fmt.Sprintf("and.b32 %%c, %s%d, 0x03030303;", q, i/4)
	}
	return fmt.Sprintf("shr.u32 %%c, %s%d, %d; and.b32 %%c, %%c, 0x03030303;", q, i/4, i%4*2)
}

// rowOf32 is the row of a format whose unit of 32 numbers has one scale: takes fills %c
// with quad i, scales adds the two half sums to %acc.
func rowOf32(takes func(set string, i int) string, scales func(t *text, set string)) func(t *text, set string) {
	return func(t *text, set string) {
		for i := range 8 {
			t.line("%s // numbers %d..%d", takes(set, i), 4*i, 4*i+3)
			t.quad("%c", "%origin")
			t.dot(fmt.Sprintf("%%dot%d", i/4), 4*i, i%4 == 0)
		}
		t.line("add.f32 %%dot0, %%dot0, %%dot1;")
		scales(t, set)
	}
}

// rowOf64 is the row of a format whose unit of 64 numbers has four scales.
func rowOf64(takes func(set string, i int) string, scales func(t *text, set string)) func(t *text, set string) {
	return func(t *text, set string) {
		for i := range 16 {
			t.line("%s // numbers %d..%d", takes(set, i), 4*i, 4*i+3)
			t.quad("%c", "%origin")
			t.dot(fmt.Sprintf("%%dot%d", i/4), 4*i, i%4 == 0)
		}
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

// sixBitScaleAndMin ends a row of Q4_K and Q5_K. Their record s is d, dm and 8 times 12
// bits; the lane's 12 bits lie in two neighbouring words.
func sixBitScaleAndMin(t *text, set string) {
	t.line("mov.b32 {%%lo, %%hi}, %%s%s0; cvt.f32.f16 %%d, %%lo; cvt.f32.f16 %%m, %%hi;", set)
	t.line("selp.b32 %%c, %%s%s2, %%s%s3, %%early; selp.b32 %%c, %%s%s1, %%c, %%first; // the word with the lane's lowest bit", set, set, set)
	t.line("selp.b32 %%e, %%s%s2, %%s%s3, %%first; // the word after it", set, set)
	t.line("shf.r.wrap.b32 %%c, %%c, %%e, %%shift; // scale | minimum << 6")
	t.line("and.b32 %%e, %%c, 63; or.b32 %%e, %%e, %%two23; sub.f32 %%e, %%e, %s; mul.f32 %%d, %%d, %%e; // d * scale", float(1<<23))
	t.line("bfe.u32 %%c, %%c, 6, 6; or.b32 %%c, %%c, %%two23; sub.f32 %%c, %s, %%c; mul.f32 %%m, %%m, %%c; // -dm * minimum", float(1<<23))
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

// sixBitScales ends a row of Q3_K: the lane's 24 bits lie in two neighbouring words.
func sixBitScales(t *text, set string) {
	t.line("mov.b32 {%%lo, %%hi}, %%s%s3; cvt.f32.f16 %%d, %%lo;", set)
	t.line("selp.b32 %%c, %%s%s1, %%s%s2, %%early; selp.b32 %%c, %%s%s0, %%c, %%first; // the word with the lane's lowest bit", set, set, set)
	t.line("selp.b32 %%e, %%s%s1, %%s%s2, %%first; // the word after it", set, set)
	t.line("shf.r.wrap.b32 %%c, %%c, %%e, %%shift; // four scales + 32, 6 bits each")
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

func rowF32(t *text, set string) {
	for i := range 4 {
		t.line("fma.rn.f32 %%acc, %%w%s%d, %%x%d, %%acc;", set, i, i)
	}
}

func rowF16(t *text, set string) {
	for i := range 4 {
		t.line("mov.b32 {%%lo, %%hi}, %%w%s%d; cvt.f32.f16 %%v0, %%lo; cvt.f32.f16 %%v1, %%hi;", set, i)
		t.line("fma.rn.f32 %%acc, %%v0, %%x%d, %%acc; fma.rn.f32 %%acc, %%v1, %%x%d, %%acc;", 2*i, 2*i+1)
	}
}

func rowBF16(t *text, set string) {
	for i := range 4 {
		t.line("shl.b32 %%v0, %%w%s%d, 16; and.b32 %%v1, %%w%s%d, 0xFFFF0000; // a bfloat16 is the upper half of a float32", set, i, set, i)
		t.line("fma.rn.f32 %%acc, %%v0, %%x%d, %%acc; fma.rn.f32 %%acc, %%v1, %%x%d, %%acc;", 2*i, 2*i+1)
	}
}
