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
// sums; these are scaled and added to eight float32 sums. With two planes of activations,
// 128*high + low, the sum of the high ones is multiplied with 128 before the low ones come
// to it; a block of 32 is 32 high ones and 32 low ones then.
//
// Nothing saturates: VPMADDUBSW adds two products of a code up to 63 with +-127, at most
// 16002; of Q8_0, where one may be 128, at most 32512.
func emitInt8Dots(g *gen) {
	for _, g.level = range []level{avx2, vnni} {
		for _, p := range packings {
			for planes := 1; planes <= 2; planes++ {
				if g.level == vnni && hasRecords(p.name) {
					continue
				}
				g.int8Dot(p, planes, 4)
				g.int8Dot(p, planes, 1)
			}
		}
	}
	for _, g.level = range []level{avx2} {
		for _, p := range packings {
			g.unpackCodes(p)
		}
	}
}

func (g *gen) int8Dot(p packing, planes, n int) {
	g.function(fmt.Sprintf("Int%dDot%d%s", 8*planes, n, p.name),
		"func(y *float32, w *byte, stride int, q *int8, d, sums *float32, blocks int)",
		"y[j] = row j . x for %d rows of blocks, stride bytes apart. x is integers q with "+
			"scales d, and sums is %s.", n, map[string]string{
			"Q4_0": "the negated sums of 32 integers, as int32",
			"Q5_0": "the negated sums of 32 integers, as int32",
			"Q8_0": "not read",
			"Q2_K": "the negated sums of 16 integers, as int32",
			"Q3_K": "the negated sums of 16 integers, as int32",
			"Q6_K": "the negated sums of 16 integers, as int32",
		}[p.name]+map[bool]string{true: "the sums of 32 integers times their scale"}[p.name == "Q4_1" || p.name == "Q5_1" || p.name == "Q4_K" || p.name == "Q5_K"])
	y, w, stride := g.arg("y"), g.arg("w"), g.arg("stride")
	c := &int8Code{coder: g.coder(p.name), packing: p, planes: planes, stride: stride, q: g.arg("q"), d: g.arg("d"), sums: g.arg("sums")}
	blocks := g.arg("blocks")
	ws := g.pointers(n, w, stride)
	if !c.vnni() {
		c.ones = g.YMM()
		g.VPBROADCASTD(g.ints("ones", 0x00010001), c.ones)
		if planes == 2 {
			c.weights = g.YMM()
			g.VPBROADCASTD(g.ints("highUnits", 0x00800080), c.weights)
		}
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
	ones       reg.VecVirtual // for AVX2, in words
	weights    reg.VecVirtual // 128 in words, what a high integer counts
	planes     int
}

func (c *int8Code) vnni() bool { return c.level == vnni }

// activation is where the integers of a plane begin that belong to number i and those
// after it.
func (c *int8Code) activation(i, plane int) operand.Mem {
	return at(c.q, i/32*32*c.planes+i%32+32*plane)
}

// multiply adds the products of 32 unsigned codes with the activations from number i on to
// sums. signs, if not nil, are codes whose signs the activations take.
func (c *int8Code) multiply(i int, codes, sums, signs reg.VecVirtual) {
	for plane := range c.planes {
		var x operand.Op = c.activation(i, plane)
		if signs != nil {
			v := c.YMM()
			c.VMOVDQU(x, v)
			c.VPSIGNB(signs, v, v)
			x = v
		}
		if c.vnni() {
			c.VPDPBUSD(x, codes, sums)
			if plane+1 < c.planes {
				c.VPSLLD(operand.U8(7), sums, sums)
			}
			continue
		}
		unit := c.ones
		if plane+1 < c.planes {
			unit = c.weights
		}
		t := c.YMM()
		c.VPMADDUBSW(x, codes, t)
		c.VPMADDWD(unit, t, t)
		c.VPADDD(sums, t, sums)
	}
}

// row adds a block of one row to acc.
func (c *int8Code) row(w reg.Register, acc reg.VecVirtual) {
	switch c.packing.name {
	case "Q4_K", "Q5_K":
		c.rowOffsets(w, acc)
	case "Q2_K", "Q3_K", "Q6_K":
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
	c.ADDQ(operand.U32(numbers*c.planes), c.q)
	c.ADDQ(operand.U32(numbers/8), c.d)
	sums := numbers / 8
	if c.sixteens() {
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
	sum := c.zeroY()
	codes := c.blockCodes(c.packing.name, w, b*c.packing.bytes)
	if c.packing.name == "Q8_0" {
		magnitudes := c.YMM()
		c.VPABSB(codes, magnitudes)
		c.multiply(32*b, magnitudes, sum, codes)
		return sum
	}
	c.multiply(32*b, codes, sum, nil)
	// Eight lanes that lose sum(q) each take off 8*sum(q).
	switch c.packing.name {
	case "Q4_0":
		c.addNegative(b, sum, 1)
	case "Q5_0":
		c.addNegative(b, sum, 2)
	}
	return sum
}

// addNegative adds -sum(q) of block b, so many times, to each lane.
func (c *int8Code) addNegative(b int, sum reg.VecVirtual, times int) {
	negative := c.YMM()
	c.VPBROADCASTD(at(c.sums, 4*b), negative)
	for range times {
		c.VPADDD(negative, sum, sum)
	}
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
		c.multiply(i, codes, sum, nil)
		c.VBROADCASTSS(slot.Offset(i/8), scale)
		c.VCVTDQ2PS(sum, sum)
		c.VFMADD231PS(sum, scale, acc)
	})
}

// sixteens says whether a scale belongs to 16 numbers.
func (c *int8Code) sixteens() bool {
	return c.packing.name == "Q2_K" || c.packing.name == "Q3_K" || c.packing.name == "Q6_K"
}

// rowSixteens is a super-block with sixteen scales. What is added to the codes, or a
// sub-block's minimum, is taken off with the sums of the activations.
func (c *int8Code) rowSixteens(w reg.Register, acc reg.VecVirtual) {
	slot := c.AllocLocal(64)
	var packed operand.Mem
	if c.packing.name == "Q3_K" {
		packed = c.sixBitScales(w)
	}
	for i := range 2 {
		s, offset := c.eightScales(w, packed, 8*i)
		pair, sums := c.YMM(), c.YMM()
		// Two scales for each one of the activations.
		c.VMOVUPS(c.ints("pairs", 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7).Offset(32*i), pair)
		c.VPERMPS(at(c.d, 0), pair, pair)
		c.VMULPS(pair, s, s)
		c.VCVTDQ2PS(at(c.sums, 32*i), sums)
		c.VMULPS(offset, sums, sums)
		if c.packing.name == "Q2_K" {
			c.VFMADD231PS(sums, pair, acc)
		} else {
			c.VFMADD231PS(sums, s, acc)
		}
		c.VMOVUPS(s, slot.Offset(32*i))
	}
	halves := c.YMM()
	c.VMOVUPS(c.ints("halves", 0, 0, 0, 0, 1, 1, 1, 1), halves)
	c.codes(c.packing.name, w, func(i int, codes reg.VecVirtual) {
		sum, scale := c.zeroY(), c.YMM()
		c.multiply(i, codes, sum, nil)
		c.VBROADCASTSD(slot.Offset(i/4), scale)
		c.VPERMILPS(halves, scale, scale) // four lanes each
		c.VCVTDQ2PS(sum, sum)
		c.VFMADD231PS(sum, scale, acc)
	})
}

// eightScales is scales of a super-block from number first on, and their minima or, for
// all, what has been added to the codes.
func (c *int8Code) eightScales(w reg.Register, packed operand.Mem, first int) (scales, offset reg.VecVirtual) {
	if c.packing.name == "Q2_K" {
		return (&decoder{gen: c.gen}).nibbleScales(w, first)
	}
	x, factor := c.XMM(), c.YMM()
	scales, offset = c.YMM(), c.YMM()
	if c.packing.name == "Q6_K" {
		c.VPBROADCASTW(at(w, 208), x)
		c.VBROADCASTSS(c.floats("thirtyTwoAdded", 32), offset)
		c.VPMOVSXBD(at(w, 192+first), scales)
	} else {
		c.VPBROADCASTW(at(w, 108), x)
		c.VBROADCASTSS(c.floats("fourAdded", 4), offset)
		c.VPMOVZXBD(packed.Offset(first), scales)
		c.VPSUBD(c.ints("thirtyTwos", 32, 32, 32, 32, 32, 32, 32, 32), scales, scales)
	}
	c.VCVTPH2PS(x, factor)
	c.VCVTDQ2PS(scales, scales)
	c.VMULPS(factor, scales, scales)
	return scales, offset
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
