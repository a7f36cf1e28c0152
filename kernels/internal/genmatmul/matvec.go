package main

import (
	"fmt"
	"strings"
)

// matvec is the data of matvec.ptx.tmpl.
type matvec struct {
	Float                                   bool // no scales: any K
	Name, Format, Subtest, Picture, Theme   string
	BlockLen, Unit, Last, Depth, DepthBytes int
	Planes                                  []plane
	LastPlane                               int
	BytesPerNumber                          string
	Registers, Strides, Prepare, Units      string
	Begin, Ahead, LoadX, Preload            string
	Explain, Rows                           string
	RowOfX, WarpSum                         string
	Four                                    []int
	Blocks, MaxRegisters                    int
}

func newMatvec(c codec) matvec {
	name, theme := c.format, ""
	if c.int8 {
		name, theme = name+"_int8", int8Theme
	}
	return matvec{
		Float: c.isFloat(), Name: strings.ToLower(name), Format: c.format, Subtest: name, Picture: pictureLines(c), Theme: theme,
		BlockLen: c.blockLen, Unit: c.unit, Last: c.unit - 1, Depth: c.depth, DepthBytes: cellRow * c.depth,
		Planes: c.planes, LastPlane: len(c.planes) - 1, BytesPerNumber: bytesPerNumber(c),
		Registers: c.registers(), Strides: c.matvecStrides(), Prepare: c.prepare(), Units: c.unitCount(),
		Begin: c.begin(), Ahead: c.ahead(), LoadX: c.loadX(), Preload: c.preload(), Explain: c.explain(), Rows: c.rows(),
		RowOfX: rowOfX, WarpSum: warpSum(), Four: []int{0, 1, 2, 3},
		Blocks: c.blocks(), MaxRegisters: 65536 / (128 * c.blocks()) / 8 * 8,
	}
}

// cellRow is the bytes of a row of matvec's partial sums: 32 lanes' and one left free.
const cellRow = 4 * 33

func (c codec) isFloat() bool { return c.blockLen == 1 }

// blocks is how many blocks are to fit on a multiprocessor, which bounds the registers that
// the assembler takes: as many as its choice needs without spilling.
func (c codec) blocks() int {
	switch {
	case c.isFloat():
		return 8
	case c.format == "Q3_K":
		return 2
	case c.unit == 64, c.format == "Q5_K":
		return 3
	}
	return 4
}

// set is the name of the registers of row i ahead.
func set(i int) string { return string(rune('a' + i)) }

func pictureLines(c codec) string {
	var b strings.Builder
	for _, l := range c.picture {
		fmt.Fprintf(&b, "//   %s\n", l)
	}
	if c.value != "" {
		fmt.Fprintf(&b, "//            %s; each row of a plane starts at a multiple of 16 bytes\n", c.value)
	}
	return b.String()
}

func bytesPerNumber(c codec) string {
	sum := 0.0
	for _, p := range c.planes {
		sum += float64(p.Bytes) / float64(p.Numbers)
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.6f", sum), "0"), ".")
}

func (c codec) registers() string {
	t := &text{}
	for i := range c.depth {
		var decl []string
		for _, p := range c.loads() {
			decl = append(decl, p.declare(set(i)))
		}
		t.line("%s // row %d ahead", strings.Join(decl, " "), i)
	}
	switch {
	case c.int8:
		c.registersInt8(t)
	case c.format == "F32":
	case c.isFloat():
		t.line(".reg .b32 %%v<2>; .reg .b16 %%lo, %%hi;")
	default:
		t.line(".reg .b32 %%c, %%e, %%v<4>; // four codes, one to a byte; temporary; the codes as float32")
		t.line(".reg .b32 %%two23; .reg .f32 %%origin; // the bits of 2^23; 2^23 + the code of zero")
		t.line(".reg .f32 %%dot<4>, %%sum<4>, %%d, %%m; .reg .b16 %%lo, %%hi;")
		if c.record() != "" {
			t.line(".reg .b32 %%at; .reg .pred %%first, %%early; // where in the record s the lane's bits are")
		}
	}
	return t.String()
}

// record says how many bits of the 16-byte record of scales a lane has: "12", "24" or "".
func (c codec) record() string {
	for _, p := range c.planes {
		if p.Name == "s" && p.Bytes == 16 {
			return map[int]string{32: "12", 64: "24"}[c.unit]
		}
	}
	return ""
}

// matvecStrides are the bytes from row to row, which follow from K.
func (c codec) matvecStrides() string {
	t := &text{}
	t.line("// bytes from row to row of each plane, rounded up to 16")
	for _, p := range c.planes {
		c.rowBytes(t, "%"+p.Name+"_stride", p)
	}
	return t.String()
}

// prepare sets what stays the same.
func (c codec) prepare() string {
	t := &text{}
	if !c.isFloat() && !c.int8 {
		t.line("mov.b32 %%two23, 0x4B000000;")
		t.line("mov.f32 %%origin, %s; // 2^23 + %d", float(float32(1<<23+c.origin)), c.origin)
	}
	c.prepareRecord(t)
	t.line("// any numbers will do for rows that do not exist: their sums are never read")
	for i := range c.depth {
		var clear []string
		for _, p := range c.loads() {
			clear = append(clear, p.clear(set(i)))
		}
		t.line("%s", strings.Join(clear, " "))
	}
	return t.String()
}

// prepareRecord finds the lane's bits in the record s.
func (c codec) prepareRecord(t *text) {
	switch c.record() {
	case "12":
		t.line("// the lane's bits 12j..12j+11 of words 1..3 of the record s, j = column %% 8")
		t.line("and.b32 %%at, %%column, 7;")
		t.line("setp.lt.u32 %%first, %%at, 3; setp.lt.u32 %%early, %%at, 6; // they begin in word 1; or in word 2")
		t.line("mul.lo.u32 %%at, %%at, 12;")
	case "24":
		t.line("// the lane's bits 24j..24j+23 of words 0..2 of the record s, j = column %% 4")
		t.line("and.b32 %%at, %%column, 3;")
		t.line("setp.lt.u32 %%first, %%at, 2; setp.lt.u32 %%early, %%at, 3; // they begin in word 0; or in word 1")
		t.line("mul.lo.u32 %%at, %%at, 24;")
	}
}

// loads are the planes with the bytes of one lane's load.
func (c codec) loads() []plane {
	if c.isFloat() {
		return []plane{{"w", c.unit, 16}}
	}
	return c.planes
}

func (c codec) unitCount() string {
	t := &text{}
	if c.isFloat() {
		t.line("add.u32 %%units, %%K, %d;", c.unit-1)
		t.line("shr.u32 %%units, %%units, %d; // 16-byte pieces of a row", log2(c.unit))
	} else {
		t.line("shr.u32 %%units, %%K, %d; // K / %d", log2(c.unit), c.unit)
	}
	return t.String()
}

// perRecord is log2 of how many units a record of a plane serves.
func (c codec) perRecord(p plane) int { return log2(max(1, p.Numbers/c.unit)) }

// begin moves from the begin of a row to the lane's first unit.
func (c codec) begin() string {
	t := &text{}
	for _, p := range c.loads() {
		t.line("%s; mad.wide.u32 %%%s_at, %%far, %d, %%%s_at;", records("%unit", c.perRecord(p)), p.Name, p.Bytes, p.Name)
	}
	return t.String()
}

// ahead moves back by the rows of a pass and on by step units and from w1 to w0, or
// from w0 to w1.
func (c codec) ahead() string {
	t := &text{}
	for _, p := range c.loads() {
		t.line("mul.wide.u32 %%hop, %%%s_stride, %%next; sub.u64 %%%s_at, %%%s_at, %%hop;", p.Name, p.Name, p.Name)
		t.line("%s; mul.wide.u32 %%hop, %%far, %d; sub.u64 %%hop, %%hop, %%up; @!%%p mov.b64 %%hop, %%up; add.u64 %%%s_at, %%%s_at, %%hop;",
			records("%step", c.perRecord(p)), p.Bytes, p.Name, p.Name)
	}
	return t.String()
}

// records makes %far a number of units in records that serve 2^log of them.
func records(units string, log int) string {
	if log == 0 {
		return "mov.u32 %far, " + units
	}
	return fmt.Sprintf("shr.u32 %%far, %s, %d", units, log)
}

// loadRow loads the next row into register set i, if there is one.
func (c codec) loadRow(t *text, i int) {
	t.line("setp.gt.s32 %%p, %%left, %d;", i)
	for _, p := range c.loads() {
		op, regs := p.ld(set(i))
		t.line("@%%p %s %s, [%%%s_at]; mad.wide.u32 %%%s_at, %%%s_stride, 1, %%%s_at;", op, regs, p.Name, p.Name, p.Name, p.Name)
	}
}

func (c codec) preload() string {
	t := &text{}
	for i := range c.depth {
		c.loadRow(t, i)
	}
	return t.String()
}

// rows is one turn of the loop over rows: what is summed up so far is 0 in a lane's first
// unit, and in its cell later.
func (c codec) rows() string {
	t := &text{}
	for i := range c.depth {
		if i > 0 {
			t.line("setp.le.u32 %%p, %%more, %d; @%%p bra LOAD%d;", i, i)
		}
		t.line("mov.f32 %%acc, 0f00000000; @%%later ld.shared.f32 %%acc, [%%cell+%d]; // turn i+%d: acc = partial[warp][i+%d][lane]", cellRow*i, i, i)
		c.row(c, t, set(i))
		t.line("st.shared.f32 [%%cell+%d], %%acc; // and turn i+%d takes the registers", cellRow*i, i+c.depth)
		if i > 0 {
			t.line("LOAD%d:", i)
		}
		c.loadRow(t, i)
	}
	return t.String()
}

// rowOfX makes x_row the address of x[t, 0]. It is worked out anew where it is needed: two
// registers less in the loop over rows.
const rowOfX = "mov.u32 %t, %ctaid.y; ld.param.u64 %x_row, [x]; mul.wide.u32 %hop, %t, %K; shl.b64 %hop, %hop, 2; add.u64 %x_row, %x_row, %hop;\n"

// warpSum makes acc the sum over the lanes.
func warpSum() string {
	t := &text{}
	for _, n := range []int{16, 8, 4, 2, 1} {
		t.line("shfl.sync.bfly.b32 %%other, %%acc, %d, 31, 0xffffffff; add.f32 %%acc, %%acc, %%other;", n)
	}
	return t.String()
}
