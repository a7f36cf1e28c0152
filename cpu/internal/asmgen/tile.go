package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// element is the type of a float weight.
type element struct {
	name, goType string
	bytes        int
}

var (
	elementF32  = element{"F32", "float32", 4}
	elementF16  = element{"F16", "uint16", 2}
	elementBF16 = element{"BF16", "uint16", 2}
)

// emitTiles writes products of some rows of x with some of w. Every product of a pair of
// rows is one vector of sums: number i is added to lane i mod the vector's length with a
// fused multiplication and addition, and sum4 adds up the lanes at the end. So the bits of
// a product do not depend on the tile that it is computed in.
//
// A tile is as great as the registers allow: 6x4 sums and 24 FMAs for 10 loads with
// AVX-512, where 2 FMAs and 2 loads start in a cycle; 3x4 with AVX2.
func emitTiles(g *gen) {
	for _, g.level = range []level{avx2, avx512} {
		most := 3
		if g.wide() {
			most = 6
		}
		for m := 1; m <= most; m++ {
			for _, n := range []int{4, 1} {
				g.tile(m, n, elementF32)
			}
		}
		for _, e := range []element{elementF16, elementBF16} {
			g.tile(1, 4, e)
			g.tile(1, 1, e)
		}
	}
}

func (g *gen) tile(m, n int, e element) {
	g.function(fmt.Sprintf("Tile%dx%d%s", m, n, e.name),
		fmt.Sprintf("func(y *float32, stride int, x *float32, w *%s, k int)", e.goType),
		"y[t*stride+j] = sum_i x[t*k+i]*w[j*k+i] for %d rows of x and %d of w.", m, n)
	t := &tileCode{gen: g, m: m, n: n, element: e}
	y, stride := g.arg("y"), g.arg("stride")
	g.SHLQ(operand.U8(2), stride)
	x, w, k := g.arg("x"), g.arg("w"), g.arg("k")
	xBytes, wBytes := g.times(k, 4), g.times(k, e.bytes)
	t.x, t.w = g.rowsOf(m, x, xBytes), g.rowsOf(n, w, wBytes)
	t.acc = g.zeros(m * n)

	ahead := g.GP64()
	g.MOVQ(w, ahead)
	steps := g.GP64()
	g.MOVQ(k, steps)
	g.SHRQ(log2(g.lanes), steps)
	g.JZ(operand.LabelRef("rest"))
	g.Label("step")
	t.step(func(row int, v reg.VecVirtual) { g.VMOVUPS(t.x.at(row, 0), v) },
		func(row int, v reg.VecVirtual) { t.load(t.w.at(row, 0), v) })
	if m == 1 && n == 4 { // decoding, which waits for memory
		bytes := 4 * e.bytes * g.lanes // of the next four rows, from first to last
		g.prefetch(ahead, wBytes, bytes)
		g.ADDQ(operand.U32(bytes), ahead)
	}
	g.advance(t.x, 4*g.lanes)
	g.advance(t.w, e.bytes*g.lanes)
	g.DECQ(steps)
	g.JNZ(operand.LabelRef("step"))
	g.Label("rest")
	g.ANDQ(operand.U8(uint8(g.lanes-1)), k)
	g.JZ(operand.LabelRef("sums"))
	t.rest(k)

	g.Label("sums")
	for row := range m {
		g.storeSums(t.acc[row*n:(row+1)*n], at(y, 0))
		if row+1 < m {
			g.ADDQ(stride, y)
		}
	}
	g.end()
}

// tileCode is a tile while it is written.
type tileCode struct {
	*gen
	element
	m, n int
	x, w rows
	acc  []reg.VecVirtual // by row of x, then of w
}

// load is a vector of weights as float32.
func (t *tileCode) load(from operand.Op, v reg.VecVirtual) {
	switch t.element {
	case elementF16:
		t.VCVTPH2PS(from, v)
	case elementBF16: // the upper half of a float32
		t.VPMOVZXWD(from, v)
		t.VPSLLD(operand.U8(16), v, v)
	default:
		t.VMOVUPS(from, v)
	}
}

// step is one vector of each row. The side with fewer rows stays in registers.
func (t *tileCode) step(loadX, loadW func(row int, v reg.VecVirtual)) {
	if t.m >= t.n {
		ws := make([]reg.VecVirtual, t.n)
		for j := range ws {
			ws[j] = t.vec()
			loadW(j, ws[j])
		}
		for i := range t.m {
			x := t.vec()
			loadX(i, x)
			for j, w := range ws {
				t.VFMADD231PS(x, w, t.acc[i*t.n+j])
			}
		}
		return
	}
	xs := make([]reg.VecVirtual, t.m)
	for i := range xs {
		xs[i] = t.vec()
		loadX(i, xs[i])
	}
	for j := range t.n {
		w := t.vec()
		loadW(j, w)
		for i, x := range xs {
			t.VFMADD231PS(x, w, t.acc[i*t.n+j])
		}
	}
}

// lastStep is step with fewer registers, to leave one for a mask: x is loaded again for
// each row of w.
func (t *tileCode) lastStep(loadX, loadW func(row int, v reg.VecVirtual)) {
	for j := range t.n {
		w := t.vec()
		loadW(j, w)
		for i := range t.m {
			x := t.vec()
			loadX(i, x)
			t.VFMADD231PS(x, w, t.acc[i*t.n+j])
		}
	}
}

// rest is the step of the last k < lanes numbers. Nothing past them is read.
func (t *tileCode) rest(k reg.GPVirtual) {
	var slot operand.Mem
	if t.bytes == 2 {
		slot = t.AllocLocal(32)
	}
	masked := t.maskedLoad(k)
	t.lastStep(func(row int, v reg.VecVirtual) { masked(t.x.at(row, 0), v) },
		func(row int, v reg.VecVirtual) {
			if t.bytes == 4 {
				masked(t.w.at(row, 0), v)
				return
			}
			// No masked load of 16-bit numbers in AVX2: they are copied to a zeroed slot.
			zero := t.zero()
			t.VMOVUPS(zero.AsY(), slot)
			from, i, number := t.GP64(), t.GP64(), t.GP64()
			t.LEAQ(t.w.at(row, 0), from)
			t.XORQ(i, i)
			label := fmt.Sprintf("copy%d", row)
			t.Label(label)
			t.MOVWLZX(operand.Mem{Base: from, Index: i, Scale: 2}, number.As32())
			t.MOVW(number.As16(), slot.Idx(i, 2))
			t.INCQ(i)
			t.CMPQ(i, k)
			t.JB(operand.LabelRef(label))
			t.load(slot, v)
		})
}

// maskedLoad gives a load of k < lanes float32 numbers, with zeros after them.
func (g *gen) maskedLoad(k reg.GPVirtual) func(from operand.Mem, v reg.VecVirtual) {
	if g.wide() {
		mask := g.mask(k)
		return func(from operand.Mem, v reg.VecVirtual) { g.VMOVUPS_Z(from, mask, v) }
	}
	mask := g.tailMask(k)
	return func(from operand.Mem, v reg.VecVirtual) { g.VMASKMOVPS(from, mask, v) }
}

// mask is the lowest k < 16 bits.
func (g *gen) mask(k reg.GPVirtual) reg.Register {
	bits, mask := g.GP64(), g.K()
	g.MOVQ(operand.I32(-1), bits)
	g.BZHIQ(k, bits, bits)
	g.KMOVW(bits.As32(), mask)
	return mask
}

// tailMask is AVX2's mask of the lowest k < 8 lanes.
func (g *gen) tailMask(k reg.GPVirtual) reg.VecVirtual {
	table := g.ints("tailMask", -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0)
	from, mask := g.GP64(), g.YMM()
	g.LEAQ(table.Offset(32), from)
	g.SUBQ(g.times(k, 4), from)
	g.VMOVUPS(at(from, 0), mask)
	return mask
}
