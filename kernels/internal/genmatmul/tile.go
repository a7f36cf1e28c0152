package main

import "strings"

// tile is the data of matmul.ptx.tmpl and embed.ptx.tmpl.
type tile struct {
	Name, Format, Picture  string
	BlockLen               int
	Float                  bool
	Planes                 []plane
	BytesPerNumber         string
	Strides, Registers     string
	Prepare, Load, Numbers string
	Four, Eight            []int
}

func newTile(c codec) tile {
	load, eight, prepare, registers := &text{}, &text{}, &text{}, &text{}
	c.load(load)
	c.eight(eight)
	for _, r := range c.regs {
		registers.line("%s", r)
	}
	if !c.isFloat() {
		registers.line(".reg .b32 %%c, %%e, %%two23; .reg .f32 %%origin, %%d, %%m; // two quads: four codes to a word, one to a byte")
		prepare.line("mov.b32 %%two23, 0x4B000000; // the bits of 2^23: with a byte below them, 2^23 + byte")
		prepare.line("mov.f32 %%origin, %s; // 2^23 + %d", float(float32(1<<23+c.origin)), c.origin)
	} else {
		registers.line(".reg .pred %%p;")
	}
	return tile{
		Name: strings.ToLower(c.format), Format: c.format, Picture: pictureLines(c), BlockLen: c.blockLen, Float: c.isFloat(),
		Planes: c.planes, BytesPerNumber: bytesPerNumber(c), Strides: strides(c), Registers: registers.String(),
		Prepare: prepare.String(), Load: load.String(), Numbers: eight.String(),
		Four: []int{0, 1, 2, 3}, Eight: []int{0, 1, 2, 3, 4, 5, 6, 7},
	}
}

// strides are the bytes from row to row, which follow from K.
func strides(c codec) string {
	t := &text{}
	t.line("// bytes from row to row of each plane, rounded up to 16")
	t.line("{")
	t.line(".reg .u32 %%bytes;")
	for _, p := range c.planes {
		c.rowBytes(t, "%bytes", p)
		t.line("cvt.u64.u32 %%%s_stride, %%bytes;", p.Name)
	}
	t.line("}")
	return t.String()
}

// rowBytes makes reg the bytes of a row of a plane.
func (c codec) rowBytes(t *text, reg string, p plane) {
	per := 0 // log2 of numbers per byte
	if p.Bytes > p.Numbers {
		t.line("shl.b32 %s, %%K, %d;", reg, log2(p.Bytes/p.Numbers))
	} else {
		per = log2(p.Numbers / p.Bytes)
		t.line("shr.u32 %s, %%K, %d; // K/%d * %d", reg, per, p.Numbers, p.Bytes)
	}
	if (c.blockLen>>per)%16 != 0 {
		t.line("add.u32 %s, %s, 15; and.b32 %s, %s, 0xFFFFFFF0;", reg, reg, reg, reg)
	}
}
