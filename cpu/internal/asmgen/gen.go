package main

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// level is an instruction set that code is written for. A function's name ends in its
// level's.
type level struct {
	name  string
	lanes int // float32 numbers in a vector
}

var (
	avx2   = level{"AVX2", 8}    // AVX2, FMA, F16C
	avx512 = level{"AVX512", 16} // and AVX-512 F, BW, VL, DQ
)

func (l level) wide() bool { return l.lanes == 16 }
func (l level) bytes() int { return 4 * l.lanes }

// gen writes one file of assembly.
type gen struct {
	*build.Context
	level
	data map[string]operand.Mem
}

// function starts a function of the present level.
func (g *gen) function(name, signature, doc string, args ...any) {
	g.Function(name + g.name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(signature)
	g.Doc(name + g.name + " is " + fmt.Sprintf(doc, args...))
}

// end returns from the function. The upper halves of the vectors are cleared, since code
// in the older encoding would wait for them.
func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

// arg is the function's parameter in a general register.
func (g *gen) arg(name string) reg.GPVirtual {
	return g.Load(g.Param(name), g.GP64()).(reg.GPVirtual)
}

// vec is a new vector of the level's width.
func (g *gen) vec() reg.VecVirtual {
	if g.wide() {
		return g.ZMM()
	}
	return g.YMM()
}

func (g *gen) zero() reg.VecVirtual {
	v := g.vec()
	if g.wide() {
		g.VPXORD(v, v, v)
	} else {
		g.VXORPS(v, v, v)
	}
	return v
}

func (g *gen) zeros(n int) []reg.VecVirtual {
	vs := make([]reg.VecVirtual, n)
	for i := range vs {
		vs[i] = g.zero()
	}
	return vs
}

// zeroY is a zero of 32 bytes.
func (g *gen) zeroY() reg.VecVirtual {
	v := g.YMM()
	g.VPXOR(v, v, v)
	return v
}

// prefetch asks for the bytes four rows further on, where the next call reads: four rows
// side by side are too many streams, too short each, for the processor to foresee all.
// Asking for what lies past the end does no harm.
func (g *gen) prefetch(row, stride reg.Register, bytes int) {
	for at := 0; at < bytes; at += 64 {
		g.PREFETCHT0(operand.Mem{Base: row, Index: stride, Scale: 4, Disp: at})
	}
}

// times is k times a power of two.
func (g *gen) times(k reg.GPVirtual, n int) reg.GPVirtual {
	r := g.GP64()
	g.MOVQ(k, r)
	g.SHLQ(log2(n), r)
	return r
}

// log2 is the shift that multiplies with n.
func log2(n int) operand.U8 { return operand.U8(bits.TrailingZeros(uint(n))) }

// at is the memory base + disp.
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// rows is how row r of some is addressed without a register for each: rows 0, 1, 2 are
// base + 0, 1, 2 strides, rows 3, 4, 5 the same from a second base.
type rows struct {
	bases  []reg.GPVirtual
	stride reg.GPVirtual // in bytes
}

// rowsOf lays n <= 6 rows from base on. base becomes a running pointer.
func (g *gen) rowsOf(n int, base, stride reg.GPVirtual) rows {
	r := rows{[]reg.GPVirtual{base}, stride}
	if n > 3 {
		second := g.GP64()
		g.LEAQ(operand.Mem{Base: base, Index: stride, Scale: 2}, second)
		g.ADDQ(stride, second)
		r.bases = append(r.bases, second)
	}
	return r
}

func (r rows) at(row, disp int) operand.Mem {
	m := operand.Mem{Base: r.bases[row/3], Disp: disp}
	if row%3 > 0 {
		m.Index, m.Scale = r.stride, uint8(row%3)
	}
	return m
}

func (g *gen) advance(r rows, bytes int) {
	for _, b := range r.bases {
		g.ADDQ(operand.U32(bytes), b)
	}
}

// table is constant data, once in a file.
func (g *gen) table(name string, put func()) operand.Mem {
	if m, ok := g.data[name]; ok {
		return m
	}
	if g.data == nil {
		g.data = map[string]operand.Mem{}
	}
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	put()
	g.data[name] = m
	return m
}

// floats is a table of float32 numbers.
func (g *gen) floats(name string, values ...float32) operand.Mem {
	return g.table(name, func() {
		for _, v := range values {
			g.AppendDatum(operand.U32(math.Float32bits(v)))
		}
	})
}

// ints is a table of int32 numbers.
func (g *gen) ints(name string, values ...int32) operand.Mem {
	return g.table(name, func() {
		for _, v := range values {
			g.AppendDatum(operand.U32(uint32(v)))
		}
	})
}

// quads is a table of int64 numbers.
func (g *gen) quads(name string, values ...uint64) operand.Mem {
	return g.table(name, func() {
		for _, v := range values {
			g.AppendDatum(operand.U64(v))
		}
	})
}

// number is a float32 constant in all lanes.
func (g *gen) number(name string, v float32) reg.VecVirtual {
	y := g.vec()
	g.VBROADCASTSS(g.floats(name, v), y)
	return y
}

// integer is an int32 constant in all lanes.
func (g *gen) integer(name string, v int32) reg.VecVirtual {
	y := g.vec()
	g.VPBROADCASTD(g.ints(name, v), y)
	return y
}

// and, or are bitwise operations, whose names differ between the levels.
func (g *gen) and(a, b operand.Op, y reg.Register) {
	if g.wide() {
		g.VPANDD(a, b, y)
	} else {
		g.VPAND(a, b, y)
	}
}

func (g *gen) or(a, b operand.Op, y reg.Register) {
	if g.wide() {
		g.VPORD(a, b, y)
	} else {
		g.VPOR(a, b, y)
	}
}

func (g *gen) xor(a, b operand.Op, y reg.Register) {
	if g.wide() {
		g.VPXORD(a, b, y)
	} else {
		g.VXORPS(a, b, y)
	}
}

// sum4 is the sums of the lanes of four vectors, as the lanes of an XMM register. All
// products end here, so that all add up in the same order.
func (g *gen) sum4(a, b, c, d reg.VecVirtual) reg.VecVirtual {
	return g.fold(g.add4(a, b, c, d))
}

// add4 is, in each 16 bytes, the sums of those 16 bytes of the four.
func (g *gen) add4(a, b, c, d reg.VecVirtual) reg.VecVirtual {
	like := func(v reg.VecVirtual) reg.VecVirtual {
		if v.Size() == 64 {
			return g.ZMM()
		}
		return g.YMM()
	}
	pair := func(a, b reg.VecVirtual) reg.VecVirtual {
		lo, hi := like(a), like(a)
		g.VUNPCKLPS(b, a, lo) // a0 b0 a1 b1
		g.VUNPCKHPS(b, a, hi) // a2 b2 a3 b3
		g.VADDPS(hi, lo, lo)
		return lo
	}
	ab, cd := pair(a, b), pair(c, d)
	lo, hi := like(a), like(a)
	g.VUNPCKLPD(cd, ab, lo)
	g.VUNPCKHPD(cd, ab, hi)
	g.VADDPS(hi, lo, lo)
	return lo
}

// fold is the sum of the 16-byte parts of v, in an XMM register.
func (g *gen) fold(v reg.VecVirtual) reg.VecVirtual {
	if v.Size() == 64 {
		half := g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), v, half)
		g.VADDPS(half, v.AsY(), half)
		v = half
	}
	part := g.XMM()
	if g.wide() {
		g.VEXTRACTF32X4(operand.U8(1), v, part)
	} else {
		g.VEXTRACTF128(operand.U8(1), v, part)
	}
	g.VADDPS(part, v.AsX(), part)
	return part
}

// storeSums writes the sums of the accumulators, four or one, to y.
func (g *gen) storeSums(acc []reg.VecVirtual, y operand.Mem) {
	if len(acc) == 4 {
		g.VMOVUPS(g.sum4(acc[0], acc[1], acc[2], acc[3]), y)
		return
	}
	g.VMOVSS(g.sum4(acc[0], acc[0], acc[0], acc[0]), y)
}
