package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vnni is 32-byte vectors with AVX-512's products of bytes.
var vnni = level{"VNNI", 8}

// emitInt8Dots writes products of packed rows with activations as 8-bit integers. Codes
// and activations of a sub-block are multiplied and added up exactly, in eight int32
// sums; these are scaled and added to eight float32 sums.
//
// Nothing saturates: VPMADDUBSW adds two products of a code up to 63 with +-127, at most
// 16002; of Q8_0, where one may be 128, at most 32512.
func emitInt8Dots(g *gen) {
	for _, g.level = range []level{avx2, vnni} {
		for _, p := range packings {
			g.int8Dot(p, 4)
			g.int8Dot(p, 1)
		}
	}
	for _, g.level = range []level{avx2} {
		for _, p := range packings {
			g.unpackCodes(p)
		}
	}
}

func (g *gen) int8Dot(p packing, n int) {
	g.function(fmt.Sprintf("Int8Dot%d%s", n, p.name),
		"func(y *float32, w *byte, stride int, q *int8, d, sums *float32, blocks int)",
		"y[j] = row j . x for %d rows of blocks, stride bytes apart. x is integers q with "+
			"scales d, and sums is %s.", n, map[string]string{
			"Q4_0": "the negated sums of 32 integers, as int32",
			"Q5_0": "the negated sums of 32 integers, as int32",
			"Q8_0": "not read",
			"Q6_K": "the negated sums of 16 integers, as int32",
		}[p.name]+map[bool]string{true: "the sums of 32 integers times their scale"}[p.name == "Q4_1" || p.name == "Q5_1" || p.name == "Q4_K" || p.name == "Q5_K"])
	y, w, stride := g.arg("y"), g.arg("w"), g.arg("stride")
	c := &int8Code{coder: g.coder(p.name), packing: p, stride: stride, q: g.arg("q"), d: g.arg("d"), sums: g.arg("sums")}
	blocks := g.arg("blocks")
	ws := g.pointers(n, w, stride)
	if !c.vnni() {
		c.ones = g.YMM()
		g.VPBROADCASTD(g.ints("ones", 0x00010001), c.ones)
	}
	acc := make([]reg.VecVirtual, n)
	for j := range acc {
		acc[j] = g.zeroY()
	}
	group := 1
	if p.len == 32 {
		group = eight
	}
	for ; group > 0; group /= eight {
		c.loop(fmt.Sprintf("blocks%d", group), group, blocks, ws, acc)
	}
	g.storeSums(acc, at(y, 0))
	g.end()
}

// int8Code is an integer product while it is written.
type int8Code struct {
	*coder
	packing
	q, d, sums reg.GPVirtual
	stride     reg.GPVirtual
	ones       reg.VecVirtual
}

func (c *int8Code) vnni() bool { return c.level == vnni }

// multiply adds the products of 32 unsigned codes with x to sums.
func (c *int8Code) multiply(x operand.Op, codes, sums reg.VecVirtual) {
	if c.vnni() {
		c.VPDPBUSD(x, codes, sums)
		return
	}
	t := c.YMM()
	c.VPMADDUBSW(x, codes, t)
	c.VPMADDWD(c.ones, t, t)
	c.VPADDD(sums, t, sums)
}

// row adds a block of one row to acc.
func (c *int8Code) row(w reg.Register, acc reg.VecVirtual) {
	switch c.packing.name {
	case "Q4_K", "Q5_K":
		c.rowOffsets(w, acc)
	case "Q6_K":
		c.rowSixteens(w, acc)
	default:
		c.rowBlock(w, acc)
	}
}

// eight is how many blocks of 32 numbers have their scales worked out together.
const eight = 8

// loop goes through groups of blocks, as many as there are whole ones.
func (c *int8Code) loop(name string, group int, blocks reg.GPVirtual, ws []reg.GPVirtual, acc []reg.VecVirtual) {
	end := name + "End"
	c.SUBQ(operand.U8(uint8(group)), blocks)
	c.JL(operand.LabelRef(end))
	c.Label(name)
	for j, w := range ws {
		if group == eight {
			c.rowEight(w, acc[j])
		} else {
			c.row(w, acc[j])
		}
		if len(ws) == 4 {
			c.prefetch(w, c.stride, group*c.packing.bytes)
		}
		c.ADDQ(operand.U32(group*c.packing.bytes), w)
	}
	numbers := group * c.len
	c.ADDQ(operand.U32(numbers), c.q)
	c.ADDQ(operand.U32(numbers/8), c.d)
	sums := numbers / 8
	if c.packing.name == "Q6_K" {
		sums = numbers / 4
	}
	c.ADDQ(operand.U32(sums), c.sums)
	c.SUBQ(operand.U8(uint8(group)), blocks)
	c.JGE(operand.LabelRef(name))
	c.Label(end)
	c.ADDQ(operand.U8(uint8(group)), blocks)
}

// rowEight is eight blocks of 32 numbers. The scales are collected by loads into the parts
// of one vector, and multiplied with those of the activations together.
func (c *int8Code) rowEight(w reg.Register, acc reg.VecVirtual) {
	scales := c.YMM()
	switch c.packing.name {
	case "Q4_1", "Q5_1":
		offsets := c.scalesAndOffsets(w, scales)
		c.VFMADD231PS(at(c.sums, 0), offsets, acc)
	default:
		halves := c.XMM()
		c.VPXOR(halves, halves, halves)
		for b := range eight {
			c.VPINSRW(operand.U8(uint8(b)), at(w, b*c.packing.bytes), halves, halves)
		}
		c.VCVTPH2PS(halves, scales)
	}
	c.VMULPS(at(c.d, 0), scales, scales)
	slot := c.spilled(scales)
	for b := range eight {
		sum, scale := c.products(w, b), c.YMM()
		c.VBROADCASTSS(slot.Offset(4*b), scale)
		c.VCVTDQ2PS(sum, sum)
		c.VFMADD231PS(sum, scale, acc)
	}
}

// scalesAndOffsets is those of eight blocks that begin with both.
func (c *int8Code) scalesAndOffsets(w reg.Register, scales reg.VecVirtual) (offsets reg.VecVirtual) {
	var both [2]reg.VecVirtual // scale and offset of four blocks each
	for i := range both {
		both[i] = c.XMM()
		c.VMOVD(at(w, 4*i*c.packing.bytes), both[i])
		for b := 1; b < 4; b++ {
			c.VPINSRD(operand.U8(uint8(b)), at(w, (4*i+b)*c.packing.bytes), both[i], both[i])
		}
	}
	low, high := c.XMM(), c.XMM()
	offsets = c.YMM()
	// Even words are scales, odd ones offsets.
	c.VPBLENDW(operand.U8(0xaa), c.zeroY().AsX(), both[0], low)
	c.VPBLENDW(operand.U8(0xaa), c.zeroY().AsX(), both[1], high)
	c.VPACKUSDW(high, low, low)
	c.VCVTPH2PS(low, scales)
	c.VPSRLD(operand.U8(16), both[0], both[0])
	c.VPSRLD(operand.U8(16), both[1], both[1])
	c.VPACKUSDW(both[1], both[0], both[0])
	c.VCVTPH2PS(both[0], offsets)
	return offsets
}

// products is the sums of products of block b of 32 numbers, four at a time.
func (c *int8Code) products(w reg.Register, b int) reg.VecVirtual {
	sum, q := c.YMM(), at(c.q, 32*b)
	codes := c.blockCodes(c.packing.name, w, b*c.packing.bytes)
	switch c.packing.name {
	case "Q8_0": // the sign of a code goes to its activation
		x := c.YMM()
		c.VMOVDQU(q, x)
		c.VPSIGNB(codes, x, x)
		c.VPABSB(codes, codes)
		c.VPXOR(sum, sum, sum)
		c.multiply(x, codes, sum)
		return sum
	case "Q4_0": // eight lanes that begin at -sum(q) take off 8*sum(q)
		c.VPBROADCASTD(at(c.sums, 4*b), sum)
	case "Q5_0":
		c.VPBROADCASTD(at(c.sums, 4*b), sum)
		c.VPADDD(sum, sum, sum)
	default:
		c.VPXOR(sum, sum, sum)
	}
	c.multiply(q, codes, sum)
	return sum
}

// rowBlock is one block of 32 numbers.
func (c *int8Code) rowBlock(w reg.Register, acc reg.VecVirtual) {
	sum, scale, offset := c.products(w, 0), c.YMM(), reg.VecVirtual(nil)
	x := c.XMM()
	switch c.packing.name {
	case "Q4_1", "Q5_1":
		both := c.YMM()
		c.VPBROADCASTD(at(w, 0), x)
		c.VCVTPH2PS(x, both)
		offset = c.YMM()
		c.VMOVSLDUP(both, scale)
		c.VMOVSHDUP(both, offset)
	default:
		c.VPBROADCASTW(at(w, 0), x)
		c.VCVTPH2PS(x, scale)
	}
	d := c.YMM()
	c.VBROADCASTSS(at(c.d, 0), d)
	c.VMULPS(d, scale, scale)
	c.VCVTDQ2PS(sum, sum)
	c.VFMADD231PS(sum, scale, acc)
	if offset != nil { // an eighth in each lane
		c.VBROADCASTSS(at(c.sums, 0), d)
		eighth := c.YMM()
		c.VBROADCASTSS(c.floats("eighth", 0.125), eighth)
		c.VMULPS(eighth, d, d)
		c.VFMADD231PS(d, offset, acc)
	}
}

// rowOffsets is a super-block with eight scales and minima. The scales times those of the
// activations are worked out together, and all minima at once.
func (c *int8Code) rowOffsets(w reg.Register, acc reg.VecVirtual) {
	scales, mins := c.superScales(w)
	c.VMULPS(at(c.d, 0), scales, scales)
	c.VFNMADD231PS(at(c.sums, 0), mins, acc)
	slot := c.spilled(scales)
	c.codes(c.packing.name, w, func(i int, codes reg.VecVirtual) {
		sum, scale := c.zeroY(), c.YMM()
		c.multiply(at(c.q, i), codes, sum)
		c.VBROADCASTSS(slot.Offset(i/8), scale)
		c.VCVTDQ2PS(sum, sum)
		c.VFMADD231PS(sum, scale, acc)
	})
}

// rowSixteens is a super-block with sixteen scales, of Q6_K. The offset 32 is taken off
// with the sums of the activations.
func (c *int8Code) rowSixteens(w reg.Register, acc reg.VecVirtual) {
	x, factor, offset := c.XMM(), c.YMM(), c.YMM()
	c.VPBROADCASTW(at(w, 208), x)
	c.VCVTPH2PS(x, factor)
	c.VBROADCASTSS(c.floats("thirtyTwo", 32), offset)
	var scales []reg.VecVirtual
	for i := range 2 {
		s, pair, sums := c.YMM(), c.YMM(), c.YMM()
		c.VPMOVSXBD(at(w, 192+8*i), s)
		c.VCVTDQ2PS(s, s)
		c.VMULPS(factor, s, s)
		// Two scales for each one of the activations.
		c.VMOVUPS(c.ints("pairs", 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7).Offset(32*i), pair)
		c.VPERMPS(at(c.d, 0), pair, pair)
		c.VMULPS(pair, s, s)
		c.VCVTDQ2PS(at(c.sums, 32*i), sums)
		c.VMULPS(offset, sums, sums)
		c.VFMADD231PS(sums, s, acc)
		scales = append(scales, s)
	}
	slot := c.spilled(scales...)
	halves := c.YMM()
	c.VMOVUPS(c.ints("halves", 0, 0, 0, 0, 1, 1, 1, 1), halves)
	c.codes("Q6_K", w, func(i int, codes reg.VecVirtual) {
		sum, scale := c.zeroY(), c.YMM()
		c.multiply(at(c.q, i), codes, sum)
		c.VBROADCASTSD(slot.Offset(i/4), scale)
		c.VPERMILPS(halves, scale, scale) // four lanes each
		c.VCVTDQ2PS(sum, sum)
		c.VFMADD231PS(sum, scale, acc)
	})
}

// unpackCodes writes what unpacks codes to unsigned bytes.
func (g *gen) unpackCodes(p packing) {
	g.function("Codes"+p.name, "func(c *byte, w *byte, blocks int)",
		"c = the codes of so many blocks, before a format's offset is subtracted; those of Q8_0 plus 128.")
	c, w, n := g.arg("c"), g.arg("w"), g.arg("blocks")
	of := g.coder(p.name)
	g.Label("block")
	of.codes(p.name, w, func(i int, codes reg.VecVirtual) {
		if p.name == "Q8_0" {
			g.VPXOR(g.bytesY("signBits", 0x80), codes, codes)
		}
		g.VMOVDQU(codes, at(c, i))
	})
	g.ADDQ(operand.U32(p.bytes), w)
	g.ADDQ(operand.U32(p.len), c)
	g.DECQ(n)
	g.JNZ(operand.LabelRef("block"))
	g.end()
}
