package main

import (
	"fmt"
	"strings"
)

// few is the data of few.ptx.tmpl.
type few struct {
	Name, Format, Picture, Type, Error string
	BytesPerNumber                     string
	Planes                             []plane
	Direct, Scales                     []plane // planes by how they are read: into registers, through shared memory
	Scaled, Quant, Minima              bool
	Unit, Chunk                        int // numbers of a record, and of what a warp loads at a time
	Origin                             int
	Sets                               int // of registers for records
	labels                             int // so far

	Registers, Rows, Loops, Prologue string
	Fill, ScaleRows                  string
}

const rowsOfLane = "gh" // a lane has rows g and h = g + 8 of 16

// newFew is the kernel of a float format (quant nil), "f16" or "bf16", or of a quantised one.
func newFew(float string, quant *codec) few {
	f := few{Type: "f16", Scaled: true, Quant: quant != nil, Unit: 8, Chunk: 128, Sets: 2}
	c := codec{planes: []plane{{Name: "q", Numbers: 8, Bytes: 16, Load: 16, Own: true}}, unit: 8}
	if quant != nil {
		c = *quant
		m := newMatmul("", quant, shapes[0])
		f.Name, f.Format, f.Picture, f.Error, f.BytesPerNumber = m.Name, m.Format, m.Picture, m.Error, m.BytesPerNumber
		f.Planes, f.Unit, f.Origin, f.Minima = c.planes, c.unit, c.origin, c.minima
		f.Chunk = 4 * c.unit
	} else {
		m := newMatmul(float, nil, shapes[0])
		f.Name, f.Format, f.Picture, f.Error, f.BytesPerNumber = m.Name, m.Format, m.Picture, m.Error, m.BytesPerNumber
		f.Planes, f.Type, f.Scaled = m.Planes, m.Type, m.Scaled
	}
	for _, p := range c.planes {
		if p.Own {
			f.Direct = append(f.Direct, p)
		} else {
			f.Scales = append(f.Scales, p)
		}
	}
	if len(f.Direct) == 1 && f.Unit == 32 {
		f.Sets = 3
	}
	f.texts(c)
	return f
}

// pieces is how many pieces of 16 bytes of x a lane meets in a chunk.
func (f *few) pieces() int { return f.Chunk / 32 }

// loads is how many records of each plane a lane loads in a chunk, for each of its rows.
func (f *few) loads() int { return f.Chunk / 4 / f.Unit }

// name is the register of a word of a set.
func (f *few) name(p plane, set, load int, row byte, word int) string {
	return fmt.Sprintf("%%%s_%d%c%d_%d", strings.TrimSuffix(p.Name, "_"), set, row, load, word)
}

func (f *few) texts(c codec) {
	regs, rows, fill, scaleRows := &text{}, &text{}, &text{}, &text{}
	for set := range f.Sets {
		var names []string
		for _, p := range f.Direct {
			for load := range f.loads() {
				for _, row := range []byte(rowsOfLane) {
					names = append(names, fmt.Sprintf("%s<%d>", strings.TrimSuffix(f.name(p, set, load, row, 0), "0"), p.words()))
				}
			}
		}
		regs.line(".reg .b32 %s; // set %d of records", strings.Join(names, ", "), set)
	}
	if f.Quant {
		regs.line(".reg .b32 %%c, %%e, %%w<4>, %%u<4>, %%origin, %%k1024; // four codes, a byte each; temporary; eight numbers of rows g and h")
		regs.line(".reg .b32 %%scale_g, %%scale_h, %%min_g, %%min_h, %%two_g, %%two_h, %%high_g, %%high_h; .reg .u32 %%byte, %%s_at; .reg .b16 %%lo, %%hi;")
		regs.line(".reg .f32 %%df, %%mf, %%sf, %%df_g, %%df_h, %%mf_g, %%mf_h;")
	}
	f.Registers = regs.String()
	for _, p := range f.Planes {
		rows.line("%s", f.rows(p, c))
	}
	f.Rows = rows.String()
	for _, p := range f.Scales {
		fill.line("// plane %s", p.Param())
		fill.line("add.u64 %%at, %%fill_%s, %%offset; mov.u32 %%i, %%piece; mad.lo.u32 %%to, %%r, %%pitch_%s, %%scales_%s; mad.lo.u32 %%to, %%piece, 16, %%to;", p.Name, p.Name, p.Name)
		fill.line("setp.ge.u32 %%p, %%i, %%count_%s; @%%p bra FILLED_%s;", p.Name, p.Name)
		fill.line("FILL_%s:", p.Name)
		fill.line("cp.async.cg.shared.global [%%to], [%%at], 16;")
		fill.line("add.u64 %%at, %%at, 256; add.u32 %%to, %%to, 256; add.u32 %%i, %%i, 16;")
		fill.line("setp.lt.u32 %%p, %%i, %%count_%s; @%%p bra FILL_%s;", p.Name, p.Name)
		fill.line("FILLED_%s:", p.Name)
		scaleRows.line("mad.lo.u32 %%%s_at_g, %%g, %%pitch_%s, %%scales_%s; mad.lo.u32 %%%s_at_h, %%pitch_%s, 8, %%%s_at_g;", p.Name, p.Name, p.Name, p.Name, p.Name, p.Name)
	}
	f.Fill, f.ScaleRows = fill.String(), scaleRows.String()
	prologue := &text{}
	for set := range f.Sets - 1 {
		f.load(prologue, set)
	}
	f.Prologue = prologue.String()
	loops := &text{}
	for set := range f.Sets {
		f.chunk(loops, c, set)
	}
	f.Loops = loops.String()
}

// rows is the address of a lane's rows in a plane, or of the row that a thread brings to
// shared memory.
func (f *few) rows(p plane, c codec) string {
	t := &text{}
	t.line("ld.param.u64 %%at, [%s]; // %s", p.Param(), p.Param())
	if !f.Quant {
		t.line("add.u32 %%stride, %%K, 7; and.b32 %%stride, %%stride, 0xFFFFFFF8; shl.b32 %%stride, %%stride, 1;")
		t.line("mad.wide.u32 %%row_q_g, %%n_g, %%stride, %%at; mad.wide.u32 %%row_q_h, %%n_h, %%stride, %%at;")
		return t.String()
	}
	t.line("shr.u32 %%stride, %%K, %d;", log2(p.Numbers/max(1, p.Bytes)))
	if (c.blockLen*p.Bytes/p.Numbers)%16 != 0 {
		t.line("add.u32 %%stride, %%stride, 15; and.b32 %%stride, %%stride, 0xFFFFFFF0;")
	}
	if p.Own {
		t.line("mad.wide.u32 %%row_%s_g, %%n_g, %%stride, %%at; mad.wide.u32 %%row_%s_h, %%n_h, %%stride, %%at;", p.Name, p.Name)
		return t.String()
	}
	t.line("mad.wide.u32 %%fill_%s, %%n_fill, %%stride, %%at; shr.u32 %%count_%s, %%stride, 4;", p.Name, p.Name)
	t.line("or.b32 %%pitch_%s, %%stride, 16; mov.u32 %%scales_%s, %%free; mad.lo.u32 %%free, %%pitch_%s, 16, %%free; // an odd number of 16 bytes", p.Name, p.Name, p.Name)
	return t.String()
}

// load begins the loads of chunk %ahead into a set, and goes on to the warp's next chunk.
func (f *few) load(t *text, set int) {
	t.line("setp.lt.u32 %%p, %%ahead, %%chunks; // chunk %%ahead into set %d", set)
	for load := range f.loads() {
		if f.Quant {
			t.line("mad.lo.u32 %%record, %%ahead, 4, %%lane4; min.u32 %%record, %%record, %%last_record;")
		} else {
			t.line("mad.lo.u32 %%record, %%ahead, 16, %%lane4; add.u32 %%record, %%record, %d; min.u32 %%record, %%record, %%last_record;", 4*load)
		}
		bytes := 0
		for _, p := range f.Direct {
			if p.Bytes != bytes {
				bytes = p.Bytes
				t.line("mul.wide.u32 %%offset, %%record, %d;", bytes)
			}
			for _, row := range []byte(rowsOfLane) {
				var regs []string
				for i := range p.words() {
					regs = append(regs, f.name(p, set, load, row, i))
				}
				t.line("add.u64 %%at, %%row_%s_%c, %%offset; @%%p ld.global.cs.nc.v%d.b32 {%s}, [%%at];", p.Name, row, p.words(), strings.Join(regs, ", "))
			}
		}
	}
	t.line("add.u32 %%ahead, %%ahead, %%warps;")
}

// chunk multiplies the chunk in a set.
func (f *few) chunk(t *text, c codec, set int) {
	t.line("CHUNK%d:", set)
	t.line("setp.ge.u32 %%p, %%chunk, %%chunks; @%%p bra SUMS;")
	f.load(t, (set+f.Sets-1)%f.Sets)
	if f.Quant {
		t.line("mad.lo.u32 %%record, %%chunk, 4, %%lane4; min.u32 %%record, %%record, %%last_record;")
		for _, row := range []byte(rowsOfLane) {
			c.ofRow(t, row)
		}
	}
	for i := range f.pieces() {
		if i%f.group() == 0 {
			f.loadX(t, i)
		}
		if !f.Quant {
			q := f.Direct[0]
			a := func(word int) string {
				return f.name(q, set, i, 'g', word) + ", " + f.name(q, set, i, 'h', word)
			}
			f.multiply(t, i, a(0)+", "+a(1), a(2)+", "+a(3))
			continue
		}
		for j, row := range []byte(rowsOfLane) {
			if c.ofPiece != nil {
				c.ofPiece(t, row, i)
			}
			name := func(plane string, word int) string {
				if plane == "high" {
					return fmt.Sprintf("%%high_%c", row)
				}
				for _, p := range f.Direct {
					if p.Name == plane {
						return f.name(p, set, 0, row, word)
					}
				}
				panic("no plane " + plane)
			}
			c.eight(t, name, i, half{[]string{"%w", "%u"}[j], fmt.Sprintf("%%scale_%c", row), fmt.Sprintf("%%min_%c", row)})
		}
		f.multiply(t, i, "%w0, %u0, %w1, %u1", "%w2, %u2, %w3, %u3")
	}
	t.line("add.u32 %%chunk, %%chunk, %%warps;")
	if set == f.Sets-1 {
		t.line("bra CHUNK0;")
	}
}

// group is how many pieces of x are loaded at a time: as many as there are registers for.
func (f *few) group() int {
	if f.Unit == 64 {
		return 2
	}
	return 4
}

// loadX loads a group of pieces of x, of the second eight rows only if there are some.
func (f *few) loadX(t *text, from int) {
	t.line("mul.wide.u32 %%offset, %%chunk, %d; add.u64 %%at, %%x, %%offset; // pieces %d..%d of x", 512*f.pieces(), from, from+f.group()-1)
	for i := range f.group() {
		t.line("ld.global.nc.v4.b32 {%s}, [%%at+%d];", list("%x", 4*i, 4), 512*(from+i))
	}
	only := f.label()
	t.line("@!%%both bra %s;", only)
	t.line("add.u64 %%at, %%at, %%second;")
	for i := range f.group() {
		t.line("ld.global.nc.v4.b32 {%s}, [%%at+%d];", list("%z", 4*i, 4), 512*(from+i))
	}
	t.line("%s:", only)
}

// label is a new one, behind what is done for the second eight rows of x only.
func (f *few) label() string {
	f.labels++
	return fmt.Sprintf("ONE_%d", f.labels)
}

// multiply is two mma for each eight rows of x, with sums of their own, so that one need not
// wait for the other.
func (f *few) multiply(t *text, piece int, a, b string) {
	op := fmt.Sprintf("mma.sync.aligned.m16n8k16.row.col.f32.%s.%s.f32", f.Type, f.Type)
	product := func(tile int, x string) {
		at := 4 * (piece % f.group())
		for k, fragment := range []string{a, b} {
			sum := list("%sum", 8*tile+4*k, 4)
			t.line("%s {%s}, {%s}, {%s}, {%s};", op, sum, fragment, list(x, at+2*k, 2), sum)
		}
	}
	product(0, "%x")
	only := f.label()
	t.line("@!%%both bra %s;", only)
	product(1, "%z")
	t.line("%s:", only)
}

// For loops of the template: the sums by fours, and the warps after the first.
func (few) Sums() []int  { return count(4) }
func (few) Warps() []int { return count(8)[1:] }

// OriginPair is 1024 + the code that stands for 0, twice.
func (f few) OriginPair() string {
	origin := 0x6400
	if !f.Minima {
		origin += f.Origin
	}
	return fmt.Sprintf("0x%04X%04X", origin, origin)
}
