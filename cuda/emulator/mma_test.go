package emulator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// place is the row and column of element e of register r in lane l, for one
// operand of mma, as the tables of the PTX manual give it.
type layout func(g, t, r, e int) (row, col int)

// The layouts are written out here apart from those of the emulator.
var (
	wordA16 = layout(func(g, t, r, e int) (int, int) { // m16n8k16, 16 bits; k8 has the first two registers
		return [4]int{g, g + 8, g, g + 8}[r], [4]int{2 * t, 2 * t, 2*t + 8, 2*t + 8}[r] + e
	})
	wordB16 = layout(func(g, t, r, e int) (int, int) { return [2]int{2 * t, 2*t + 8}[r] + e, g })
	byteA   = layout(func(g, t, r, e int) (int, int) {
		return [4]int{g, g + 8, g, g + 8}[r], [4]int{4 * t, 4 * t, 4*t + 16, 4*t + 16}[r] + e
	})
	byteB  = layout(func(g, t, r, e int) (int, int) { return [2]int{4 * t, 4*t + 16}[r] + e, g })
	tf32A  = layout(func(g, t, r, _ int) (int, int) { return [4]int{g, g + 8, g, g + 8}[r], [4]int{t, t, t + 4, t + 4}[r] })
	tf32B  = layout(func(g, t, r, _ int) (int, int) { return [2]int{t, t + 4}[r], g })
	wordC  = layout(func(g, t, r, _ int) (int, int) { return [4]int{g, g, g + 8, g + 8}[r], 2*t + r%2 })
	halfC  = layout(func(g, t, r, e int) (int, int) { return [2]int{g, g + 8}[r], 2*t + e })
	smallA = layout(func(g, t, _, e int) (int, int) { return g, 4*t + e })
)

func TestMma(t *testing.T) {
	t.Parallel()
	cases := []struct {
		shape, types   string
		m, k           int
		regs           [3]int // of A, B, C
		a, b, c        layout
		elements       [2]int // in a register of A and B, of C
		encode, encodC func(v float64) uint32
		decode         func(v uint32, e int) float64
	}{
		{"m16n8k8", "f32.f16.f16.f32", 16, 8, [3]int{2, 1, 4}, wordA16, wordB16, wordC, [2]int{2, 1}, half, single, fromSingle},
		{"m16n8k8", "f16.f16.f16.f16", 16, 8, [3]int{2, 1, 2}, wordA16, wordB16, halfC, [2]int{2, 2}, half, half, fromHalf},
		{"m16n8k16", "f32.f16.f16.f32", 16, 16, [3]int{4, 2, 4}, wordA16, wordB16, wordC, [2]int{2, 1}, half, single, fromSingle},
		{"m16n8k16", "f16.f16.f16.f16", 16, 16, [3]int{4, 2, 2}, wordA16, wordB16, halfC, [2]int{2, 2}, half, half, fromHalf},
		{"m16n8k8", "f32.bf16.bf16.f32", 16, 8, [3]int{2, 1, 4}, wordA16, wordB16, wordC, [2]int{2, 1}, brain, single, fromSingle},
		{"m16n8k16", "f32.bf16.bf16.f32", 16, 16, [3]int{4, 2, 4}, wordA16, wordB16, wordC, [2]int{2, 1}, brain, single, fromSingle},
		{"m16n8k4", "f32.tf32.tf32.f32", 16, 4, [3]int{2, 1, 4}, tf32A, tf32B, wordC, [2]int{1, 1}, single, single, fromSingle},
		{"m16n8k8", "f32.tf32.tf32.f32", 16, 8, [3]int{4, 2, 4}, tf32A, tf32B, wordC, [2]int{1, 1}, single, single, fromSingle},
		{"m8n8k16", "s32.s8.s8.s32", 8, 16, [3]int{1, 1, 2}, smallA, byteB, wordC, [2]int{4, 1}, integer, integer, fromInteger},
		{"m16n8k16", "s32.s8.s8.s32", 16, 16, [3]int{2, 1, 4}, byteA, byteB, wordC, [2]int{4, 1}, integer, integer, fromInteger},
		{"m16n8k32", "s32.s8.s8.s32", 16, 32, [3]int{4, 2, 4}, byteA, byteB, wordC, [2]int{4, 1}, integer, integer, fromInteger},
		{"m16n8k32.satfinite", "s32.u8.s8.s32", 16, 32, [3]int{4, 2, 4}, byteA, byteB, wordC, [2]int{4, 1}, integer, integer, fromInteger},
	}
	for _, c := range cases {
		t.Run(c.shape+"."+c.types, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			small := func() float64 { // exact in every format, so that the sums are too
				v := float64(rng.IntN(17))
				if !strings.Contains(c.types, "u8") {
					v -= 8
				}
				return v
			}
			var a [16][32]float64
			var b [32][8]float64
			var acc, want [16][8]float64
			for i := range c.m {
				for k := range c.k {
					a[i][k] = small()
				}
			}
			for k := range c.k {
				for n := range 8 {
					b[k][n] = small()
				}
			}
			for i := range c.m {
				for n := range 8 {
					acc[i][n] = small()
					want[i][n] = acc[i][n]
					for k := range c.k {
						want[i][n] += a[i][k] * b[k][n]
					}
				}
			}
			registers := func(n, elements int, at layout, value func(row, col int) float64, encode func(float64) uint32) []uint32 {
				out := make([]uint32, 32*n) // register by register
				for r := range n {
					for l := range 32 {
						for e := range elements {
							row, col := at(l/4, l%4, r, e)
							width := 32 / elements
							out[32*r+l] |= encode(value(row, col)) & uint32(uint64(1)<<width-1) << (e * width)
						}
					}
				}
				return out
			}
			var in []uint32
			in = append(in, registers(c.regs[0], c.elements[0], c.a, func(i, j int) float64 { return a[i][j] }, c.encode)...)
			in = append(in, registers(c.regs[1], c.elements[0], c.b, func(i, j int) float64 { return b[i][j] }, c.encode)...)
			in = append(in, registers(c.regs[2], c.elements[1], c.c, func(i, j int) float64 { return acc[i][j] }, c.encodC)...)
			got := runMma(t, c.shape, c.types, c.regs, in)
			for r := range c.regs[2] {
				for l := range 32 {
					for e := range c.elements[1] {
						row, col := c.c(l/4, l%4, r, e)
						if v := c.decode(got[32*r+l], e); v != want[row][col] {
							t.Fatalf("D[%d][%d] = %v, want %v", row, col, v, want[row][col])
						}
					}
				}
			}
		})
	}
}

func half(v float64) uint32               { return halfFormat.round(v, roundNearest) }
func brain(v float64) uint32              { return math.Float32bits(float32(v)) >> 16 }
func single(v float64) uint32             { return math.Float32bits(float32(v)) }
func integer(v float64) uint32            { return uint32(int32(v)) }
func fromSingle(v uint32, _ int) float64  { return float64(math.Float32frombits(v)) }
func fromInteger(v uint32, _ int) float64 { return float64(int32(v)) }
func fromHalf(v uint32, e int) float64    { return float64(halfToFloat(v >> (16 * e) & 0xffff)) }

// runMma runs one mma on registers laid out one after the other, 32 lanes each.
func runMma(t *testing.T, shape, types string, regs [3]int, in []uint32) []uint32 {
	t.Helper()
	shape, sat, _ := strings.Cut(shape, ".")
	var b strings.Builder
	b.WriteString(header + ".visible .entry k(.param .u64 pin, .param .u64 pout)\n{\n.reg .b64 %in, %out;\n.reg .b32 %t, %r<16>, %d<4>;\n" +
		"ld.param.u64 %in, [pin];\nld.param.u64 %out, [pout];\nmov.u32 %t, %tid.x;\nmad.wide.u32 %in, %t, 4, %in;\nmad.wide.u32 %out, %t, 4, %out;\n")
	next := 0
	vector := func(n int) string {
		var names []string
		for range n {
			fmt.Fprintf(&b, "ld.global.b32 %%r%d, [%%in+%d];\n", next, 128*next)
			names = append(names, fmt.Sprintf("%%r%d", next))
			next++
		}
		return "{" + strings.Join(names, ",") + "}"
	}
	va, vb, vc := vector(regs[0]), vector(regs[1]), vector(regs[2])
	var ds []string
	for r := range regs[2] {
		ds = append(ds, fmt.Sprintf("%%d%d", r))
	}
	if sat != "" {
		sat = "." + sat
	}
	fmt.Fprintf(&b, "mma.sync.aligned.%s.row.col%s.%s {%s}, %s, %s, %s;\n", shape, sat, types, strings.Join(ds, ","), va, vb, vc)
	for r := range regs[2] {
		fmt.Fprintf(&b, "st.global.b32 [%%out+%d], %%d%d;\n", 128*r, r)
	}
	b.WriteString("ret;\n}\n")
	d := New(Config{})
	f := loadKernel(t, d, b.String())
	pin, pout := toDevice(t, d, in), zeros(t, d, int64(128*regs[2]))
	if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 0, pack(pin, pout)); err != nil {
		t.Fatalf("%v\n%s", err, numbered(b.String()))
	}
	return fromDevice[uint32](t, d, pout, 32*regs[2])
}

// A tile product as kernels do it: cp.async fills shared memory, ldmatrix loads
// A by rows and B transposed from rows of k, mma multiplies.
func TestTileProduct(t *testing.T) {
	t.Parallel()
	text := header + `
.visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pd)
{
	.reg .b64 %a, %b, %d, %g;
	.reg .b32 %t, %x, %y, %s, %ra<4>, %rb<2>;
	.reg .f32 %c<4>;
	.reg .pred %p;
	.shared .align 16 .b8 sa[512];
	.shared .align 16 .b8 sb[256];
	ld.param.u64 %a, [pa];
	ld.param.u64 %b, [pb];
	ld.param.u64 %d, [pd];
	mov.u32 %t, %tid.x;
	// A is 16x16 halves: 32 pieces of 16 bytes, one a lane; B is 16x8: 16 pieces.
	mad.wide.u32 %g, %t, 16, %a;
	mov.u32 %s, sa;
	mad.lo.u32 %x, %t, 16, %s;
	cp.async.cg.shared.global [%x], [%g], 16;
	setp.lt.u32 %p, %t, 16;
	mad.wide.u32 %g, %t, 16, %b;
	mov.u32 %s, sb;
	mad.lo.u32 %x, %t, 16, %s;
	@%p cp.async.cg.shared.global.L2::128B [%x], [%g], 16, 16;
	cp.async.commit_group;
	cp.async.wait_group 0;
	bar.sync 0;
	// Lane l of ldmatrix.x4 names row l%16 and the columns from 8*(l/16).
	and.b32 %x, %t, 15;
	shr.u32 %y, %t, 4;
	mov.u32 %s, sa;
	mad.lo.u32 %s, %x, 32, %s;
	mad.lo.u32 %s, %y, 16, %s;
	ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%ra0, %ra1, %ra2, %ra3}, [%s];
	mov.u32 %s, sb;
	mad.lo.u32 %s, %x, 16, %s;
	ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%rb0, %rb1}, [%s];
	mov.f32 %c0, 0f00000000;
	mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%c0,%c1,%c2,%c3}, {%ra0,%ra1,%ra2,%ra3}, {%rb0,%rb1}, {%c0,%c0,%c0,%c0};
	shr.u32 %x, %t, 2;
	and.b32 %y, %t, 3;
	mad.wide.u32 %d, %x, 32, %d;
	mad.wide.u32 %d, %y, 8, %d;
	st.global.v2.f32 [%d], {%c0, %c1};
	st.global.v2.f32 [%d+256], {%c2, %c3};
	ret;
}`
	d := New(Config{})
	f := loadKernel(t, d, text)
	rng := rand.New(rand.NewPCG(3, 4))
	a, b := make([]uint16, 256), make([]uint16, 128)
	want := make([]float32, 128)
	value := func(h uint16) float32 { return halfToFloat(uint32(h)) }
	for i := range a {
		a[i] = uint16(half(float64(rng.IntN(31) - 15)))
	}
	for i := range b {
		b[i] = uint16(half(float64(rng.IntN(31) - 15)))
	}
	for i := range 16 {
		for n := range 8 {
			for k := range 16 {
				want[i*8+n] += value(a[i*16+k]) * value(b[k*8+n])
			}
		}
	}
	out := zeros(t, d, 512)
	var seen Launch
	d.OnLaunch(func(l Launch) { seen = l })
	if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 0, pack(toDevice(t, d, a), toDevice(t, d, b), out)); err != nil {
		t.Fatalf("%v\n%s", err, numbered(text))
	}
	for i, v := range fromDevice[float32](t, d, out, 128) {
		if v != want[i] {
			t.Fatalf("D[%d][%d] = %v, want %v", i/8, i%8, v, want[i])
		}
	}
	// Rows of 32 bytes put rows 0 and 4 of A on the same banks: two wavefronts for
	// each of four matrices; B's rows of 16 bytes have no conflict.
	if seen.MatrixOps != 2048 || seen.GlobalLoadBytes != 768 || seen.BankConflicts != 4 {
		t.Errorf("counters %+v", seen)
	}
}

func TestMovmatrix(t *testing.T) {
	t.Parallel()
	got, text, err := runThreads(t, 32, `
	mad.lo.u32 %x, %t, 2, 1;
	shl.b32 %x, %x, 16;
	mad.lo.u32 %x, %t, 2, %x;
	movmatrix.sync.aligned.m8n8.trans.b16 %r, %x;`)
	if err != nil {
		t.Fatalf("%v\n%s", err, numbered(text))
	}
	for l, v := range got {
		g, c := uint32(l/4), uint32(l%4)
		// Element (i, j) holds 8i+j; the transposed lane holds (2c, g) and (2c+1, g).
		if want := (2*c+1)*8 + g; v != want<<16|(2*c*8+g) {
			t.Errorf("lane %d: %#x", l, v)
		}
	}
}
