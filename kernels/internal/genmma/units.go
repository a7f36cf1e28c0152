package main

import "fmt"

// Codes, four to a word. Registers: %c is the result, %e a temporary.

// nibbles takes quad i, four bits of each code, out of its word.
func nibbles(word string, i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("and.b32 %%c, %s, 0x0F0F0F0F;", word)
	}
	return fmt.Sprintf("shr.u32 %%c, %s, 4; and.b32 %%c, %%c, 0x0F0F0F0F;", word)
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

// pairs takes quad i of two-bit codes out of its word.
func pairs(word string, i int) string {
	if i%4 == 0 {
		return fmt.Sprintf("and.b32 %%c, %s, 0x03030303;", word)
	}
	return fmt.Sprintf("shr.u32 %%c, %s, %d; and.b32 %%c, %%c, 0x03030303;", word, i%4*2)
}

// Scales of matmul: pairs of the same f16 where they are stored so, else %df and %mf in f32 (see
// codec.wide). %odd is true in the thread of the second record.

// both does two things before the first piece.
func both(a, b func(t *text, eight int)) func(t *text, eight int) {
	return func(t *text, eight int) { a(t, eight); b(t, eight) }
}

// ownHigh chooses the thread's word of a plane that both threads of a pair load.
func ownHigh(t *text, eight int) {
	if eight == 0 {
		t.line("selp.b32 %%high0, %%h1, %%h0, %%odd; // bit 4 of the thread's own 32 codes")
	}
}

// oneScale is a scale for 32 numbers: both halves of %scale are the thread's half of %d0.
func oneScale(t *text, eight int) {
	if eight == 0 {
		t.line("prmt.b32 %%scale, %%d0, 0, %%half; // d, d")
	}
}

// scaleAndMin is a scale and a minimum, as they are stored.
func scaleAndMin(t *text, eight int) {
	if eight == 0 {
		t.line("selp.b32 %%c, %%dm1, %%dm0, %%odd; prmt.b32 %%scale, %%c, 0, 0x1010; prmt.b32 %%min, %%c, 0, 0x3232;")
	}
}

// Planes that are loaded for four or two turns.
func advanceFour(p string) []string {
	return []string{fmt.Sprintf("mov.b32 %%%s0, %%%s1; mov.b32 %%%s1, %%%s2; mov.b32 %%%s2, %%%s3;", p, p, p, p, p, p)}
}

func advanceTwo(p string) []string {
	return []string{fmt.Sprintf("mov.b32 %%%s0, %%%s2; mov.b32 %%%s1, %%%s3;", p, p, p, p)}
}

// sixBitScaleAndMin is Q4_K's and Q5_K's: of the 96 bits that begin in %s1 the first 24
// are those of the pair of threads.
func sixBitScaleAndMin(t *text, eight int) {
	if eight != 0 {
		return
	}
	t.line("shr.u32 %%c, %%s1, %%half; // scale | minimum << 6")
	t.line("mov.b32 {%%lo, %%hi}, %%s0; cvt.f32.f16 %%df, %%lo; cvt.f32.f16 %%mf, %%hi;")
	t.line("and.b32 %%e, %%c, 63; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%df, %%df, %%sf; // d * scale")
	t.line("bfe.u32 %%e, %%c, 6, 6; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%mf, %%mf, %%sf; neg.f32 %%mf, %%mf; // -dm * minimum")
}

var twelveBitTurn = []string{"shf.r.wrap.b32 %s1, %s1, %s2, 24; shf.r.wrap.b32 %s2, %s2, %s3, 24; shr.u32 %s3, %s3, 24; // the next two sub-blocks"}

// Units of 64 numbers: a turn is half of one, with two scales of 16 numbers each.

// codesOf64 moves the second half's words of codes to the front.
func codesOf64() []string { return []string{"mov.b32 %q0, %q2; mov.b32 %q1, %q3;"} }

// scalesOf64: a word of s holds four scales of a unit, and a load two words for each of
// two threads.
func scalesOf64() []string {
	return []string{
		"shr.u32 %s0, %s0, 16; shr.u32 %s1, %s1, 16; // the scales of the second half",
		"@%last mov.b32 %s0, %s2; @%last mov.b32 %s1, %s3; // of the next unit",
	}
}

// twoOfQ2_K: a byte is scale | minimum << 4.
func twoOfQ2_K(t *text, eight int) {
	switch eight {
	case 0:
		t.line("selp.b32 %%two, %%s1, %%s0, %%odd; // scale | minimum << 4, of 16 numbers each")
	case 2:
		t.line("shr.u32 %%two, %%two, 8;")
	default:
		return
	}
	t.line("mov.b32 {%%lo, %%hi}, %%dm0; cvt.f32.f16 %%df, %%lo; cvt.f32.f16 %%mf, %%hi;")
	t.line("and.b32 %%e, %%two, 15; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%df, %%df, %%sf; // d * scale")
	t.line("bfe.u32 %%e, %%two, 4, 4; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%mf, %%mf, %%sf; neg.f32 %%mf, %%mf; // -dm * minimum")
}

// twoOfQ6_K: a byte is a signed scale.
func twoOfQ6_K(t *text, eight int) {
	switch eight {
	case 0:
		t.line("selp.b32 %%two, %%s1, %%s0, %%odd; // scales of 16 numbers each")
		t.line("bfe.s32 %%e, %%two, 0, 8;")
	case 2:
		t.line("bfe.s32 %%e, %%two, 8, 8;")
	default:
		return
	}
	t.line("cvt.rn.f32.s32 %%sf, %%e; cvt.f32.f16 %%df, %%d0; mul.rn.f32 %%df, %%df, %%sf; // d * scale")
}

// sixBitTurns: the next two scales of this unit, or those of the next pair of units.
var sixBitTurns = []string{
	"shf.r.wrap.b32 %s0, %s0, %s1, 12; shf.r.wrap.b32 %s1, %s1, %s2, 12; shr.u32 %s2, %s2, 12; // the next two scales",
	"@%last shf.r.wrap.b32 %s0, %s0, %s1, 24; @%last shf.r.wrap.b32 %s1, %s1, %s2, 24; @%last shr.u32 %s2, %s2, 24; // of the next two units",
}

// twoOfQ3_K: the 96 bits that begin in %s0 are scales of 6 bits; of 48 bits for two turns
// of two threads, the second thread's begin at bit 24.
func twoOfQ3_K(t *text, eight int) {
	switch eight {
	case 0:
		t.line("shf.r.wrap.b32 %%two, %%s0, %%s1, %%half; // scales + 32 of 16 numbers each, 6 bits")
	case 2:
		t.line("shr.u32 %%two, %%two, 6;")
	default:
		return
	}
	t.line("and.b32 %%e, %%two, 63; sub.s32 %%e, %%e, 32; cvt.rn.f32.s32 %%sf, %%e;")
	t.line("cvt.u16.u32 %%lo, %%s3; cvt.f32.f16 %%df, %%lo; mul.rn.f32 %%df, %%df, %%sf; // d * scale")
}

// Scales of matfew, whose planes of scales lie in shared memory: %NAME_at_g is the address of
// row g. %record is the lane's record.

// shared reads what record %record >> shift of a plane holds, at an offset.
func shared(t *text, op, dst, plane string, row byte, shift, bytes, offset int) {
	index := "%record"
	if shift > 0 {
		t.line("shr.u32 %%byte, %%record, %d;", shift)
		index = "%byte"
	}
	t.line("mad.lo.u32 %%s_at, %s, %d, %%%s_at_%c; ld.shared.%s %s, [%%s_at+%d];", index, bytes, plane, row, op, dst, offset)
}

func fewOneScale(t *text, row byte) {
	shared(t, "b16", "%lo", "d", row, 0, 2, 0)
	t.line("mov.b32 %%scale_%c, {%%lo, %%lo}; // d, d", row)
}

func fewScaleAndMin(t *text, row byte) {
	shared(t, "b32", "%c", "dm", row, 0, 4, 0)
	t.line("prmt.b32 %%scale_%c, %%c, 0, 0x1010; prmt.b32 %%min_%c, %%c, 0, 0x3232;", row, row)
}

func fewHigh(t *text, row byte) { shared(t, "b32", fmt.Sprintf("%%high_%c", row), "h", row, 0, 4, 0) }

func bothOfRow(a, b func(t *text, row byte)) func(t *text, row byte) {
	return func(t *text, row byte) { a(t, row); b(t, row) }
}

// fewSixBits is Q4_K's and Q5_K's: d, dm, then 12 bits for each sub-block.
func fewSixBits(t *text, row byte) {
	shared(t, "b32", "%c", "s", row, 3, 16, 0)
	t.line("mov.b32 {%%lo, %%hi}, %%c; cvt.f32.f16 %%df, %%lo; cvt.f32.f16 %%mf, %%hi;")
	t.line("and.b32 %%byte, %%record, 7; mul.lo.u32 %%e, %%byte, 12; shr.u32 %%byte, %%e, 3; add.u32 %%s_at, %%s_at, %%byte; and.b32 %%e, %%e, 7; // the sub-block's first bit")
	t.line("ld.shared.u8 %%c, [%%s_at+4]; ld.shared.u8 %%byte, [%%s_at+5]; shl.b32 %%byte, %%byte, 8; or.b32 %%c, %%c, %%byte; shr.u32 %%c, %%c, %%e; // scale | minimum << 6")
	t.line("and.b32 %%e, %%c, 63; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%df, %%df, %%sf; cvt.rn.f16x2.f32 %%scale_%c, %%df, %%df; // d * scale", row)
	t.line("bfe.u32 %%e, %%c, 6, 6; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%mf, %%mf, %%sf; neg.f32 %%mf, %%mf; cvt.rn.f16x2.f32 %%min_%c, %%mf, %%mf; // -dm * minimum", row)
}

func fewQ2_K(t *text, row byte) {
	shared(t, "b32", fmt.Sprintf("%%two_%c", row), "s", row, 0, 4, 0)
	shared(t, "b32", "%c", "dm", row, 2, 4, 0)
	t.line("mov.b32 {%%lo, %%hi}, %%c; cvt.f32.f16 %%df_%c, %%lo; cvt.f32.f16 %%mf_%c, %%hi; neg.f32 %%mf_%c, %%mf_%c;", row, row, row, row)
}

func pieceOfQ2_K(t *text, row byte, i int) {
	if i%2 != 0 {
		return
	}
	t.line("bfe.u32 %%e, %%two_%c, %d, 4; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%sf, %%df_%c, %%sf; cvt.rn.f16x2.f32 %%scale_%c, %%sf, %%sf; // d * scale", row, 4*i, row, row)
	t.line("bfe.u32 %%e, %%two_%c, %d, 4; cvt.rn.f32.u32 %%sf, %%e; mul.rn.f32 %%sf, %%mf_%c, %%sf; cvt.rn.f16x2.f32 %%min_%c, %%sf, %%sf; // -dm * minimum", row, 4*i+4, row, row)
}

// fewQ3_K: 24 bits for a unit begin at byte 3*(record % 4).
func fewQ3_K(t *text, row byte) {
	shared(t, "b16", "%lo", "s", row, 2, 16, 12)
	t.line("cvt.f32.f16 %%df_%c, %%lo;", row)
	t.line("and.b32 %%byte, %%record, 3; mad.lo.u32 %%s_at, %%byte, 3, %%s_at;")
	t.line("ld.shared.u8 %%two_%c, [%%s_at]; ld.shared.u8 %%c, [%%s_at+1]; ld.shared.u8 %%e, [%%s_at+2];", row)
	t.line("shl.b32 %%c, %%c, 8; or.b32 %%two_%c, %%two_%c, %%c; shl.b32 %%e, %%e, 16; or.b32 %%two_%c, %%two_%c, %%e; // scales + 32, 6 bits each", row, row, row, row)
}

func pieceOfQ3_K(t *text, row byte, i int) {
	if i%2 == 0 {
		t.line("bfe.u32 %%e, %%two_%c, %d, 6; sub.s32 %%e, %%e, 32; cvt.rn.f32.s32 %%sf, %%e; mul.rn.f32 %%sf, %%df_%c, %%sf; cvt.rn.f16x2.f32 %%scale_%c, %%sf, %%sf; // d * scale", row, 3*i, row, row)
	}
}

func fewQ6_K(t *text, row byte) {
	shared(t, "b32", fmt.Sprintf("%%two_%c", row), "s", row, 0, 4, 0)
	shared(t, "b16", "%lo", "d", row, 2, 2, 0)
	t.line("cvt.f32.f16 %%df_%c, %%lo;", row)
}

func pieceOfQ6_K(t *text, row byte, i int) {
	if i%2 == 0 {
		t.line("bfe.s32 %%e, %%two_%c, %d, 8; cvt.rn.f32.s32 %%sf, %%e; mul.rn.f32 %%sf, %%df_%c, %%sf; cvt.rn.f16x2.f32 %%scale_%c, %%sf, %%sf; // d * scale", row, 4*i, row, row)
	}
}
