package main

import (
	"fmt"
	"strings"
)

// matmul is the data of matmul.ptx.tmpl.
type matmul struct {
	Name, Format, Picture, Type, Error string
	BytesPerNumber                     string
	Planes                             []plane
	shape
	Scaled              bool // rows of x come with a power of two
	Quant, Minima, Long bool // Long: records of 64 numbers
	Origin, Unit        int
	Pieces              int // of 16 bytes in a row of a tile
	RowBytes            int // of a tile

	Registers, Half, Rows, Turn, Advance, Load string
}

// shape is the tile of y of a block, and the texts that depend on it.
type shape struct {
	Entry                                              string
	TileN, TileT, WarpsN, WarpsT                       int
	Threads, WarpN, WarpT, Blocks                      int
	Shared, SharedKB, XOffset, StageBytes              int
	CopiesX, CopiesW, RowsPerCopy                      int
	CopiesOfX, CopiesOfW                               []int
	Accumulators, FragmentsX, Rows16x2                 int
	AddressW, Clear, BringX, Multiply, LoadBias, Store string
}

// shapes are the tiles that there are kernels for.
var shapes = []shape{
	{TileN: 128, TileT: 128, WarpsN: 2, WarpsT: 4, Blocks: 2},
	{Entry: "_128x64", TileN: 128, TileT: 64, WarpsN: 4, WarpsT: 2, Blocks: 2},
	{Entry: "_64", TileN: 64, TileT: 64, WarpsN: 2, WarpsT: 2, Blocks: 4},
}

// newMatmul is the kernel of a float format (quant nil), "f16" or "bf16", or of a quantised one.
func newMatmul(float string, quant *codec, s shape) matmul {
	m := matmul{Type: "f16", Scaled: true, Pieces: 4, RowBytes: 64, Quant: quant != nil}
	if quant != nil {
		m.quantised(*quant)
	} else {
		m.Name, m.Format, m.Type = float, strings.ToUpper(float), float
		m.Planes = []plane{{Name: "w", Numbers: 1, Bytes: 2}}
		m.BytesPerNumber = "2"
		m.Picture = fmt.Sprintf("//   w        %-4s[N, K]  rows padded with zeros to 16 bytes; K any\n", float)
		m.Error = "x is rounded to f16 after its row was scaled into its range: NMSE 5e-8 at random signs.\n" +
			"// Products are exact, and sums truncated as the hardware adds."
		if float == "bf16" {
			m.Scaled = false
			m.Error = "x is rounded to bf16, as the models that have such weights were trained: NMSE 3e-6 at random\n" +
				"// signs. Products are exact, and sums truncated as the hardware adds."
		}
	}
	m.shape = m.shaped(s)
	return m
}

// quantised sets what depends on the format.
func (m *matmul) quantised(c codec) {
	m.Name, m.Format, m.Planes = strings.ToLower(c.format), c.format, c.planes
	m.Pieces, m.RowBytes, m.Unit, m.Long = 8, 128, c.unit, c.unit == 64
	m.Origin, m.Minima, m.BytesPerNumber = c.origin, c.minima, c.bytesPerNumber()
	m.Picture = c.pictureLines()
	nmse := "1e-7"
	if c.minima {
		nmse = "5e-7" // the minimum is rounded, too, and what is left of the difference is smaller
	}
	m.Error = "x is rounded to f16 after its row was scaled into its range, and w to f16: together NMSE " + nmse + "\n" +
		"// at random signs. Sums are truncated as the hardware adds. Numbers of w beyond 65504 become infinite."
	regs, rows := &text{}, &text{}
	for _, p := range c.planes {
		regs.line("%s", p.declare())
		rows.line("%s", c.row(p))
	}
	for _, r := range c.regs {
		regs.line("%s", r)
	}
	regs.line(".reg .b32 %%c, %%e, %%w<4>, %%scale, %%min, %%origin, %%k1024, %%half; // four codes, a byte each; temporary; eight numbers")
	regs.line(".reg .f32 %%df, %%mf, %%sf; .reg .b16 %%lo, %%hi;")
	m.Registers = regs.String()
	m.Rows = rows.String()
	m.Half = c.share()
	turn := &text{}
	for i := range 4 {
		c.halfScales(turn, i)
		c.eight(turn, first, i, half{"%w", "%scale", "%min"})
		turn.line("st.shared.v4.b32 [%%w_put%d], {%%w0, %%w1, %%w2, %%w3};", i)
	}
	m.Turn = turn.String()
	advance := &text{}
	if m.Long {
		advance.line("and.b32 %%e, %%turn, 1; setp.ne.u32 %%last, %%e, 0;")
	}
	for _, a := range c.advance {
		advance.line("%s", a)
	}
	m.Advance = advance.String()
	m.Load = c.loads()
}

// row is the address of the thread's row of a plane, whose rows are padded to 16 bytes.
func (c codec) row(p plane) string {
	size := fmt.Sprintf("shr.u32 %%place, %%K, %d;", log2(p.Numbers/max(1, p.Bytes)))
	if (c.blockLen*p.Bytes/p.Numbers)%16 != 0 {
		size += " add.u32 %place, %place, 15; and.b32 %place, %place, 0xFFFFFFF0;"
	}
	return fmt.Sprintf("ld.param.u64 %%at, [%s]; %s mad.wide.u32 %%row_%s, %%n, %%place, %%at; // %s", p.Param(), size, p.Name, p.Param())
}

// share is what tells the thread's share of a word of a pair: a selector of prmt or a shift.
func (c codec) share() string {
	s := ""
	switch c.format {
	case "Q4_0", "Q5_0", "Q8_0":
		s = "selp.b32 %half, 0x3232, 0x1010, %odd; // which half of a word is the thread's scale"
	case "Q4_K", "Q5_K":
		s = "mul.lo.u32 %half, %h, 12; // bits"
	case "Q3_K":
		s = "mul.lo.u32 %half, %h, 24; // bits"
	}
	if c.minima {
		return s + "\nmov.b32 %origin, 0x64006400; // 1024, 1024"
	}
	return s + fmt.Sprintf("\nmov.b32 %%origin, 0x%04X%04X; // 1024 + %d, twice", 0x6400+c.origin, 0x6400+c.origin, c.origin)
}

// loads reads what turn %turn needs anew. A record behind the end of the row, of a K that
// is no multiple of 64, is read as the last one: its scale is 0.
func (c codec) loads() string {
	t := &text{}
	for _, turns := range []int{1, 2, 4} {
		var lines []string
		for _, p := range c.planes {
			if p.Turns == turns {
				lines = append(lines, p.load(c.unit))
			}
		}
		if len(lines) == 0 {
			continue
		}
		if turns > 1 {
			t.line("and.b32 %%e, %%turn, %d; setp.ne.u32 %%p, %%e, 0; @%%p bra LOADED; // every %d turns", turns-1, turns)
		}
		for _, p := range c.planes {
			if p.Turns == turns && p.Own {
				if c.unit == 64 {
					t.line("selp.u32 %%record, 1, 0, %%odd; add.u32 %%record, %%record, %%turn;")
				} else {
					t.line("selp.u32 %%record, 1, 0, %%odd; mad.lo.u32 %%record, %%turn, 2, %%record; min.u32 %%record, %%record, %%last_record;")
				}
				break
			}
		}
		for _, l := range lines {
			t.line("%s", l)
		}
	}
	if strings.Contains(t.String(), "LOADED") {
		t.line("LOADED:")
	}
	return t.String()
}

func (c codec) pictureLines() string {
	var b strings.Builder
	for _, l := range c.picture {
		fmt.Fprintf(&b, "//   %s\n", l)
	}
	fmt.Fprintf(&b, "//            %s; each row of a plane starts at a multiple of 16 bytes\n", c.value)
	return b.String()
}

// shaped works a shape out.
func (m *matmul) shaped(s shape) shape {
	s.Entry = "matmul_" + m.Name + "_mma" + s.Entry
	s.Threads = 32 * s.WarpsN * s.WarpsT
	s.WarpN, s.WarpT = s.TileN/s.WarpsN, s.TileT/s.WarpsT
	s.RowsPerCopy = s.Threads / m.Pieces
	s.CopiesX, s.CopiesW = s.TileT/s.RowsPerCopy, s.TileN/s.RowsPerCopy
	s.XOffset = s.TileN * m.RowBytes
	if m.Quant {
		s.StageBytes = s.TileT * m.RowBytes
		s.Shared = s.XOffset + 2*s.StageBytes
	} else {
		s.StageBytes = (s.TileN + s.TileT) * m.RowBytes
		s.Shared = 3 * s.StageBytes
	}
	s.SharedKB = s.Shared >> 10
	s.Accumulators, s.FragmentsX, s.Rows16x2 = s.WarpN*s.WarpT/32, s.WarpT/4, s.WarpN/8
	s.AddressW = s.addressW()
	s.Clear, s.BringX, s.Multiply = s.clear(), m.bring(s), m.multiply(s)
	s.LoadBias, s.Store = s.loadBias(), m.store(s)
	return s
}

// addressW is the addresses of the rows of w that the thread copies, past the end the last one.
func (s shape) addressW() string {
	t := &text{}
	for i := range s.CopiesW {
		t.line("add.u32 %%n, %%n0, %%r; add.u32 %%n, %%n, %d; min.u32 %%n, %%n, %%end; mad.wide.u32 %%w_at%d, %%n, %%pitch, %%x;", i*s.RowsPerCopy, i)
	}
	return t.String()
}

func count(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// bring copies the next tile of x, and of w where it needs no unpacking.
func (m *matmul) bring(s shape) string {
	t := &text{}
	to, step := "%x_put", "64"
	if m.Quant {
		to, step = "%put", "128"
	} else {
		for i := range s.CopiesW {
			t.line("cp.async.cg.shared.global [%%put+%d], [%%w_at%d], 16, %%size; add.u64 %%w_at%d, %%w_at%d, 64;", i*s.RowsPerCopy*m.RowBytes, i, i, i)
		}
	}
	from := "%x_at"
	for i := range s.CopiesX {
		if i > 0 {
			t.line("add.u64 %%at, %s, %%rows;", from)
			from = "%at"
		}
		t.line("cp.async.cg.shared.global [%s+%d], [%s], 16;", to, i*s.RowsPerCopy*m.RowBytes, from)
	}
	if m.Long {
		t.line("and.b32 %%e, %%turn, 1; mad.lo.u32 %%e, %%e, 128, 64; cvt.u64.u32 %%at, %%e; // bytes to the next turn's columns")
		step = "%at"
	}
	t.line("add.u64 %%x_at, %%x_at, %s;", step)
	return t.String()
}

func (s shape) clear() string {
	t := &text{}
	for i := 0; i < s.Accumulators; i += 4 {
		t.line("mov.f32 %%acc%d, 0f00000000; mov.f32 %%acc%d, 0f00000000; mov.f32 %%acc%d, 0f00000000; mov.f32 %%acc%d, 0f00000000;", i, i+1, i+2, i+3)
	}
	return t.String()
}

// multiply is the turn's mma, 16 columns at a time.
func (m *matmul) multiply(s shape) string {
	t := &text{}
	for step := range m.RowBytes / 32 {
		t.line("// columns %d..%d", 16*step, 16*step+15)
		if step > 0 {
			flip := 32 * (step ^ (step - 1))
			t.line("xor.b32 %%w_from, %%w_from, %d; xor.b32 %%x_from, %%x_from, %d;", flip, flip)
		}
		for j := 0; j < s.WarpT/16; j++ {
			t.line("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%s}, [%%x_from+%d];", list("%b", 4*j, 4), 16*j*m.RowBytes)
		}
		for i := range s.WarpN / 16 {
			t.line("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%s}, [%%w_from+%d];", list("%a", 0, 4), 16*i*m.RowBytes)
			for j := range s.WarpT / 8 {
				acc := list("%acc", 4*(i*s.WarpT/8+j), 4)
				t.line("mma.sync.aligned.m16n8k16.row.col.f32.%s.%s.f32 {%s}, {%s}, {%s}, {%s};", m.Type, m.Type, acc, list("%a", 0, 4), list("%b", 2*j, 2), acc)
			}
		}
	}
	return t.String()
}

func list(base string, from, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", base, from+i)
	}
	return strings.Join(names, ", ")
}

func (s shape) loadBias() string {
	t := &text{}
	for i := range s.Rows16x2 {
		t.line("add.u32 %%m, %%n, %d; setp.lt.u32 %%has%d, %%m, %%N;", 8*i, i)
		t.line("mov.f32 %%add%d, 0f00000000; and.pred %%p, %%in, %%has%d; @%%p ld.global.nc.f32 %%add%d, [%%at+%d];", i, i, i, 32*i)
	}
	return t.String()
}

// store writes the lane's sums: for each of its rows t its columns n.
func (m *matmul) store(s shape) string {
	t := &text{}
	for j := range s.WarpT / 8 {
		for e := range 2 {
			row := 8*j + e
			switch {
			case e == 1:
				t.line("add.u64 %%y, %%y, %%line;")
			case j > 0:
				t.line("mad.lo.u64 %%y, %%line, 7, %%y;")
			}
			t.line("add.u32 %%m, %%t, %d; setp.lt.u32 %%in, %%m, %%T; // row t + %d", row, row)
			if m.Scaled {
				t.line("mov.f32 %%u, 0f00000000; @%%in ld.global.nc.f32 %%u, [%%u_at+%d];", 4*row)
			}
			for i := range s.Rows16x2 {
				t.line("mov.f32 %%o%d, %%add%d;", i, i)
			}
			t.line("@!%%adding bra SUM_%d;", row)
			t.line("add.u64 %%at, %%y, %%extra;")
			for i := range s.Rows16x2 {
				t.line("mov.f32 %%l%d, 0f00000000; and.pred %%p, %%in, %%has%d; @%%p ld.global.f32 %%l%d, [%%at+%d];", i, i, i, 32*i)
			}
			for i := range s.Rows16x2 {
				t.line("add.f32 %%o%d, %%o%d, %%l%d;", i, i, i)
			}
			t.line("SUM_%d:", row)
			for i := range s.Rows16x2 {
				acc := 4*(i/2*s.WarpT/8+j) + 2*(i%2) + e
				sum := fmt.Sprintf("add.f32 %%v, %%acc%d, %%o%d;", acc, i)
				if m.Scaled {
					sum = fmt.Sprintf("fma.rn.f32 %%v, %%acc%d, %%u, %%o%d;", acc, i)
				}
				t.line("%s and.pred %%p, %%in, %%has%d; @%%p st.global.f32 [%%y+%d], %%v;", sum, i, 32*i)
			}
		}
	}
	return t.String()
}
