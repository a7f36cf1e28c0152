package main

import "fmt"

// int8Matmul is the data of int8.ptx.tmpl: a product in integers.
type int8Matmul struct {
	matmul
	Groups     int // of numbers with a scale of their own in a block of 32: 1 or 2
	ScaleRow   int // bytes from scales of w of a group to the next group's
	WScales    int // where they begin in shared memory
	XScales    int // where the scales of x begin, of even turns
	ScaleStage int // bytes of them, sums included
	Pieces4    int // pieces of 16 bytes in scales of x of a block
	Block      string
}

func newInt8(c *codec, s shape) int8Matmul {
	m := int8Matmul{matmul: matmul{Quant: true}, Groups: 1}
	m.quantised(*c)
	m.Type, m.Scaled, m.Pieces, m.RowBytes = "s8", false, 4, 64
	if c.unit == 64 {
		m.Groups = 2
	}
	m.Turn = m.unpack(*c, s)
	m.shape = m.shaped(s)
	m.Entry = "matmul_" + m.Name + "_s8"
	kinds := 1
	if m.Minima {
		kinds = 2
	}
	m.ScaleRow = m.scaleRow(s)
	m.WScales = m.XOffset + 2*m.StageBytes
	m.XScales = m.WScales + kinds*2*m.Groups*m.ScaleRow
	m.ScaleStage = 2 * 4 * s.TileT
	if m.Minima {
		m.ScaleStage += m.Groups * 2 * 4 * s.TileT
	}
	m.Pieces4 = s.TileT / 4
	m.Shared = m.XScales + 2*m.ScaleStage
	m.Block = m.block()
	return m
}

// scaleRow is such that the two threads of a row write to different banks.
func (m *int8Matmul) scaleRow(s shape) int { return 4 * (s.TileN + 16/m.Groups) }

// unpack turns 32 codes into signed bytes, and puts their scales where all find them.
func (m *int8Matmul) unpack(c codec, s shape) string {
	t := &text{}
	scaleRow := m.scaleRow(s)
	for i := range 4 {
		c.floatScales(t, i)
		if c.fresh(i) {
			t.line("st.shared.f32 [%%s_put+%d], %%df;", i/2*scaleRow)
			if c.minima {
				t.line("st.shared.f32 [%%s_put+%d], %%mf;", (i/2+2*m.Groups)*scaleRow)
			}
		}
		for quad := range 2 {
			t.line("%s // codes %d..%d", c.quad(first, 2*i+quad), 8*i+4*quad, 8*i+4*quad+3)
			w := fmt.Sprintf("%%w%d", i%2*2+quad)
			switch {
			case c.origin == 128:
				t.line("xor.b32 %s, %%c, 0x80808080; // - 128", w)
			case c.origin > 0:
				t.line("or.b32 %%c, %%c, 0x80808080; sub.u32 %%c, %%c, 0x%08X; xor.b32 %s, %%c, 0x80808080; // - %d in each byte", c.origin*0x01010101, w, c.origin)
			default:
				t.line("mov.b32 %s, %%c;", w)
			}
		}
		if i%2 == 1 {
			t.line("st.shared.v4.b32 [%%w_put%d], {%%w0, %%w1, %%w2, %%w3};", i/2)
		}
	}
	return t.String()
}

// block multiplies 32 columns: integer sums that begin at the bits of 1.5 * 2^23 are, read as
// f32, 1.5 * 2^23 + sum.
func (m *int8Matmul) block() string {
	t := &text{}
	pairs := m.WarpT / 8
	for j := range m.WarpT / 16 {
		t.line("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%s}, [%%x_from+%d];", list("%b", 4*j, 4), 16*j*m.RowBytes)
	}
	for j := range pairs {
		t.line("ld.shared.v2.f32 {%s}, [%%dx_from+%d];", list("%dx", 2*j, 2), 32*j)
	}
	if m.Minima && m.Groups == 1 {
		m.sums(t, 0)
	}
	for i := range m.WarpN / 16 {
		t.line("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%s}, [%%w_from+%d];", list("%a", 0, 4), 16*i*m.RowBytes)
		for g := range m.Groups {
			t.line("ld.shared.f32 %%dw0, [%%dw_from+%d]; ld.shared.f32 %%dw1, [%%dw_from+%d];", g*m.ScaleRow+64*i, g*m.ScaleRow+64*i+32)
			if m.Minima {
				at := 2*m.Groups*m.ScaleRow + g*m.ScaleRow + 64*i
				t.line("ld.shared.f32 %%mw0, [%%dw_from+%d]; ld.shared.f32 %%mw1, [%%dw_from+%d];", at, at+32)
				if m.Groups == 2 {
					m.sums(t, g)
				}
			}
			for j := range pairs {
				m.product(t, i, g, j)
			}
		}
	}
	return t.String()
}

// sums loads D * sum of x of a group.
func (m *int8Matmul) sums(t *text, group int) {
	for j := range m.WarpT / 8 {
		t.line("ld.shared.v2.f32 {%s}, [%%sx_from+%d];", list("%sx", 2*j, 2), 4*m.TileT*group+32*j)
	}
}

// product is 16 x 8 sums over a group, times the scales.
func (m *int8Matmul) product(t *text, i, g, j int) {
	shape, a, b := "m16n8k32", list("%a", 0, 4), list("%b", 2*j, 2)
	if m.Groups == 2 {
		shape, a, b = "m16n8k16", list("%a", 2*g, 2), list("%b", 2*j+g, 1)
	}
	t.line("mma.sync.aligned.%s.row.col.s32.s8.s8.s32 {%%i0, %%i1, %%i2, %%i3}, {%s}, {%s}, {%%magic, %%magic, %%magic, %%magic};", shape, a, b)
	t.line("sub.rn.f32 %%i0, %%i0, %%magic; sub.rn.f32 %%i1, %%i1, %%magic; sub.rn.f32 %%i2, %%i2, %%magic; sub.rn.f32 %%i3, %%i3, %%magic;")
	for e := range 4 {
		acc := 4*(i*m.WarpT/8+j) + e
		t.line("mul.rn.f32 %%s, %%dw%d, %%dx%d; fma.rn.f32 %%acc%d, %%i%d, %%s, %%acc%d;", e/2, 2*j+e%2, acc, e, acc)
	}
	if !m.Minima {
		return
	}
	for e := range 4 {
		acc := 4*(i*m.WarpT/8+j) + e
		t.line("fma.rn.f32 %%acc%d, %%mw%d, %%sx%d, %%acc%d;", acc, e/2, 2*j+e%2, acc)
	}
}

// Bring copies the next tile of x and its scales.
func (m *int8Matmul) Bring() string {
	t := &text{}
	from := "%x_at"
	for i := range m.CopiesX {
		if i > 0 {
			t.line("add.u64 %%at, %s, %%rows;", from)
			from = "%at"
		}
		t.line("cp.async.cg.shared.global [%%put+%d], [%s], 16;", i*m.RowsPerCopy*m.RowBytes, from)
	}
	t.line("setp.lt.u32 %%p, %%thread, %d; @%%p cp.async.cg.shared.global [%%d_put], [%%d_at], 16;", 2*m.Pieces4)
	if m.Minima {
		t.line("setp.lt.u32 %%p, %%thread, %d; @%%p cp.async.cg.shared.global [%%sums_put], [%%sums_at], 16;", m.SumGroups()*m.Pieces4)
	}
	if !m.Long {
		t.line("add.u64 %%x_at, %%x_at, 64; add.u64 %%d_at, %%d_at, %%two_blocks;")
		if m.Minima {
			t.line("add.u64 %%sums_at, %%sums_at, %%two_blocks;")
		}
		return t.String()
	}
	t.line("and.b32 %%e, %%turn, 1; mad.lo.u32 %%e, %%e, 64, 32; cvt.u64.u32 %%at, %%e; add.u64 %%x_at, %%x_at, %%at; // bytes to the next turn's columns")
	t.line("shr.u64 %%at, %%at, 5; mul.lo.u64 %%at, %%at, %%block; add.u64 %%d_at, %%d_at, %%at; // 1 or 3 blocks")
	if m.Minima {
		t.line("add.u64 %%sums_at, %%sums_at, %%at; add.u64 %%sums_at, %%sums_at, %%at;")
	}
	return t.String()
}

// SumsOffset is from the scales of x of a turn to their sums.
func (m *int8Matmul) SumsOffset() int { return 2 * m.BlockScales() }

// BlockScales is the bytes of scales of x of a block, SumBlock of its sums, ScalesOfThread of
// scales of w.
func (m *int8Matmul) BlockScales() int    { return 4 * m.TileT }
func (m *int8Matmul) SumBlock() int       { return m.Groups * m.BlockScales() }
func (m *int8Matmul) ScalesOfThread() int { return m.Groups * m.ScaleRow }

// SumGroups is the sums of a turn.
func (m *int8Matmul) SumGroups() int { return 2 * m.Groups }

// OtherScales turns to where the next turn's scales of x go, and OtherScalesBack back.
func (m *int8Matmul) OtherScales() string {
	s := fmt.Sprintf("sub.u32 %%e, %d, %%scale_stage; add.u32 %%d_put, %%d_put, %%e;", m.ScaleStage)
	if m.Minima {
		s += " add.u32 %sums_put, %sums_put, %e;"
	}
	return s
}

func (m *int8Matmul) OtherScalesBack() string {
	s := fmt.Sprintf("sub.u32 %%e, %d, %%scale_stage; sub.u32 %%d_put, %%d_put, %%e;", m.ScaleStage)
	if m.Minima {
		s += " sub.u32 %sums_put, %sums_put, %e;"
	}
	return s
}
