package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packing is a quantised format. The layouts are drawn in the engine's package format,
// whose Dequantize the vectors equal to the bit: a product of code and scale rounded once,
// then an offset added and rounded again.
type packing struct {
	name       string
	bytes, len int // of a block
	// decode writes code that gives the numbers of the block at p, in order, to use: a
	// vector from number i on.
	decode func(d *decoder, p reg.Register, use func(i int, v reg.VecVirtual))
}

var packings = []packing{
	{"Q4_0", 18, 32, (*decoder).q4_0},
	{"Q4_1", 20, 32, (*decoder).q4_1},
	{"Q5_0", 22, 32, (*decoder).q5_0},
	{"Q5_1", 24, 32, (*decoder).q5_1},
	{"Q8_0", 34, 32, (*decoder).q8_0},
	{"Q2_K", 84, 256, (*decoder).q2_K},
	{"Q3_K", 110, 256, (*decoder).q3_K},
	{"Q4_K", 144, 256, (*decoder).q4_K},
	{"Q5_K", 176, 256, (*decoder).q5_K},
	{"Q6_K", 210, 256, (*decoder).q6_K},
}

// decoder is gen with the constants that were loaded before the loop over blocks.
type decoder struct {
	*gen
	codes reg.VecVirtual // AVX-512: the 16 codes of 4 bits as numbers, minus their offset
}

// prepare loads what the format needs for all blocks.
func (g *gen) prepare(p packing) *decoder {
	d := &decoder{gen: g}
	if !g.wide() {
		return d
	}
	switch p.name {
	case "Q4_0":
		d.codes = g.codes("signedCodes", -8)
	case "Q4_1", "Q4_K":
		d.codes = g.codes("plainCodes", 0)
	}
	return d
}

// codes is first, first+1, ... in the lanes of a vector.
func (g *gen) codes(name string, first float32) reg.VecVirtual {
	var numbers []float32
	for i := range 16 {
		numbers = append(numbers, first+float32(i))
	}
	v := g.vec()
	g.VMOVUPS(g.floats(name, numbers...), v)
	return v
}

// half is the binary16 number at from in all lanes.
func (g *gen) half(from operand.Mem) reg.VecVirtual {
	v := g.vec()
	if g.wide() {
		h := g.YMM()
		g.VPBROADCASTW(from, h)
		g.VCVTPH2PS(h, v)
	} else {
		h := g.XMM()
		g.VPBROADCASTW(from, h)
		g.VCVTPH2PS(h, v)
	}
	return v
}

// scaled is code*scale, plus offset if there is one.
func (d *decoder) scaled(code, scale, offset reg.VecVirtual) reg.VecVirtual {
	v := d.vec()
	d.VCVTDQ2PS(code, v)
	d.VMULPS(scale, v, v)
	if offset != nil {
		d.VADDPS(offset, v, v)
	}
	return v
}

// bytesAt is bytes from p+disp on as 32-bit integers.
func (d *decoder) bytesAt(p reg.Register, disp int) reg.VecVirtual {
	v := d.vec()
	d.VPMOVZXBD(at(p, disp), v)
	return v
}

// nibbles is the low or high four bits of bytes.
func (d *decoder) nibbles(v reg.VecVirtual, high bool) reg.VecVirtual {
	code := d.vec()
	if high {
		d.VPSRLD(operand.U8(4), v, code)
	} else {
		d.and(d.integer("nibble", 15), v, code)
	}
	return code
}

func (d *decoder) q8_0(p reg.Register, use func(int, reg.VecVirtual)) {
	scale := d.half(at(p, 0))
	for i := 0; i < 32; i += d.lanes {
		code := d.vec()
		d.VPMOVSXBD(at(p, 2+i), code)
		use(i, d.scaled(code, scale, nil))
	}
}

func (d *decoder) q4_0(p reg.Register, use func(int, reg.VecVirtual)) {
	scale := d.half(at(p, 0))
	if d.wide() {
		table := d.vec()
		d.VMULPS(d.codes, scale, table)
		d.lookUp(p, 2, table, table, use, 0)
		return
	}
	eight := d.integer("eight", 8)
	for i := 0; i < 32; i += d.lanes {
		code := d.nibbles(d.bytesAt(p, 2+i%16), i >= 16)
		d.VPSUBD(eight, code, code)
		use(i, d.scaled(code, scale, nil))
	}
}

func (d *decoder) q4_1(p reg.Register, use func(int, reg.VecVirtual)) {
	scale, offset := d.half(at(p, 0)), d.half(at(p, 2))
	if d.wide() {
		table := d.vec()
		d.VMULPS(d.codes, scale, table)
		d.VADDPS(offset, table, table)
		d.lookUp(p, 4, table, table, use, 0)
		return
	}
	for i := 0; i < 32; i += d.lanes {
		code := d.nibbles(d.bytesAt(p, 4+i%16), i >= 16)
		use(i, d.scaled(code, scale, offset))
	}
}

// lookUp is 16 bytes of codes with AVX-512: 16 low nibbles choose among the numbers of
// one table, the high ones, 16 numbers later, among those of another. VPERMPS looks at
// the low four bits of an index only.
func (d *decoder) lookUp(p reg.Register, disp int, low, high reg.VecVirtual, use func(int, reg.VecVirtual), i int) {
	index, v := d.bytesAt(p, disp), d.vec()
	d.VPERMPS(low, index, v)
	use(i, v)
	w := d.vec()
	d.VPSRLD(operand.U8(4), index, index)
	d.VPERMPS(high, index, w)
	use(i+16, w)
}

func (d *decoder) q5_0(p reg.Register, use func(int, reg.VecVirtual)) {
	d.fiveBits(p, 2, d.half(at(p, 0)), nil, use)
}

func (d *decoder) q5_1(p reg.Register, use func(int, reg.VecVirtual)) {
	d.fiveBits(p, 4, d.half(at(p, 0)), d.half(at(p, 2)), use)
}

// fiveBits is a block of Q5: bit i of the word at disp is the fifth bit of number i.
func (d *decoder) fiveBits(p reg.Register, disp int, scale, offset reg.VecVirtual, use func(int, reg.VecVirtual)) {
	bits, one := d.vec(), d.integer("one", 1)
	d.VPBROADCASTD(at(p, disp), bits)
	count := make([]int32, 32)
	for i := range count {
		count[i] = int32(i)
	}
	counts := d.ints("count", count...)
	for i := 0; i < 32; i += d.lanes {
		code := d.nibbles(d.bytesAt(p, disp+4+i%16), i >= 16)
		shift, bit := d.vec(), d.vec()
		d.VMOVDQUAny(counts.Offset(4*i), shift)
		d.VPSRLVD(shift, bits, bit)
		d.and(one, bit, bit)
		d.VPSLLD(operand.U8(4), bit, bit)
		d.or(bit, code, code)
		if offset == nil {
			d.VPSUBD(d.integer("sixteen", 16), code, code)
		}
		use(i, d.scaled(code, scale, offset))
	}
}

// VMOVDQUAny moves integers unchanged.
func (g *gen) VMOVDQUAny(from operand.Op, to reg.Register) { g.VMOVUPS(from, to) }

// superScales works out the scales d*scale and minima dmin*minimum of the eight
// sub-blocks of a Q4_K or Q5_K block, as two YMM registers.
func (g *gen) superScales(p reg.Register) (scales, mins reg.VecVirtual) {
	low, mid, high, t := g.GP32(), g.GP32(), g.GP32(), g.GP32()
	g.MOVL(at(p, 4), low)   // scales 0..3, two bits of scales 4..7
	g.MOVL(at(p, 8), mid)   // minima 0..3, two bits of minima 4..7
	g.MOVL(at(p, 12), high) // four bits of scales 4..7 and of minima 4..7
	six := func(from reg.GPVirtual, shift uint8) reg.VecVirtual {
		upper := g.GP32()
		g.MOVL(high, t)
		if shift > 0 {
			g.SHRL(operand.U8(shift), t)
		}
		g.ANDL(operand.U32(0x0f0f0f0f), t)
		g.MOVL(from, upper)
		g.SHRL(operand.U8(2), upper)
		g.ANDL(operand.U32(0x30303030), upper)
		g.ORL(t, upper)
		g.ANDL(operand.U32(0x3f3f3f3f), from)
		all, v := g.GP64(), g.YMM()
		g.MOVL(upper, all.As32())
		g.SHLQ(operand.U8(32), all)
		g.ORQ(from.As64(), all)
		x := g.XMM()
		g.VMOVQ(all, x)
		g.VPMOVZXBD(x, v)
		g.VCVTDQ2PS(v, v)
		return v
	}
	scales, mins = six(low, 0), six(mid, 4)
	// The two binary16 factors lie side by side.
	both, factors, d := g.XMM(), g.YMM(), g.YMM()
	g.VPBROADCASTD(at(p, 0), both)
	g.VCVTPH2PS(both, factors)
	g.VMOVSLDUP(factors, d)
	g.VMULPS(d, scales, scales)
	g.VMOVSHDUP(factors, d)
	g.VMULPS(d, mins, mins)
	return scales, mins
}

// spilled is numbers in the frame, to be broadcast one at a time by loads, which are
// cheaper than shuffles.
func (g *gen) spilled(vs ...reg.VecVirtual) operand.Mem {
	bytes := 0
	for _, v := range vs {
		bytes += int(v.Size())
	}
	slot := g.AllocLocal(bytes)
	at := 0
	for _, v := range vs {
		g.VMOVUPS(v, slot.Offset(at))
		at += int(v.Size())
	}
	return slot
}

// fromSlot is number i of a slot in all lanes.
func (g *gen) fromSlot(slot operand.Mem, i int) reg.VecVirtual {
	v := g.vec()
	g.VBROADCASTSS(slot.Offset(4*i), v)
	return v
}

func (d *decoder) q4_K(p reg.Register, use func(int, reg.VecVirtual)) {
	scales, mins := d.superScales(p)
	slot := d.spilled(scales, mins)
	for i := 0; i < 256; i += 64 {
		low := [2]reg.VecVirtual{d.fromSlot(slot, i/32), d.fromSlot(slot, 8+i/32)}
		high := [2]reg.VecVirtual{d.fromSlot(slot, i/32+1), d.fromSlot(slot, 8+i/32+1)}
		for half, of := range [][2]reg.VecVirtual{low, high} {
			var table reg.VecVirtual
			if d.wide() {
				table = d.vec()
				d.VMULPS(d.codes, of[0], table)
				d.VSUBPS(of[1], table, table)
			}
			for l := 0; l < 32; l += d.lanes {
				bytes, v := d.bytesAt(p, 16+i/2+l), d.vec()
				if d.wide() {
					if half == 1 {
						d.VPSRLD(operand.U8(4), bytes, bytes)
					}
					d.VPERMPS(table, bytes, v)
				} else {
					d.VCVTDQ2PS(d.nibbles(bytes, half == 1), v)
					d.VMULPS(of[0], v, v)
					d.VSUBPS(of[1], v, v)
				}
				use(i+32*half+l, v)
			}
		}
	}
}

func (d *decoder) q5_K(p reg.Register, use func(int, reg.VecVirtual)) {
	scales, mins := d.superScales(p)
	slot := d.spilled(scales, mins)
	bit := d.integer("fifthBit", 16)
	for i := 0; i < 256; i += d.lanes {
		s, l := i/32, i%32
		code := d.nibbles(d.bytesAt(p, 48+i/64*32+l), s%2 == 1)
		high := d.bytesAt(p, 16+l)
		d.shift(high, s-4)
		d.and(bit, high, high)
		d.or(high, code, code)
		v := d.vec()
		d.VCVTDQ2PS(code, v)
		d.VMULPS(d.fromSlot(slot, s), v, v)
		d.VSUBPS(d.fromSlot(slot, 8+s), v, v)
		use(i, v)
	}
}

// shift moves the bits of 32-bit integers down, or up if by is negative.
func (g *gen) shift(v reg.VecVirtual, by int) {
	switch {
	case by > 0:
		g.VPSRLD(operand.U8(uint8(by)), v, v)
	case by < 0:
		g.VPSLLD(operand.U8(uint8(-by)), v, v)
	}
}

func (d *decoder) q6_K(p reg.Register, use func(int, reg.VecVirtual)) {
	factor := d.half(at(p, 208))
	var scales []reg.VecVirtual
	for i := 0; i < 16; i += d.lanes {
		v := d.vec()
		d.VPMOVSXBD(at(p, 192+i), v)
		d.VCVTDQ2PS(v, v)
		d.VMULPS(factor, v, v)
		scales = append(scales, v)
	}
	slot := d.spilled(scales...)
	two, offset := d.integer("upperTwo", 0x30), d.integer("thirtyTwo", 32)
	for i := 0; i < 256; i += d.lanes {
		h, s, l := i/128, i/32%4, i%32
		code := d.nibbles(d.bytesAt(p, 64*h+32*(s%2)+l), s >= 2)
		high := d.bytesAt(p, 128+32*h+l)
		d.shift(high, 2*s-4)
		d.and(two, high, high)
		d.or(high, code, code)
		d.VPSUBD(offset, code, code)
		use(i, d.scaled(code, d.fromSlot(slot, i/16), nil))
	}
}

// q2_K: scale*code - minimum, by 16 numbers.
func (d *decoder) q2_K(p reg.Register, use func(int, reg.VecVirtual)) {
	var scales, mins []reg.VecVirtual
	for i := 0; i < 16; i += d.lanes {
		s, m := d.nibbleScales(p, i)
		scales, mins = append(scales, s), append(mins, m)
	}
	slot := d.spilled(append(scales, mins...)...)
	three := d.integer("three", 3)
	for i := 0; i < 256; i += d.lanes {
		h, s, l := i/128, i/32%4, i%32
		code := d.bytesAt(p, 16+32*h+l)
		d.shift(code, 2*s)
		d.and(three, code, code)
		v := d.vec()
		d.VCVTDQ2PS(code, v)
		d.VMULPS(d.fromSlot(slot, i/16), v, v)
		d.VSUBPS(d.fromSlot(slot, 16+i/16), v, v)
		use(i, v)
	}
}

// nibbleScales works out scales d*(low nibble) and minima dmin*(high nibble) of a Q2_K
// block, as many as lanes from number first on.
func (d *decoder) nibbleScales(p reg.Register, first int) (scales, mins reg.VecVirtual) {
	bytes := d.bytesAt(p, first)
	mins, scales = d.nibbles(bytes, true), d.nibbles(bytes, false)
	d.VCVTDQ2PS(mins, mins)
	d.VMULPS(d.half(at(p, 82)), mins, mins)
	d.VCVTDQ2PS(scales, scales)
	d.VMULPS(d.half(at(p, 80)), scales, scales)
	return scales, mins
}

// q3_K: scale*code, by 16 numbers, with 6-bit scales.
func (d *decoder) q3_K(p reg.Register, use func(int, reg.VecVirtual)) {
	factor := d.half(at(p, 108))
	var scales []reg.VecVirtual
	packed := d.sixBitScales(p)
	for i := 0; i < 16; i += d.lanes {
		v := d.vec()
		d.VPMOVZXBD(packed.Offset(i), v)
		d.VPSUBD(d.integer("thirtyTwo", 32), v, v)
		d.VCVTDQ2PS(v, v)
		d.VMULPS(factor, v, v)
		scales = append(scales, v)
	}
	slot := d.spilled(scales...)
	three, four := d.integer("three", 3), d.integer("fourth", 4)
	for i := 0; i < 256; i += d.lanes {
		h, s, l := i/128, i/32%4, i%32
		code := d.bytesAt(p, 32+32*h+l)
		d.shift(code, 2*s)
		d.and(three, code, code)
		high := d.bytesAt(p, l)
		d.shift(high, i/32-2)
		d.and(four, high, high)
		d.or(high, code, code)
		d.VPSUBD(four, code, code)
		use(i, d.scaled(code, d.fromSlot(slot, i/16), nil))
	}
}

// sixBitScales is the sixteen scales of a Q3_K block, with 32 added, as bytes in the frame:
// four low bits of scales s and s+8 in byte s, two high bits of scales s%4 + 0, 4, 8, 12 in
// one of the bytes after them.
func (g *gen) sixBitScales(p reg.Register) operand.Mem {
	slot := g.AllocLocal(16)
	nibbles, twos := g.quads("lowNibbles", 0x0f0f0f0f0f0f0f0f), g.quads("upperTwos", 0x3030303030303030)
	for i, first := range []uint8{0, 4} {
		scales, a, b := g.GP64(), g.GP64(), g.GP64()
		g.MOVQ(at(p, 96), scales)
		g.MOVL(at(p, 104), a.As32())
		if i == 1 {
			g.SHRQ(operand.U8(4), scales)
			g.SHRQ(operand.U8(first), a)
		}
		g.ANDQ(nibbles, scales)
		g.MOVQ(a, b) // for scales 4..7 of the eight
		g.SHLL(operand.U8(4), a.As32())
		g.SHLQ(operand.U8(34), b)
		g.ORQ(b, a)
		g.ANDQ(twos, a)
		g.ORQ(a, scales)
		g.MOVQ(scales, slot.Offset(8*i))
	}
	return slot
}
