package main

import (
	"fmt"
	"slices"
)

// matvec with activations rounded to int8: the unit as integers with a scale for each 32
// numbers, and the partial sum of one row by dp4a, four products at a time.

// rounded is the format with integer activations. Rows are loaded four ahead, or two of
// formats with two loads of 16 bytes or more.
func (c codec) rounded() codec {
	c.int8, c.depth = true, 4
	if slices.Contains([]string{"Q8_0", "Q6_K"}, c.format) {
		c.depth = 2
	}
	c.row = codec.rowInt8
	return c
}

const int8Theme = `//
// x is rounded to integers as package format defines activations of 8 bits: in every 32 numbers
// a = rint(x / D), D = max|x| / 127. A lane rounds its own unit, once for all its rows. Of RMSNorm the
// factor that a row's numbers share is left out until the end; it would change D alone.
`

func (c codec) registersInt8(t *text) {
	t.line(".reg .b32 %%c, %%e, %%a<%d>; // four codes, one to a byte; temporary; four activations to a word", c.unit/4)
	t.line(".reg .b32 %%s<4>, %%start<4>, %%pair<2>; // sums of products; where they begin; sums of activations, 16 bits each")
	t.line(".reg .f32 %%D<2>, %%sum0, %%inverse, %%minus, %%d, %%m, %%v<2>; .reg .b16 %%lo, %%hi;")
	if c.record() != "" {
		t.line(".reg .b32 %%at; .reg .pred %%first, %%early; // where in the record s the lane's bits are")
	}
}

// roundX makes a<i> and D<b> of the 32 numbers of x from 32b on.
func (t *text) roundX(b int) {
	from := 32 * b
	t.line("// D%d and the integers of numbers %d..%d", b, from, from+31)
	t.line("mov.b32 %%c, 0;")
	for o := from; o < from+32; o += 4 {
		t.each(o, 4, "and.b32 %%e, %%x%[1]d, 0x7FFFFFFF; max.u32 %%c, %%c, %%e;")
	}
	t.line("mov.b32 %%D%d, %%c; div.rn.f32 %%D%d, %%D%d, 0f42FE0000; // the greatest magnitude / 127", b, b, b)
	t.line("setp.lt.f32 %%p, %%D%d, 0f00800000; @%%p mov.f32 %%D%d, 0f00000000; // no subnormal scale", b, b)
	t.line("setp.gt.f32 %%p, %%D%d, 0f00000000; rcp.rn.f32 %%inverse, %%D%d; @!%%p mov.f32 %%inverse, 0f00000000;", b, b)
	t.line("setp.ge.u32 %%p, %%c, 0x7F800000; @%%p mov.f32 %%D%d, 0f7FC00000; @%%p mov.f32 %%inverse, 0f00000000; // NaN or infinity", b)
	t.line("neg.f32 %%minus, %%D%d;", b)
	t.line("// q = x / D rounded once, by the remainder x - q D; adding 3 * 2^22 rounds it to a whole number, in the low byte")
	for o := from; o < from+32; o += 4 {
		t.each(o, 4, "mul.f32 %%g%[2]d, %%x%[1]d, %%inverse;")
		t.each(o, 4, "fma.rn.f32 %%x%[1]d, %%g%[2]d, %%minus, %%x%[1]d;")
		t.each(o, 4, "fma.rn.f32 %%x%[1]d, %%x%[1]d, %%inverse, %%g%[2]d;")
		t.each(o, 4, "add.f32 %%x%[1]d, %%x%[1]d, 0f4B400000;")
		t.line("prmt.b32 %%c, %%x%d, %%x%d, 0x0040; prmt.b32 %%e, %%x%d, %%x%d, 0x0040; prmt.b32 %%a%d, %%c, %%e, 0x5410;", o, o+1, o+2, o+3, o/4)
	}
}

// sumInt8 makes start<s> = -origin * sum of a, or for minima sum0 = D0 * sum of a, of Q2_K
// the sums of 16 numbers themselves.
func (c codec) sumInt8(t *text) {
	if c.sums == 0 {
		return
	}
	words := c.sums / 4
	for s := range c.unit / c.sums {
		t.line("// the sum of integers %d..%d", c.sums*s, c.sums*(s+1)-1)
		for i := range words {
			before := fmt.Sprintf("%%start%d", s)
			if i == 0 {
				before = "0"
			}
			t.line("dp4a.s32.s32 %%start%d, %%a%d, 0x01010101, %s;", s, words*s+i, before)
		}
	}
	switch {
	case c.format == "Q2_K":
		t.line("prmt.b32 %%pair0, %%start0, %%start1, 0x5410; prmt.b32 %%pair1, %%start2, %%start3, 0x5410;")
	case c.origin == 0:
		t.line("cvt.rn.f32.s32 %%sum0, %%start0; mul.f32 %%sum0, %%sum0, %%D0;")
	default:
		for s := range c.unit / c.sums {
			t.line("mul.lo.s32 %%start%d, %%start%d, %d; // what the codes are too great", s, s, -c.origin)
		}
	}
}

// takeInt8 makes %c the codes of quad i, and says of what type they are.
func (c codec) takeInt8(t *text, set string, i int) (word, kind string) {
	take := map[string]takes{
		"Q4_0": nibbles, "Q4_1": nibbles, "Q4_K": nibbles, "Q5_0": fiveBits, "Q5_1": fiveBits, "Q5_K": fiveBits,
		"Q2_K": pairs, "Q3_K": threeBits, "Q6_K": sixBits,
	}[c.format]
	if take == nil { // Q8_0
		return fmt.Sprintf("%%q%d%s%d", i/4, set, i%4), "s32"
	}
	t.WriteString(take(set, i) + " ")
	return "%c", "u32"
}

// rowInt8 is a row: the sums of products for each scale, then what scales they have.
func (c codec) rowInt8(t *text, set string) {
	sums := c.unit / 16 // two of one scale, or four
	for i := range c.unit / 4 {
		s := i / 4
		before := fmt.Sprintf("%%s%d", s)
		if i%4 == 0 {
			before = "0"
			if c.origin > 0 && c.sums > 0 && (sums == 4 || s == 0) {
				before = fmt.Sprintf("%%start%d", s)
			}
		}
		word, kind := c.takeInt8(t, set, i)
		t.line("dp4a.%s.s32 %%s%d, %s, %%a%d, %s; // numbers %d..%d", kind, s, word, i, before, 4*i, 4*i+3)
	}
	if sums == 2 {
		t.line("add.s32 %%s0, %%s0, %%s1;")
	}
	switch c.format {
	case "Q4_0", "Q5_0", "Q8_0":
		t.line("cvt.rn.f32.s32 %%v0, %%s0; cvt.f32.f16 %%d, %%d%s; mul.f32 %%d, %%d, %%D0;", set)
		t.line("fma.rn.f32 %%acc, %%d, %%v0, %%acc; // d * D * sum (code - origin) a")
	case "Q4_1", "Q5_1":
		t.line("mov.b32 {%%lo, %%hi}, %%dm%s; cvt.f32.f16 %%d, %%lo; cvt.f32.f16 %%m, %%hi; mul.f32 %%d, %%d, %%D0;", set)
		t.line("cvt.rn.f32.s32 %%v0, %%s0; fma.rn.f32 %%acc, %%d, %%v0, %%acc; // d * D * sum code a")
		t.line("fma.rn.f32 %%acc, %%m, %%sum0, %%acc; // m * D * sum a")
	case "Q4_K", "Q5_K":
		twelveBits(t, set)
		t.line("and.b32 %%e, %%c, 63; mul.lo.s32 %%s0, %%s0, %%e; cvt.rn.f32.s32 %%v0, %%s0; // scale * sum code a")
		t.line("mul.f32 %%d, %%d, %%D0; fma.rn.f32 %%acc, %%d, %%v0, %%acc;")
		t.line("bfe.u32 %%c, %%c, 6, 6; cvt.rn.f32.u32 %%v0, %%c; neg.f32 %%m, %%m; mul.f32 %%m, %%m, %%v0; // -dm * minimum")
		t.line("fma.rn.f32 %%acc, %%m, %%sum0, %%acc;")
	case "Q2_K":
		t.line("mov.b32 {%%lo, %%hi}, %%dm%s; cvt.f32.f16 %%d, %%lo; cvt.f32.f16 %%m, %%hi; neg.f32 %%m, %%m;", set)
		c.scaleSums(t, func(j int) string { return fmt.Sprintf("bfe.u32 %%e, %%s%s, %d, 4;", set, 8*j) })
		t.line("shr.u32 %%c, %%s%s, 4; and.b32 %%c, %%c, 0x0F0F0F0F; // minima", set)
		t.line("dp2a.lo.s32.u32 %%s0, %%pair0, %%c, 0; dp2a.hi.s32.u32 %%s2, %%pair1, %%c, 0;")
		t.line("cvt.rn.f32.s32 %%v0, %%s0; cvt.rn.f32.s32 %%v1, %%s2; mul.f32 %%v0, %%v0, %%D0; fma.rn.f32 %%v0, %%v1, %%D1, %%v0;")
		t.line("fma.rn.f32 %%acc, %%m, %%v0, %%acc; // - dm * sum of minimum * D * sum a")
	case "Q3_K":
		twentyFourBits(t, set)
		c.scaleSums(t, func(j int) string { return fmt.Sprintf("bfe.u32 %%e, %%c, %d, 6; sub.s32 %%e, %%e, 32;", 6*j) })
	case "Q6_K":
		t.line("cvt.f32.f16 %%d, %%d%s;", set)
		c.scaleSums(t, func(j int) string { return fmt.Sprintf("bfe.s32 %%e, %%s%s, %d, 8;", set, 8*j) })
	}
}

// scaleSums adds d times the four sums with their scales, which scale puts into %e.
func (c codec) scaleSums(t *text, scale func(j int) string) {
	for j := 0; j < 4; j += 2 {
		t.line("%s mul.lo.s32 %%s%d, %%s%d, %%e; %s mad.lo.s32 %%s%d, %%s%d, %%e, %%s%d; cvt.rn.f32.s32 %%v%d, %%s%d; // scale * sum (code - origin) a",
			scale(j), j, j, scale(j+1), j, j+1, j, j/2, j)
	}
	t.line("mul.f32 %%v0, %%v0, %%D0; fma.rn.f32 %%v0, %%v1, %%D1, %%v0; fma.rn.f32 %%acc, %%d, %%v0, %%acc;")
}
