package main

import (
	"fmt"
	"slices"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// recordFormat is a format of blocks of 32 numbers whose blocks are multiplied several at
// a time, with activations that were put into records in the order of the registers:
//
//	integers    64 bytes, or twice 64 for nibbles: the first halves of the blocks, the second ones
//	low         the same of the lower integers, if there are two planes
//	scales      16 float32: that of the block in each lane
//	ends        16 int32 or float32, see recordFormats
type recordFormat struct {
	name   string
	bytes  int // of a block
	blocks int // of a record
	codes  int // where the codes of a block begin
	zero   int // what codes have added to them
	offset bool
}

// Each lane of a sum begins with -zero*sum(q) of its integers, so that it is the sum of its
// products. With an offset, that is multiplied with the lane's d*sum(q).
var recordFormats = []recordFormat{
	{name: "Q4_0", bytes: 18, blocks: 4, codes: 2, zero: 8},
	{name: "Q4_1", bytes: 20, blocks: 4, codes: 4, offset: true},
	{name: "Q8_0", bytes: 34, blocks: 2, codes: 2, zero: 128},
}

// hasRecords says whether a format is one of these.
func hasRecords(name string) bool {
	return slices.ContainsFunc(recordFormats, func(f recordFormat) bool { return f.name == name })
}

func (f recordFormat) nibbles() bool { return f.blocks == 4 }

// emitRecordDots writes products of packed rows with records of activations, 64 codes in a
// vector. Two planes of integers, q = 128*high + low, cost another product and a shift.
func emitRecordDots(g *gen) {
	g.level = level{"VNNI", 16}
	for _, f := range recordFormats {
		for planes := 1; planes <= 2; planes++ {
			g.recordDot(f, planes, 4)
			g.recordDot(f, planes, 1)
			g.arrange(f, planes)
		}
	}
}

// arrange writes what puts integers, in blocks of 32 for each plane, into whole records.
func (g *gen) arrange(f recordFormat, planes int) {
	g.function(fmt.Sprintf("Arrange%d%s", 8*planes, f.name), "func(records *byte, q *int8, d *float32, n int)",
		"records = n records of the integers q with scales d.")
	to, q, d, n := g.arg("records"), g.arg("q"), g.arg("d"), g.arg("n")
	ones, spread := g.ZMM(), g.ZMM()
	g.VPBROADCASTD(g.ints("oneBytes", 0x01010101), ones)
	var lanes []int32
	for lane := range int32(16) {
		lanes = append(lanes, lane*int32(f.blocks)/16)
	}
	g.VMOVDQU32(g.ints(fmt.Sprintf("lanesOf%d", f.blocks), lanes...), spread)
	g.Label("record")
	sum, scale := g.zero(), g.ZMM()
	disp := 0
	for plane := range planes {
		if plane > 0 {
			g.VPSLLD(operand.U8(7), sum, sum)
		}
		parts := 1
		if f.nibbles() {
			parts = 2
		}
		for part := range parts {
			v := g.ZMM()
			for b := range f.blocks {
				from := at(q, 32*(planes*b+plane)+16*part)
				switch {
				case f.nibbles() && b == 0:
					g.VMOVDQU32(from, v.AsX())
				case f.nibbles():
					g.VINSERTI32X4(operand.U8(b), from, v, v)
				case b == 0:
					g.VMOVDQU32(from, v.AsY())
				default:
					g.VINSERTI64X4(operand.U8(b), from, v, v)
				}
			}
			g.VMOVDQU32(v, at(to, disp))
			g.VPDPBUSD(v, ones, sum)
			disp += 64
		}
	}
	if f.nibbles() {
		g.VMOVUPS(at(d, 0), scale.AsX())
	} else {
		g.VMOVSD(at(d, 0), scale.AsX())
	}
	g.VPERMPS(scale, spread, scale)
	g.VMOVUPS(scale, at(to, disp))
	if f.offset {
		g.VCVTDQ2PS(sum, sum)
		g.VMULPS(scale, sum, sum)
	} else {
		zero := g.zero()
		g.VPSLLD(log2(f.zero), sum, sum)
		g.VPSUBD(sum, zero, sum)
	}
	g.VMOVDQU32(sum, at(to, disp+64))
	g.ADDQ(operand.U32(disp+128), to)
	g.ADDQ(operand.U32(32*planes*f.blocks), q)
	g.ADDQ(operand.U32(4*f.blocks), d)
	g.DECQ(n)
	g.JNZ(operand.LabelRef("record"))
	g.end()
}

// recordCode is a product while it is written.
type recordCode struct {
	*gen
	recordFormat
	planes           int
	x                reg.GPVirtual
	nibble, sign     reg.VecVirtual // constants
	scaleAt, shiftAt reg.VecVirtual // the words of a step that are scales and offsets
	q, low           []reg.VecVirtual
	d                reg.VecVirtual
}

func (g *gen) recordDot(f recordFormat, planes, n int) {
	g.function(fmt.Sprintf("Int%dDot%d%s", 8*planes, n, f.name),
		"func(y *float32, w *byte, stride int, x *byte, steps, rest int)",
		"y[j] = row j . x for %d rows of blocks, stride bytes apart, and x in steps records of %d blocks, "+
			"and one more of rest blocks, if not 0.", n, f.blocks)
	y, w, stride := g.arg("y"), g.arg("w"), g.arg("stride")
	c := &recordCode{gen: g, recordFormat: f, planes: planes, x: g.arg("x")}
	steps, rest := g.arg("steps"), g.arg("rest")
	ws := g.pointers(n, w, stride)
	c.constants()
	acc := g.zeros(n)

	g.TESTQ(steps, steps)
	g.JZ(operand.LabelRef("rest"))
	g.Label("step")
	c.load()
	for j, w := range ws {
		window := at(w, 0)
		c.row(window, func(b int) operand.Mem { return at(w, b*f.bytes+f.codes) }, acc[j])
		if n == 4 {
			g.prefetch(w, stride, f.blocks*f.bytes)
		}
		g.ADDQ(operand.U32(f.blocks*f.bytes), w)
	}
	g.ADDQ(operand.U32(c.recordBytes()), c.x)
	g.DECQ(steps)
	g.JNZ(operand.LabelRef("step"))

	g.Label("rest")
	g.TESTQ(rest, rest)
	g.JZ(operand.LabelRef("sums"))
	c.load()
	offsets, mask := c.lastBlocks(rest)
	for j, w := range ws {
		window := g.ZMM()
		g.VMOVDQU16_Z(at(w, 0), mask, window)
		c.row(window, func(b int) operand.Mem {
			m := at(w, f.codes)
			if b > 0 {
				m.Index, m.Scale = offsets[b-1], 1
			}
			return m
		}, acc[j])
	}
	g.Label("sums")
	g.storeSums(acc, at(y, 0))
	g.end()
}

func (c *recordCode) recordBytes() int { return 64*len(c.q) + 64*len(c.low) + 128 }

// constants loads what all steps need.
func (c *recordCode) constants() {
	vectors := 1
	if c.nibbles() {
		vectors = 2
		c.nibble = c.ZMM()
		c.VPBROADCASTD(c.ints("nibbles", 0x0f0f0f0f), c.nibble)
	} else {
		c.sign = c.ZMM()
		c.VPBROADCASTD(c.ints("signBits", -0x7f7f7f80), c.sign)
	}
	c.scaleAt = c.words("scales"+c.name, 0)
	if c.offset {
		c.shiftAt = c.words("offsets"+c.name, 1)
	}
	for range vectors {
		c.q = append(c.q, c.ZMM())
		if c.planes == 2 {
			c.low = append(c.low, c.ZMM())
		}
	}
	c.d = c.ZMM()
}

// words is the numbers of the words, word first of each block, in each of a block's lanes.
func (c *recordCode) words(name string, first int) reg.VecVirtual {
	v := c.ZMM()
	var pairs [16]int32
	for lane := range 16 {
		word := int32(first + lane*c.blocks/16*c.bytes/2)
		pairs[lane/2] |= word << (16 * (lane % 2))
	}
	c.VMOVDQU32(c.ints(name, pairs[:]...), v)
	return v
}

// load loads the record of a step.
func (c *recordCode) load() {
	disp := 0
	for _, v := range append(append([]reg.VecVirtual{}, c.q...), append(c.low, c.d)...) {
		c.VMOVDQU32(at(c.x, disp), v)
		disp += 64
	}
}

// lastBlocks is how far after the first block blocks 1, 2, ... of the last record are, or
// the last of them where there are no more, and a mask of the words that there are.
func (c *recordCode) lastBlocks(rest reg.GPVirtual) (offsets []reg.GPVirtual, mask reg.Register) {
	last := c.GP64()
	c.LEAQ(at(rest, -1), last)
	for b := 1; b < c.blocks; b++ {
		o := c.GP64()
		c.MOVQ(operand.U32(b), o)
		c.CMPQ(o, last)
		c.CMOVQGT(last, o)
		c.IMUL3Q(operand.U8(c.bytes), o, o)
		offsets = append(offsets, o)
	}
	bits, k := c.GP64(), c.K()
	c.IMUL3Q(operand.U8(c.bytes/2), rest, rest)
	c.MOVQ(operand.I32(-1), bits)
	c.BZHIQ(rest, bits, bits)
	c.KMOVD(bits.As32(), k)
	return offsets, k
}

// row adds a step of one row to acc. window is its first 64 bytes, block the codes of a block.
func (c *recordCode) row(window operand.Op, block func(b int) operand.Mem, acc reg.VecVirtual) {
	halves, scales, codes := c.ZMM(), c.ZMM(), c.ZMM()
	end := at(c.x, c.recordBytes()-64)
	c.VPERMW(window, c.scaleAt, halves)
	c.VCVTPH2PS(halves.AsY(), scales)
	c.VMULPS(c.d, scales, scales)
	if c.offset {
		words, offsets := c.ZMM(), c.ZMM()
		c.VPERMW(window, c.shiftAt, words)
		c.VCVTPH2PS(words.AsY(), offsets)
		c.VFMADD231PS(end, offsets, acc)
	}
	var vectors []reg.VecVirtual
	if c.nibbles() {
		c.VMOVDQU32(block(0), codes.AsX())
		for b := 1; b < 4; b++ {
			c.VINSERTI32X4(operand.U8(uint8(b)), block(b), codes, codes)
		}
		high := c.ZMM()
		c.VPSRLW(operand.U8(4), codes, high)
		c.VPANDD(c.nibble, codes, codes)
		c.VPANDD(c.nibble, high, high)
		vectors = []reg.VecVirtual{codes, high}
	} else {
		c.VMOVDQU32(block(0), codes.AsY())
		c.VINSERTI64X4(operand.U8(1), block(1), codes, codes)
		c.VPXORD(c.sign, codes, codes)
		vectors = []reg.VecVirtual{codes}
	}
	sum := c.ZMM()
	if c.offset || c.planes == 2 {
		c.VPXORD(sum, sum, sum)
	} else {
		c.VMOVDQU32(end, sum)
	}
	for i, v := range vectors {
		c.VPDPBUSD(c.q[i], v, sum)
	}
	if c.planes == 2 {
		c.VPSLLD(operand.U8(7), sum, sum)
		if !c.offset {
			c.VPADDD(end, sum, sum)
		}
		for i, v := range vectors {
			c.VPDPBUSD(c.low[i], v, sum)
		}
	}
	c.VCVTDQ2PS(sum, sum)
	c.VFMADD231PS(sum, scales, acc)
}
