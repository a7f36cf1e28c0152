package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// coder takes the codes of a block apart, 32 in the bytes of a YMM register, without the
// offset that a format may subtract from them: all are unsigned, except those of Q8_0.
type coder struct {
	*gen
	nibble, fifth, shifts, spread, single reg.VecVirtual // constants, as the format needs them
}

// bytesY is a constant byte in all 32.
func (g *gen) bytesY(name string, b byte) reg.VecVirtual {
	v := g.YMM()
	g.VPBROADCASTD(g.ints(name, int32(uint32(b)*0x01010101)), v)
	return v
}

// coder loads the constants that a format needs.
func (g *gen) coder(format string) *coder {
	c := &coder{gen: g}
	if format == "Q8_0" {
		return c
	}
	c.nibble = g.bytesY("nibbles", 15)
	switch format {
	case "Q4_0", "Q4_1", "Q5_0", "Q5_1":
		c.shifts = g.YMM()
		g.VMOVDQU(g.ints("upperNibbles", 0, 0, 0, 0, 4, 4, 4, 4), c.shifts)
	}
	switch format {
	case "Q5_0", "Q5_1":
		c.fifth = g.bytesY("fifths", 16)
		if g.level == vnni {
			break
		}
		c.spread, c.single = g.YMM(), g.YMM()
		g.VMOVDQU(g.ints("spread", 0, 0, 0x01010101, 0x01010101, 0x02020202, 0x02020202, 0x03030303, 0x03030303), c.spread)
		low, high := int32(0x08040201), int32(-0x7fbfdff0) // bits 0..3 and 4..7 of their bytes
		g.VMOVDQU(g.ints("single", low, high, low, high, low, high, low, high), c.single)
	case "Q5_K":
		c.fifth = g.bytesY("fifths", 16)
	case "Q6_K":
		c.fifth = g.bytesY("uppers", 0x30)
	case "Q2_K", "Q3_K":
		c.nibble = g.bytesY("twoBits", 3)
		c.fifth = g.bytesY("thirdBits", 4)
	}
	return c
}

// codes gives the codes of the block at p to use, from number i on.
func (c *coder) codes(format string, p reg.Register, use func(i int, codes reg.VecVirtual)) {
	switch format {
	case "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1":
		use(0, c.blockCodes(format, p, 0))
	case "Q4_K":
		for i := 0; i < 256; i += 32 {
			use(i, c.half32(at(p, 16+i/64*32), i/32%2 == 1))
		}
	case "Q5_K":
		for i := 0; i < 256; i += 32 {
			v := c.half32(at(p, 48+i/64*32), i/32%2 == 1)
			use(i, c.upper(at(p, 16), 4-i/32, v))
		}
	case "Q2_K":
		for i := 0; i < 256; i += 32 {
			use(i, c.twoBits(at(p, 16+i/128*32), i/32%4))
		}
	case "Q3_K":
		for i := 0; i < 256; i += 32 {
			v := c.twoBits(at(p, 32+i/128*32), i/32%4)
			use(i, c.upper(at(p, 0), 2-i/32, v))
		}
	case "Q6_K":
		for i := 0; i < 256; i += 32 {
			h, s := i/128, i/32%4
			v := c.half32(at(p, 64*h+32*(s%2)), s >= 2)
			use(i, c.upper(at(p, 128+32*h), 4-2*s, v))
		}
	}
}

// blockCodes is the codes of a block of 32 numbers, disp bytes after p.
func (c *coder) blockCodes(format string, p reg.Register, disp int) reg.VecVirtual {
	switch format {
	case "Q4_0":
		return c.sixteenBytes(at(p, disp+2))
	case "Q4_1":
		return c.sixteenBytes(at(p, disp+4))
	case "Q5_0":
		return c.fiveBitCodes(p, disp+2)
	case "Q5_1":
		return c.fiveBitCodes(p, disp+4)
	}
	v := c.YMM() // Q8_0
	c.VMOVDQU(at(p, disp+2), v)
	return v
}

// sixteenBytes is low nibbles, then high ones.
func (c *coder) sixteenBytes(from operand.Mem) reg.VecVirtual {
	v := c.YMM()
	c.VBROADCASTI128(from, v)
	c.VPSRLVD(c.shifts, v, v)
	c.VPAND(c.nibble, v, v)
	return v
}

// fiveBitCodes adds bit i of the word at disp as the fifth bit of code i.
func (c *coder) fiveBitCodes(p reg.Register, disp int) reg.VecVirtual {
	v, bits := c.sixteenBytes(at(p, disp+4)), c.YMM()
	if c.level == vnni { // the word is a mask as it is
		mask := c.K()
		c.KMOVD(at(p, disp), mask)
		c.VPADDB(c.fifth, v, mask, v)
		return v
	}
	c.VPBROADCASTD(at(p, disp), bits)
	c.VPSHUFB(c.spread, bits, bits)
	c.VPAND(c.single, bits, bits)
	c.VPCMPEQB(c.single, bits, bits)
	c.VPAND(c.fifth, bits, bits)
	c.VPOR(bits, v, v)
	return v
}

// half32 is the low or the high nibbles of 32 bytes.
func (c *coder) half32(from operand.Mem, high bool) reg.VecVirtual {
	v := c.YMM()
	if high {
		c.VMOVDQU(from, v)
		c.VPSRLW(operand.U8(4), v, v)
		c.VPAND(c.nibble, v, v)
	} else {
		c.VPAND(from, c.nibble, v)
	}
	return v
}

// twoBits is bits 2s and 2s+1 of 32 bytes.
func (c *coder) twoBits(from operand.Mem, s int) reg.VecVirtual {
	v := c.YMM()
	c.VMOVDQU(from, v)
	if s > 0 {
		c.VPSRLW(operand.U8(uint8(2*s)), v, v)
	}
	c.VPAND(c.nibble, v, v)
	return v
}

// upper adds the upper bits of the codes, which lie `up` bits too low in their bytes.
func (c *coder) upper(from operand.Mem, up int, codes reg.VecVirtual) reg.VecVirtual {
	v := c.YMM()
	c.VMOVDQU(from, v)
	switch {
	case up > 0:
		c.VPSLLW(operand.U8(uint8(up)), v, v)
	case up < 0:
		c.VPSRLW(operand.U8(uint8(-up)), v, v)
	}
	c.VPAND(c.fifth, v, v)
	c.VPOR(v, codes, codes)
	return codes
}
