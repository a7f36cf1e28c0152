package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	panelRows = 32 // rows of weights in a panel of integers: two vectors of int32
	tileRows  = 4  // rows of activations that share the loads of a panel
)

// emitInt8Tiles writes products of a panel of 32 weight rows, whose codes are interleaved
// by four, with four rows of activations. A lane belongs to a weight row, so that nothing
// is added up across lanes; four activations are broadcast to all of them. Sums over a
// sub-block are exact.
//
// For 32 numbers, 64 VPDPBUSD stand against 24 instructions that scale: two start in a
// cycle, so about 0.7 of 128 products a cycle can be reached.
func emitInt8Tiles(g *gen) {
	g.level = level{"VNNI", 16}
	for planes := 1; planes <= 2; planes++ {
		for _, zero := range []int{8, 16, 128} {
			g.int8Tile(fmt.Sprintf("Int%dTile32Zero%d", 8*planes, zero), planes, 32, zero)
		}
		for _, zero := range []int{4, 32} {
			g.int8Tile(fmt.Sprintf("Int%dTile16Zero%d", 8*planes, zero), planes, 16, zero)
		}
		g.int8Tile(fmt.Sprintf("Int%dTile32Offsets", 8*planes), planes, 32, 0)
	}
	g.interleave()
}

// int8Tile is for sub-blocks of so many numbers. All codes have zero added to them; with
// zero = 0 each sub-block has an offset of its own.
func (g *gen) int8Tile(name string, planes, sub, zero int) {
	of := "scale*(code-zero)"
	if zero == 0 {
		of = "scale*code + offset"
	}
	g.function(name, "func(y *float32, stride int, codes *byte, scales, offsets *float32, q *int8, d, sums *float32, blocks int)",
		"y[t*stride+j] = row j . x[t] for %d rows of activations x and %d of weights, which are %s, "+
			"one scale for %d codes. codes is [blocks][8][%d][4], scales and offsets [blocks*%d][%d], q [%d][blocks*%d][32], "+
			"d [%d][blocks]; sums is, like q's scales, the sums of activations: negated int32 or, with offsets, times d.",
		tileRows, panelRows, of, sub, panelRows, 32/sub, panelRows, tileRows, planes, tileRows)
	t := &int8Tile{gen: g, planes: planes, sub: sub, zero: zero, y: g.arg("y"), codes: g.arg("codes"), scales: g.arg("scales"), offsets: g.arg("offsets")}
	stride, blocks := g.times(g.arg("stride"), 4), g.arg("blocks")
	t.q = g.rowsOf(tileRows, g.arg("q"), g.times(blocks, 32*planes))
	t.d = g.rowsOf(tileRows, g.arg("d"), g.times(blocks, 4))
	t.sums = g.rowsOf(tileRows, g.arg("sums"), g.times(blocks, 4*32/sub))
	for i := range t.acc {
		t.acc[i] = g.zero()
	}
	g.Label("block")
	for part := range 32 / sub {
		t.part(part)
	}
	g.ADDQ(operand.U32(32*panelRows), t.codes)
	g.ADDQ(operand.U32(4*panelRows*32/sub), t.scales)
	if zero == 0 {
		g.ADDQ(operand.U32(4*panelRows*32/sub), t.offsets)
	}
	g.advance(t.q, 32*planes)
	g.advance(t.d, 4)
	g.advance(t.sums, 4*32/sub)
	g.DECQ(blocks)
	g.JNZ(operand.LabelRef("block"))
	for row := range tileRows {
		g.VMOVUPS(t.acc[2*row], at(t.y, 0))
		g.VMOVUPS(t.acc[2*row+1], at(t.y, 64))
		if row+1 < tileRows {
			g.ADDQ(stride, t.y)
		}
	}
	g.end()
}

// int8Tile is a tile of integers while it is written.
type int8Tile struct {
	*gen
	planes, sub, zero         int
	y, codes, scales, offsets reg.GPVirtual
	q, d, sums                rows
	acc                       [2 * tileRows]reg.VecVirtual
}

// part is one sub-block.
func (t *int8Tile) part(part int) {
	var sum [2 * tileRows]reg.VecVirtual
	for row := range tileRows {
		a, b := t.ZMM(), t.ZMM()
		if t.zero > 0 && t.planes == 1 { // begin at -zero*sum(q)
			t.negative(row, part, a)
			t.VMOVDQA32(a, b)
		} else {
			t.VPXORD(a, a, a)
			t.VPXORD(b, b, b)
		}
		sum[2*row], sum[2*row+1] = a, b
	}
	t.products(part, 0, &sum)
	if t.planes == 2 { // the high integers count 128 times
		for row := range tileRows {
			negative := t.ZMM()
			if t.zero > 0 {
				t.negative(row, part, negative)
			}
			for _, s := range sum[2*row : 2*row+2] {
				t.VPSLLD(operand.U8(7), s, s)
				if t.zero > 0 {
					t.VPADDD(negative, s, s)
				}
			}
		}
		t.products(part, 1, &sum)
	}
	for v := range 2 {
		scale := t.ZMM()
		t.VMOVUPS(at(t.scales, 4*panelRows*part+64*v), scale)
		for row := range tileRows {
			both, s := t.ZMM(), sum[2*row+v]
			t.VMULPS_BCST(t.d.at(row, 0), scale, both)
			t.VCVTDQ2PS(s, s)
			t.VFMADD231PS(s, both, t.acc[2*row+v])
		}
		if t.zero == 0 {
			offset := t.ZMM()
			t.VMOVUPS(at(t.offsets, 4*panelRows*part+64*v), offset)
			for row := range tileRows {
				t.VFMADD231PS_BCST(t.sums.at(row, 4*part), offset, t.acc[2*row+v])
			}
		}
	}
}

// negative is -zero*sum(q) in all lanes.
func (t *int8Tile) negative(row, part int, v reg.VecVirtual) {
	t.VPBROADCASTD(t.sums.at(row, 4*part), v)
	t.VPSLLD(operand.U8(uint8(bits.TrailingZeros(uint(t.zero)))), v, v)
}

// products adds the products of a sub-block with one plane of the activations.
func (t *int8Tile) products(part, plane int, sum *[2 * tileRows]reg.VecVirtual) {
	for four := part * t.sub / 4; four < (part+1)*t.sub/4; four++ {
		var w [2]reg.VecVirtual
		for v := range w {
			w[v] = t.ZMM()
			t.VMOVDQU32(at(t.codes, 4*panelRows*four+64*v), w[v])
		}
		for row := range tileRows {
			x := t.ZMM()
			t.VPBROADCASTD(t.q.at(row, 32*plane+4*four), x)
			for v := range w {
				t.VPDPBUSD(x, w[v], sum[2*row+v])
			}
		}
	}
}

// interleave writes what puts codes into a panel's order: four neighbours of a row go to
// one lane. 16 rows of 32 codes are a transposition of 16 by 8 words, done as two of 8 by
// 8 side by side: rows r and r+8 are the halves of vector r.
func (g *gen) interleave() {
	g.function("Interleave", "func(panel *byte, codes *byte, k int)",
		"panel[i/4][row][i%%4] = codes[row*k+i] for 16 rows and i < k, a multiple of 32; rows i/4 of panel are %d bytes apart.", 4*panelRows)
	panel, codes, k := g.arg("panel"), g.arg("codes"), g.arg("k")
	from := g.pointers(8, codes, k)
	far, blocks := g.times(k, 8), g.GP64()
	g.MOVQ(k, blocks)
	g.SHRQ(operand.U8(5), blocks)
	firsts := g.vec()
	seconds := g.vec()
	g.VMOVDQU64(g.quads("firsts", 0, 1, 8, 9, 4, 5, 12, 13), firsts)
	g.VMOVDQU64(g.quads("seconds", 2, 3, 10, 11, 6, 7, 14, 15), seconds)
	g.Label("block")
	var r [8]reg.VecVirtual
	for i, p := range from {
		r[i] = g.ZMM()
		g.VMOVDQU(at(p, 0), r[i].AsY())
		g.VINSERTI64X4(operand.U8(1), operand.Mem{Base: p, Index: far, Scale: 1}, r[i], r[i])
	}
	a, b := g.transpose4(r[0], r[1], r[2], r[3]), g.transpose4(r[4], r[5], r[6], r[7])
	for j := range a {
		low := g.ZMM()
		g.VMOVDQA64(a[j], low)
		g.VPERMT2Q(b[j], firsts, low)
		g.VMOVDQU64(low, at(panel, 4*panelRows*j))
		g.VPERMT2Q(b[j], seconds, a[j])
		g.VMOVDQU64(a[j], at(panel, 4*panelRows*(j+4)))
	}
	for _, p := range from {
		g.ADDQ(operand.U8(32), p)
	}
	g.ADDQ(operand.U32(8*4*panelRows), panel)
	g.DECQ(blocks)
	g.JNZ(operand.LabelRef("block"))
	g.end()
}

// transpose4 is, in each 16 bytes, a transposition of four by four words.
func (g *gen) transpose4(a, b, c, d reg.VecVirtual) [4]reg.VecVirtual {
	var t, u [4]reg.VecVirtual
	for i := range t {
		t[i], u[i] = g.ZMM(), g.ZMM()
	}
	g.VPUNPCKLDQ(b, a, t[0])
	g.VPUNPCKHDQ(b, a, t[1])
	g.VPUNPCKLDQ(d, c, t[2])
	g.VPUNPCKHDQ(d, c, t[3])
	g.VPUNPCKLQDQ(t[2], t[0], u[0])
	g.VPUNPCKHQDQ(t[2], t[0], u[1])
	g.VPUNPCKLQDQ(t[3], t[1], u[2])
	g.VPUNPCKHQDQ(t[3], t[1], u[3])
	return u
}
