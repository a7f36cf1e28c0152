package emulator

import (
	"math"
	"regexp"
	"strconv"
)

// matrixOp is one shape of mma.sync: D = A*B + C with A of m x k, B of k x n
// (n is always 8). Lane l holds the elements that fragment* name, with g = l/4
// and t = l%4. Source: "Matrix Fragments for mma" of the PTX manual.
type matrixOp struct {
	m, k       int
	ta, tb, tc scalar
	a, b, c, d []int32
	saturate   bool
}

// perReg is the number of elements in a 32-bit register.
func perReg(t scalar) int {
	if t == tU8 || t == tS8 {
		return 4
	}
	if t.half() {
		return 2
	}
	return 1
}

// fragmentA gives the row and column of element e of register r.
func (x *matrixOp) fragmentA(g, t, r, e int) (row, col int) {
	p := perReg(x.ta)
	if x.m == 8 {
		return g, p*t + e
	}
	return g + 8*(r&1), p*t + e + 4*p*(r>>1)
}

// fragmentB gives the row (of k) of element e of register r; the column is g.
func (x *matrixOp) fragmentB(t, r, e int) int {
	p := perReg(x.tb)
	return p*t + e + 4*p*r
}

// fragmentC gives the row and column of element e of register r.
func (x *matrixOp) fragmentC(g, t, r, e int) (row, col int) {
	if perReg(x.tc) == 2 {
		return g + 8*r, 2*t + e
	}
	return g + 8*(r>>1), 2*t + r&1
}

var matrixShape = regexp.MustCompile(`^m(8|16)n8k(4|8|16|32)$`)

// matrixFloor returns the lowest target and version of a shape, or zero when
// there is no such instruction.
func (x *matrixOp) matrixFloor(td scalar) (target, version int) {
	shape := x.m*100 + x.k
	bytes := perReg(x.ta) == 4 && perReg(x.tb) == 4 && x.ta.integer() && x.tb.integer()
	switch {
	case bytes && x.tc == tS32 && td == tS32:
		switch shape {
		case 816:
			return 75, 65
		case 1616, 1632:
			return 80, 70
		}
	case x.ta != x.tb:
	case x.ta == tF16 && (x.tc == tF16 || x.tc == tF32) && td == x.tc:
		switch shape {
		case 1608:
			return 75, 65
		case 1616:
			return 80, 70
		}
	case x.ta == tBF16 && x.tc == tF32 && td == tF32 && (shape == 1608 || shape == 1616),
		x.ta == tTF32 && x.tc == tF32 && td == tF32 && (shape == 1604 || shape == 1608):
		return 80, 70
	}
	return 0, 0
}

func decodeMma(b *builder, m *mods) error {
	x := &matrixOp{}
	ok := m.has("sync") && m.has("aligned")
	for _, s := range m.list {
		if f := matrixShape.FindStringSubmatch(s); f != nil {
			x.m, _ = strconv.Atoi(f[1])
			x.k, _ = strconv.Atoi(f[2])
			m.has(s)
			break
		}
	}
	ok = ok && m.has("row") && m.has("col")
	x.saturate = m.has("satfinite")
	td := m.typ()
	x.ta, x.tb, x.tc = m.typ(), m.typ(), m.typ()
	target, version := x.matrixFloor(td)
	if !ok || target == 0 || x.saturate && x.tc != tS32 {
		return b.fail("unknown instruction %s", b.st.op)
	}
	if err := b.need(target, version); err != nil {
		return err
	}
	if err := b.count(4, 4); err != nil {
		return err
	}
	ops := b.st.operands
	var err error
	bind := func(o operand, elements int, t scalar, dst bool) (cols []int32) {
		if err == nil {
			cols, err = b.registers(o, elements/32/perReg(t), dst)
		}
		return cols
	}
	x.a = bind(ops[1], x.m*x.k, x.ta, false)
	x.b = bind(ops[2], 8*x.k, x.tb, false)
	x.c = bind(ops[3], 8*x.m, x.tc, false)
	x.d = bind(ops[0], 8*x.m, td, true)
	b.in.class, b.in.control = ClassMatrix, ctlWhole
	if x.tc == tS32 {
		b.in.run = func(w *warp, _ *inst, _ uint32) { x.multiplyInt(w) }
	} else {
		b.in.run = func(w *warp, _ *inst, _ uint32) { x.multiplyFloat(w) }
	}
	return err
}

// matrices are the operands of one mma, B by columns.
type matrices[T float64 | int32] struct {
	a [16][32]T
	b [8][32]T
}

// elements are a register's, one column for each.
type elements[T float64 | int32] [4][32]T

// gather puts the operands in place; split takes a register apart.
func gather[T float64 | int32](x *matrixOp, w *warp, f *matrices[T], split func(w *warp, t scalar, c *col32, to *elements[T])) {
	w.counts.MatrixOps += int64(x.m * x.k * 8)
	p := perReg(x.ta)
	if p == 4 {
		w.counts.MatrixOps8 += int64(x.m * x.k * 8)
	}
	var of elements[T]
	for r, col := range x.a {
		split(w, x.ta, w.s32(col), &of)
		row, k := x.fragmentA(0, 0, r, 0)
		for e := range p {
			for l, v := range of[e] {
				f.a[(row+l>>2)&15][(k+p*(l&3)+e)&31] = v
			}
		}
	}
	for r, col := range x.b {
		split(w, x.tb, w.s32(col), &of)
		k := x.fragmentB(0, r, 0)
		for e := range p {
			for l, v := range of[e] {
				f.b[l>>2][(k+p*(l&3)+e)&31] = v
			}
		}
	}
}

func splitFloats(w *warp, t scalar, c *col32, to *elements[float64]) {
	switch t {
	case tTF32:
		for l, v := range c {
			to[0][l] = f64of(v &^ 0x1fff)
		}
	case tBF16:
		for l, v := range c {
			to[0][l], to[1][l] = f64of(v<<16), f64of(v&0xffff0000)
		}
	default:
		var high, x col32
		for l, v := range c {
			high[l] = v >> 16
		}
		for e, half := range []*col32{c, &high} {
			w.block.device.loops.halves(&x, half)
			for l, v := range x {
				to[e][l] = f64of(v)
			}
		}
	}
}

func splitBytes(_ *warp, t scalar, c *col32, to *elements[int32]) {
	for l, v := range c {
		for e := range to {
			to[e][l] = byteOf(t == tS8, v, e)
		}
	}
}

// dots multiplies row i of A with all columns of B.
func dots[T float64 | int32](f *matrices[T], i, k int, out *[8]T) {
	a := f.a[i&15][:k]
	for n := 0; n < 8; n += 4 {
		b0, b1, b2, b3 := f.b[n][:k], f.b[n+1][:k], f.b[n+2][:k], f.b[n+3][:k]
		var s0, s1, s2, s3 T
		for j, v := range a {
			s0 += v * b0[j]
			s1 += v * b1[j]
			s2 += v * b2[j]
			s3 += v * b3[j]
		}
		out[n], out[n+1], out[n+2], out[n+3] = s0, s1, s2, s3
	}
}

// accumulators copies C, whose registers may be among those of D.
func (x *matrixOp) accumulators(w *warp) (acc [4]col32) {
	for r, col := range x.c {
		acc[r&3] = *w.s32(col)
	}
	return acc
}

// multiplyFloat adds exact products in float64 and rounds once. The hardware
// keeps fewer bits of the sum and truncates; both are within the usual bound of
// one f32 rounding a term.
func (x *matrixOp) multiplyFloat(w *warp) {
	var f matrices[float64]
	gather(x, w, &f, splitFloats)
	var sum [16][8]float64
	for i := range x.m {
		dots(&f, i, x.k, &sum[i])
	}
	acc := x.accumulators(w)
	for r := range x.d {
		c, d := &acc[r], &w.r32[x.d[r]]
		for l := range d {
			if x.tc == tF32 {
				row, col := x.fragmentC(l/4, l%4, r, 0)
				d[l] = bits32(float32(sum[row&15][col&7] + f64of(c[l])))
				continue
			}
			v := uint32(0)
			for e := range 2 {
				row, col := x.fragmentC(l/4, l%4, r, e)
				v |= halfFormat.round(sum[row&15][col&7]+float64(halfToFloat(c[l]>>(16*e)&0xffff)), roundNearest) << (16 * e)
			}
			d[l] = v
		}
	}
}

func (x *matrixOp) multiplyInt(w *warp) {
	var f matrices[int32]
	gather(x, w, &f, splitBytes)
	var sum [16][8]int32
	for i := range x.m {
		dots(&f, i, x.k, &sum[i])
	}
	acc := x.accumulators(w)
	for r := range x.d {
		c, d := &acc[r], &w.r32[x.d[r]]
		for l := range d {
			row, col := x.fragmentC(l/4, l%4, r, 0)
			v := int64(sum[row&15][col&7]) + int64(int32(c[l]))
			if x.saturate {
				v = min(max(v, math.MinInt32), math.MaxInt32)
			}
			d[l] = uint32(v)
		}
	}
}
