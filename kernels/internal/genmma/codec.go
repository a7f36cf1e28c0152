package main

import (
	"fmt"
	"strings"
)

// codec is a quantised weight format as the tensor-core kernels read it: package
// cuda/repack defines the planes.
//
// Of a row of w a thread owns every second record of `unit` numbers, and turns 32 of its
// numbers at a time into f16: a turn. What it keeps of a plane between turns are the
// words of one load, from which each turn takes the first and moves the others up.
type codec struct {
	format   string
	blockLen int // K is a multiple of it
	unit     int // numbers of a record of codes: 32 or 64
	planes   []plane
	value    string // how a number comes about
	picture  []string
	origin   int                         // the code that stands for 0
	minima   bool                        // there is something to add
	quad     func(r namer, i int) string // puts codes 4i..4i+3 into %c, one to a byte
	scales   func(t *text, eight int)    // matmul, before piece `eight` of a turn: sets the scale (and minimum) if they change there
	wide     bool                        // scales sets %df (and %mf), else %scale (and %min)
	advance  []string                    // matmul, after a turn
	regs     []string

	ofRow   func(t *text, row byte)        // matfew: what a row's record needs of its scales
	ofPiece func(t *text, row byte, i int) // matfew: the scale of piece i of 8 numbers, where a record has several
}

// plane is one matrix of records, and how a thread reads it.
type plane struct {
	Name    string
	Numbers int  // of a row that a record serves
	Bytes   int  // of a record
	Load    int  // bytes of a load
	Turns   int  // from load to load
	Own     bool // the load is the thread's own record; else one that its neighbour loads too
}

// Param is the name of the kernel's parameter.
func (p plane) Param() string { return strings.TrimSuffix(p.Name, "_") }

// words is the registers of a load.
func (p plane) words() int { return max(1, p.Load/4) }

func (p plane) declare() string {
	if p.Load == 2 {
		return fmt.Sprintf(".reg .b16 %%%s0;", p.Name)
	}
	return fmt.Sprintf(".reg .b32 %%%s<%d>;", p.Name, p.words())
}

// load reads a plane's words for the turn %turn, a multiple of p.Turns, of the thread
// with record %record of the unit; %row_NAME is the address of the row.
func (p plane) load(unit int) string {
	var regs []string
	for i := range p.words() {
		regs = append(regs, fmt.Sprintf("%%%s%d", p.Name, i))
	}
	kind := map[int]string{2: "b16", 4: "b32", 8: "v2.b32", 16: "v4.b32"}[p.Load]
	list := strings.Join(regs, ", ")
	if len(regs) > 1 {
		list = "{" + list + "}"
	}
	index, bytes := "%record", p.Load
	if !p.Own {
		// 64 numbers of a row are a turn of two threads
		index, bytes = "%turn", 64*p.Bytes/p.Numbers
		if bytes == 0 {
			return fmt.Sprintf("shr.u32 %%e, %%turn, %d; mad.wide.u32 %%at, %%e, %d, %%row_%s; ld.global.nc.%s %s, [%%at];",
				log2(p.Numbers/64), p.Bytes, p.Name, kind, list)
		}
	}
	return fmt.Sprintf("mad.wide.u32 %%at, %s, %d, %%row_%s; ld.global.nc.%s %s, [%%at];", index, bytes, p.Name, kind, list)
}

// log2 is exact: n is a power of two.
func log2(n int) int {
	l := 0
	for n > 1 {
		n /= 2
		l++
	}
	return l
}

// text collects lines of PTX.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) {
	fmt.Fprintf(t, format, args...)
	t.WriteByte('\n')
}

// namer is the register that holds a word of a plane's record.
type namer func(plane string, word int) string

// first are the registers of a thread with one record.
func first(plane string, word int) string { return fmt.Sprintf("%%%s%d", plane, word) }

// half is where eight numbers go, and what makes them of their codes.
type half struct{ out, scale, min string }

// eight turns piece i, numbers 8i..8i+7, into four pairs of f16: a byte below the exponent of
// 1024 is the number 1024 + code.
func (c codec) eight(t *text, r namer, i int, h half) {
	for quad := range 2 {
		a, b := fmt.Sprintf("%s%d", h.out, 2*quad), fmt.Sprintf("%s%d", h.out, 2*quad+1)
		t.line("%s // codes %d..%d", c.quad(r, 2*i+quad), 8*i+4*quad, 8*i+4*quad+3)
		t.line("prmt.b32 %s, %%c, %%k1024, 0x4140; prmt.b32 %s, %%c, %%k1024, 0x4342;", a, b)
		t.line("sub.rn.f16x2 %s, %s, %%origin; sub.rn.f16x2 %s, %s, %%origin;", a, a, b, b)
		if c.minima {
			t.line("fma.rn.f16x2 %s, %s, %s, %s; fma.rn.f16x2 %s, %s, %s, %s;", a, a, h.scale, h.min, b, b, h.scale, h.min)
		} else {
			t.line("mul.rn.f16x2 %s, %s, %s; mul.rn.f16x2 %s, %s, %s;", a, a, h.scale, b, b, h.scale)
		}
	}
}

// fresh says whether a scale begins at piece `eight` of a turn.
func (c codec) fresh(eight int) bool { return eight == 0 || eight == 2 && c.unit == 64 }

// halfScales sets %scale and %min, twice the same f16, before piece `eight`.
func (c codec) halfScales(t *text, eight int) {
	c.scales(t, eight)
	if !c.fresh(eight) || !c.wide {
		return
	}
	t.line("cvt.rn.f16x2.f32 %%scale, %%df, %%df;")
	if c.minima {
		t.line("cvt.rn.f16x2.f32 %%min, %%mf, %%mf;")
	}
}

// floatScales sets %df and %mf.
func (c codec) floatScales(t *text, eight int) {
	c.scales(t, eight)
	if !c.fresh(eight) || c.wide {
		return
	}
	t.line("mov.b32 {%%lo, %%hi}, %%scale; cvt.f32.f16 %%df, %%lo;")
	if c.minima {
		t.line("mov.b32 {%%lo, %%hi}, %%min; cvt.f32.f16 %%mf, %%lo;")
	}
}

// bytesPerNumber is the size of the planes, over numbers.
func (c codec) bytesPerNumber() string {
	sum := 0.0
	for _, p := range c.planes {
		sum += float64(p.Bytes) / float64(p.Numbers)
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.6f", sum), "0"), ".")
}
