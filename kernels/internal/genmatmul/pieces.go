package main

import "fmt"

// Eight numbers of one row, as matmul and embed read them: %piece is the first number / 8,
// %NAME_row the address of the row in plane NAME; w0..w7 receive the numbers. %at and %g
// are temporaries.

// fetch loads from plane name at byte (piece >> shift) * bytes of the row.
func fetch(t *text, op, dst, name string, shift, bytes int, note string) {
	from := "%piece"
	if shift > 0 {
		t.line("shr.u32 %%g, %%piece, %d;", shift)
		from = "%g"
	}
	t.line("mad.wide.u32 %%at, %s, %d, %%%s_row; %s %s, [%%at]; // %s", from, bytes, name, op, dst, note)
}

const (
	ld32 = "ld.global.nc.b32"
	ld16 = "ld.global.nc.b16"
	ld8  = "ld.global.nc.u8"
)

// eightScaled turns the two quads %c and %e into numbers: (code - origin) * d, and + m if
// the format has minima.
func eightScaled(t *text, minima bool) {
	t.toFloats("%w", 0, "%c", "%origin")
	t.toFloats("%w", 4, "%e", "%origin")
	for i := 0; i < 8; i += 4 {
		for j := i; j < i+4; j++ {
			fmt.Fprintf(t, "mul.rn.f32 %%w%d, %%w%d, %%d; ", j, j)
		}
		t.line("")
	}
	if !minima {
		return
	}
	for i := 0; i < 8; i += 4 {
		for j := i; j < i+4; j++ {
			fmt.Fprintf(t, "add.rn.f32 %%w%d, %%w%d, %%m; ", j, j)
		}
		t.line("")
	}
}

// eightNibbles takes both quads of a piece out of word %q.
func eightNibbles(t *text) {
	t.line("and.b32 %%c, %%q, 0x0F0F0F0F; shr.u32 %%e, %%q, 4; and.b32 %%e, %%e, 0x0F0F0F0F; // codes of numbers 0..3 and 4..7")
}

// eightPairs takes both quads of a piece out of word %q: its half of 16 numbers.
func eightPairs(t *text) {
	t.line("and.b32 %%g, %%piece, 1; shl.b32 %%g, %%g, 2; shr.u32 %%c, %%q, %%g; // the piece's half of 16 numbers")
	t.line("shr.u32 %%e, %%c, 2; and.b32 %%c, %%c, 0x03030303; and.b32 %%e, %%e, 0x03030303;")
}

// eightBits puts one more bit on both quads, out of the word %h of 32 numbers.
func eightBits(t *text, to int) {
	t.line("and.b32 %%g, %%piece, 3; shl.b32 %%g, %%g, 1; shr.u32 %%h, %%h, %%g; // the piece's quarter of 32 numbers")
	t.line("and.b32 %%g, %%h, 0x01010101; shl.b32 %%g, %%g, %d; or.b32 %%c, %%c, %%g;", to)
	t.line("shr.u32 %%h, %%h, 1; and.b32 %%g, %%h, 0x01010101; shl.b32 %%g, %%g, %d; or.b32 %%e, %%e, %%g;", to)
}

func halfScale(t *text) { t.line("cvt.f32.f16 %%d, %%d16;") }

func halfScaleAndMin(t *text) {
	t.line("mov.b32 {%%lo, %%hi}, %%dm; cvt.f32.f16 %%d, %%lo; cvt.f32.f16 %%m, %%hi;")
}

// loadNibbles is the load of a format with 32 numbers to a record.
func loadNibbles(high bool, scale string) func(t *text) {
	return func(t *text) {
		fetch(t, ld32, "%q", "q", 0, 4, "8 codes, low bits")
		if high {
			fetch(t, ld32, "%h", "h", 2, 4, "high bits of 32 codes")
		}
		if scale == "d" {
			fetch(t, ld16, "%d16", "d", 2, 2, "scale")
		}
		if scale == "dm" {
			fetch(t, ld32, "%dm", "dm", 2, 4, "scale and minimum")
		}
	}
}

// loadScaleMins is the rest of the load for Q4_K and Q5_K: d and dm, and the two bytes of
// the record in which the 12 bits of the piece's 32 numbers lie.
func loadScaleMins(t *text) {
	t.line("shr.u32 %%g, %%piece, 5; mad.wide.u32 %%at, %%g, 16, %%s_row; ld.global.nc.b32 %%dm, [%%at]; // the super-block's d and dm")
	t.line("bfe.u32 %%g, %%piece, 2, 3; mul.lo.u32 %%g, %%g, 12; shr.u32 %%e, %%g, 3; and.b32 %%shift, %%g, 7; // bit 12 * sub-block")
	t.line("cvt.u64.u32 %%byte, %%e; add.u64 %%at, %%at, %%byte;")
	t.line("ld.global.nc.u8 %%s_lo, [%%at+4]; ld.global.nc.u8 %%s_hi, [%%at+5];")
}

// scaleMins makes %d and %m of it.
func scaleMins(t *text) {
	halfScaleAndMin(t)
	t.line("shl.b32 %%g, %%s_hi, 8; or.b32 %%g, %%g, %%s_lo; shr.u32 %%g, %%g, %%shift; // scale | minimum << 6")
	t.line("and.b32 %%h, %%g, 63; cvt.rn.f32.u32 %%s, %%h; mul.rn.f32 %%d, %%d, %%s;")
	t.line("bfe.u32 %%h, %%g, 6, 6; cvt.rn.f32.u32 %%s, %%h; mul.rn.f32 %%m, %%m, %%s; neg.f32 %%m, %%m;")
}

func loadQ8_0(t *text) {
	t.line("and.b32 %%g, %%piece, 2; setp.eq.u32 %%p, %%g, 0; selp.b64 %%at, %%q0_row, %%q1_row, %%p; // which half of 32 numbers")
	t.line("and.b32 %%g, %%piece, 1; shr.u32 %%q, %%piece, 2; shl.b32 %%q, %%q, 1; add.u32 %%g, %%g, %%q;")
	t.line("mad.wide.u32 %%at, %%g, 8, %%at; ld.global.nc.v2.b32 {%%q, %%h}, [%%at]; // 8 codes")
	fetch(t, ld16, "%d16", "d", 2, 2, "scale")
}

func eightQ8_0(t *text) {
	t.line("xor.b32 %%c, %%q, 0x80808080; xor.b32 %%e, %%h, 0x80808080; // code + 128")
	halfScale(t)
	eightScaled(t, false)
}

func loadQ2_K(t *text) {
	fetch(t, ld32, "%q", "q", 1, 4, "16 codes")
	fetch(t, ld8, "%s_lo", "s", 1, 1, "scale and minimum of 16 numbers")
	fetch(t, ld32, "%dm", "dm", 5, 4, "the super-block's d and dm")
}

func eightQ2_K(t *text) {
	eightPairs(t)
	halfScaleAndMin(t)
	t.line("and.b32 %%h, %%s_lo, 15; cvt.rn.f32.u32 %%s, %%h; mul.rn.f32 %%d, %%d, %%s;")
	t.line("shr.u32 %%h, %%s_lo, 4; cvt.rn.f32.u32 %%s, %%h; mul.rn.f32 %%m, %%m, %%s; neg.f32 %%m, %%m;")
	eightScaled(t, true)
}

func loadQ3_K(t *text) {
	fetch(t, ld32, "%q", "q", 1, 4, "16 codes, low bits")
	fetch(t, ld32, "%h", "h", 2, 4, "high bits of 32 codes")
	t.line("shr.u32 %%g, %%piece, 5; mad.wide.u32 %%at, %%g, 16, %%s_row; ld.global.nc.b16 %%d16, [%%at+12]; // the super-block's d")
	t.line("bfe.u32 %%g, %%piece, 1, 4; mul.lo.u32 %%g, %%g, 6; shr.u32 %%e, %%g, 3; and.b32 %%shift, %%g, 7; // bit 6 * sub-block")
	t.line("cvt.u64.u32 %%byte, %%e; add.u64 %%at, %%at, %%byte;")
	t.line("ld.global.nc.u8 %%s_lo, [%%at]; ld.global.nc.u8 %%s_hi, [%%at+1];")
}

func eightQ3_K(t *text) {
	eightPairs(t)
	eightBits(t, 2)
	halfScale(t)
	t.line("shl.b32 %%g, %%s_hi, 8; or.b32 %%g, %%g, %%s_lo; shr.u32 %%g, %%g, %%shift; and.b32 %%g, %%g, 63; // scale + 32")
	t.line("sub.s32 %%g, %%g, 32; cvt.rn.f32.s32 %%s, %%g; mul.rn.f32 %%d, %%d, %%s;")
	eightScaled(t, false)
}

func loadQ6_K(t *text) {
	t.line("and.b32 %%g, %%piece, 4; setp.eq.u32 %%p, %%g, 0; selp.b64 %%at, %%q0_row, %%q1_row, %%p; // which half of 64 numbers")
	t.line("and.b32 %%g, %%piece, 3; shr.u32 %%q, %%piece, 3; shl.b32 %%q, %%q, 2; add.u32 %%g, %%g, %%q;")
	t.line("mad.wide.u32 %%at, %%g, 4, %%at; ld.global.nc.b32 %%q, [%%at]; // 8 codes, low bits")
	fetch(t, ld32, "%h", "h", 1, 4, "high bits of 16 codes")
	fetch(t, "ld.global.nc.s8", "%s_lo", "s", 1, 1, "scale of 16 numbers")
	fetch(t, ld16, "%d16", "d", 5, 2, "the super-block's d")
}

func eightQ6_K(t *text) {
	eightNibbles(t)
	t.line("and.b32 %%g, %%piece, 1; shl.b32 %%g, %%g, 2; shr.u32 %%h, %%h, %%g; // the piece's half of 16 numbers")
	t.line("and.b32 %%g, %%h, 0x03030303; shl.b32 %%g, %%g, 4; or.b32 %%c, %%c, %%g;")
	t.line("shr.u32 %%h, %%h, 2; and.b32 %%g, %%h, 0x03030303; shl.b32 %%g, %%g, 4; or.b32 %%e, %%e, %%g;")
	halfScale(t)
	t.line("cvt.rn.f32.s32 %%s, %%s_lo; mul.rn.f32 %%d, %%d, %%s;")
	eightScaled(t, false)
}

// Floats. Rows are padded with zeros to 16 bytes, so a piece that begins before K may be
// read in whole as F16 and BF16; of F32 the second half may not be there.

func loadHalves(t *text) {
	t.line("mov.b32 %%q0, 0; mov.b32 %%q1, 0; mov.b32 %%q2, 0; mov.b32 %%q3, 0; // zeros past the end of the row")
	t.line("shl.b32 %%g, %%piece, 3; setp.lt.u32 %%p, %%g, %%K;")
	t.line("mad.wide.u32 %%at, %%piece, 16, %%w_row;")
	t.line("@%%p ld.global.nc.v4.b32 {%%q0, %%q1, %%q2, %%q3}, [%%at];")
}

func loadF32(t *text) {
	t.line("mov.b32 %%w0, 0; mov.b32 %%w1, 0; mov.b32 %%w2, 0; mov.b32 %%w3, 0; // zeros past the end of the row")
	t.line("mov.b32 %%w4, 0; mov.b32 %%w5, 0; mov.b32 %%w6, 0; mov.b32 %%w7, 0;")
	t.line("shl.b32 %%g, %%piece, 3; setp.lt.u32 %%p, %%g, %%K;")
	t.line("mad.wide.u32 %%at, %%piece, 32, %%w_row;")
	t.line("@%%p ld.global.nc.v4.f32 {%%w0, %%w1, %%w2, %%w3}, [%%at];")
	t.line("add.u32 %%g, %%g, 4; setp.lt.u32 %%p, %%g, %%K;")
	t.line("@%%p ld.global.nc.v4.f32 {%%w4, %%w5, %%w6, %%w7}, [%%at+16];")
}

func eightF16(t *text) {
	for i := range 4 {
		t.line("mov.b32 {%%lo, %%hi}, %%q%d; cvt.f32.f16 %%w%d, %%lo; cvt.f32.f16 %%w%d, %%hi;", i, 2*i, 2*i+1)
	}
}

func eightBF16(t *text) {
	for i := range 4 {
		t.line("shl.b32 %%w%d, %%q%d, 16; and.b32 %%w%d, %%q%d, 0xFFFF0000;", 2*i, i, 2*i+1, i)
	}
}
