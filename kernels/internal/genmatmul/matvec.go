package main

import (
	"fmt"
	"strings"
)

// matvec is the data of matvec.ptx.tmpl.
type matvec struct {
	Float                                    bool // no scales: any K
	Name, Format, Picture                    string
	BlockLen, Unit, Last, Depth, DepthBytes  int
	Planes                                   []plane
	BytesPerNumber                           string
	Registers, Strides, Prepare, Units       string
	Addresses, LoadX, Preload, Explain, Rows string
	Tree                                     []int
	Blocks, MaxRegisters                     int
}

func newMatvec(c codec) matvec {
	return matvec{
		Float: c.isFloat(), Name: strings.ToLower(c.format), Format: c.format, Picture: pictureLines(c),
		BlockLen: c.blockLen, Unit: c.unit, Last: c.unit - 1, Depth: c.depth, DepthBytes: 128 * c.depth,
		Planes: c.planes, BytesPerNumber: bytesPerNumber(c),
		Registers: c.registers(), Strides: strides(c), Prepare: c.prepare(), Units: c.unitCount(),
		Addresses: c.addresses(), LoadX: c.loadX(), Preload: c.preload(), Explain: c.explain(), Rows: c.rows(),
		Tree: []int{16, 8, 4, 2, 1}, Blocks: c.blocks(), MaxRegisters: 65536 / (128 * c.blocks()) / 8 * 8,
	}
}

func (c codec) isFloat() bool { return c.blockLen == 1 }

// blocks is how many blocks are to fit on a multiprocessor, which bounds the registers that
// the assembler takes: as many as its choice needs without spilling.
func (c codec) blocks() int {
	switch {
	case c.isFloat():
		return 8
	case c.format == "Q6_K":
		return 3
	case c.unit == 64, c.format == "Q4_K":
		return 4
	}
	return 5
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
	case c.format == "F32":
	case c.isFloat():
		t.line(".reg .b32 %%v<2>; .reg .b16 %%lo, %%hi;")
	default:
		t.line(".reg .b32 %%c, %%e, %%v<4>; // four codes, one to a byte; temporary; the codes as float32")
		t.line(".reg .b32 %%two23; .reg .f32 %%origin; // the bits of 2^23; 2^23 + the code of zero")
		t.line(".reg .f32 %%dot<4>, %%sum<4>, %%d, %%m; .reg .b16 %%lo, %%hi;")
		if c.record() != "" {
			t.line(".reg .b32 %%shift; .reg .pred %%first, %%early; // where in the record s the lane's bits are")
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

// strides are the bytes from row to row, which follow from K.
func strides(c codec) string {
	t := &text{}
	t.line("// bytes from row to row of each plane, rounded up to 16")
	t.line("{")
	t.line(".reg .u32 %%bytes;")
	for _, p := range c.planes {
		per := 0 // log2 of numbers per byte
		if p.Bytes > p.Numbers {
			t.line("shl.b32 %%bytes, %%K, %d;", log2(p.Bytes/p.Numbers))
		} else {
			per = log2(p.Numbers / p.Bytes)
			t.line("shr.u32 %%bytes, %%K, %d; // K/%d * %d", per, p.Numbers, p.Bytes)
		}
		if (c.blockLen>>per)%16 != 0 {
			t.line("add.u32 %%bytes, %%bytes, 15; and.b32 %%bytes, %%bytes, 0xFFFFFFF0;")
		}
		t.line("cvt.u64.u32 %%%s_stride, %%bytes;", p.Name)
	}
	t.line("}")
	return t.String()
}

// prepare sets what stays the same.
func (c codec) prepare() string {
	t := &text{}
	if !c.isFloat() {
		t.line("mov.b32 %%two23, 0x4B000000;")
		t.line("mov.f32 %%origin, %s; // 2^23 + %d", float(float32(1<<23+c.origin)), c.origin)
	}
	switch c.record() {
	case "12":
		t.line("// the lane's bits 12j..12j+11 of words 1..3 of the record s, j = lane %% 8")
		t.line("and.b32 %%c, %%lane, 7;")
		t.line("setp.lt.u32 %%first, %%c, 3; setp.lt.u32 %%early, %%c, 6; // they begin in word 1; or in word 2")
		t.line("mul.lo.u32 %%shift, %%c, 12;")
	case "24":
		t.line("// the lane's bits 24j..24j+23 of words 0..2 of the record s, j = lane %% 4")
		t.line("and.b32 %%c, %%lane, 3;")
		t.line("setp.lt.u32 %%first, %%c, 2; setp.lt.u32 %%early, %%c, 3; // they begin in word 0; or in word 1")
		t.line("mul.lo.u32 %%shift, %%c, 24;")
	}
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

func (c codec) addresses() string {
	t := &text{}
	for _, p := range c.loads() {
		if p.Numbers == c.unit {
			t.line("mad.wide.u32 %%%s_at, %%unit, %d, %%%s_plane;", p.Name, p.Bytes, p.Name)
			continue
		}
		t.line("shr.u32 %%i, %%unit, %d; mad.wide.u32 %%%s_at, %%i, %d, %%%s_plane; // one record for %d units",
			log2(p.Numbers/c.unit), p.Name, p.Bytes, p.Name, p.Numbers/c.unit)
	}
	t.line("mad.wide.u32 %%x_at, %%unit, %d, %%x_row;", 4*c.unit)
	return t.String()
}

func (c codec) loadX() string {
	t := &text{}
	if c.isFloat() {
		c.loadRaggedX(t)
		return t.String()
	}
	for i := 0; i < c.unit; i += 8 {
		t.line("ld.global.nc.v4.f32 {%s}, [%%x_at+%d]; ld.global.nc.v4.f32 {%s}, [%%x_at+%d];", run("%x", i, 4), 4*i, run("%x", i+4, 4), 4*i+16)
	}
	if c.sums == 0 {
		return t.String()
	}
	t.line("// sums of x, for the minima")
	for s := range c.unit / c.sums {
		from := s * c.sums
		t.line("add.f32 %%sum%d, %%x%d, %%x%d;", s, from, from+1)
		var adds []string
		for i := from + 2; i < from+c.sums; i++ {
			adds = append(adds, fmt.Sprintf("add.f32 %%sum%d, %%sum%d, %%x%d;", s, s, i))
		}
		for i := 0; i < len(adds); i += 8 {
			t.line("%s", strings.Join(adds[i:min(i+8, len(adds))], " "))
		}
	}
	return t.String()
}

// loadRaggedX loads a unit of which the end may lie past K, as zeros, from an address
// that may be a multiple of 4 only.
func (c codec) loadRaggedX(t *text) {
	for i := 0; i < c.unit; i += 4 {
		t.line("mov.f32 %%x%d, 0f00000000; mov.f32 %%x%d, 0f00000000; mov.f32 %%x%d, 0f00000000; mov.f32 %%x%d, 0f00000000;", i, i+1, i+2, i+3)
	}
	t.line("{")
	t.line(".reg .u32 %%here; .reg .u64 %%low;")
	t.line("shl.b32 %%here, %%unit, %d;", log2(c.unit))
	t.line("sub.u32 %%here, %%K, %%here; // numbers of x from here on")
	t.line("cvt.u64.u32 %%low, %%K;")
	t.line("shl.b64 %%low, %%low, 2;")
	t.line("or.b64 %%low, %%low, %%x_row;")
	t.line("and.b64 %%low, %%low, 15;")
	t.line("setp.ne.u64 %%p, %%low, 0; // rows of x are no whole 16-byte pieces")
	t.line("@%%p bra ONE_BY_ONE;")
	for i := 0; i < c.unit; i += 4 {
		if i == 0 {
			t.line("ld.global.nc.v4.f32 {%s}, [%%x_at];", run("%x", 0, 4))
			continue
		}
		t.line("setp.gt.u32 %%p, %%here, %d;", i)
		t.line("@%%p ld.global.nc.v4.f32 {%s}, [%%x_at+%d];", run("%x", i, 4), 4*i)
	}
	t.line("bra HAVE_X;")
	t.line("ONE_BY_ONE:")
	for i := range c.unit {
		t.line("setp.gt.u32 %%p, %%here, %d; @%%p ld.global.nc.f32 %%x%d, [%%x_at+%d];", i, i, 4*i)
	}
	t.line("}")
	t.line("HAVE_X:")
}

// loadRow loads the next row into register set i, if there is one.
func (c codec) loadRow(t *text, i int) {
	t.line("setp.ne.u32 %%p, %%left, 0; @%%p sub.u32 %%left, %%left, 1;")
	for _, p := range c.loads() {
		op, regs := p.ld(set(i))
		t.line("@%%p %s %s, [%%%s_at]; add.u64 %%%s_at, %%%s_at, %%%s_stride;", op, regs, p.Name, p.Name, p.Name, p.Name)
	}
}

func (c codec) preload() string {
	t := &text{}
	for i := range c.depth {
		c.loadRow(t, i)
	}
	return t.String()
}

// explain says how codes become numbers, before the loop that does it.
func (c codec) explain() string {
	if c.isFloat() {
		return ""
	}
	t := &text{}
	t.line("// Four codes at a time: c = the codes of four neighbouring numbers, one to a byte. Put under the")
	t.line("// exponent of 2^23, a byte is the float32 2^23 + code; subtracting origin is exact. The scale is")
	t.line("// applied once to the sum over all numbers that share it.")
	return t.String()
}

func (c codec) rows() string {
	t := &text{}
	for i := range c.depth {
		t.line("ld.shared.f32 %%acc, [%%cell+%d]; // row i+%d: acc = partial[warp][i+%d][lane]", 128*i, i, i)
		c.row(t, set(i))
		t.line("st.shared.f32 [%%cell+%d], %%acc; // and row i+%d takes the registers", 128*i, i+c.depth)
		c.loadRow(t, i)
	}
	return t.String()
}
