package emulator

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// An instruction is run on rows of operands, one thread a row. types names the
// register types: the destination's first. Every value travels as 64 bits.
type instructionCase struct {
	op    string
	types string
	rows  [][]uint64 // sources, then the result
}

func runRows(t *testing.T, op string, types []string, rows [][]uint64) []uint64 {
	t.Helper()
	d := New(Config{})
	sources := len(types) - 1
	var b strings.Builder
	b.WriteString(header + ".visible .entry k(.param .u64 pin, .param .u64 pout)\n{\n.reg .b64 %in, %out;\n.reg .b32 %row;\n.reg .b64 %wide;\n")
	names := []string{"%d", "%a", "%b", "%c", "%e"}
	for i, typ := range types {
		fmt.Fprintf(&b, ".reg .%s %s;\n", typ, names[i])
		if typ == "pred" {
			fmt.Fprintf(&b, ".reg .b32 %si;\n", names[i])
		}
	}
	fmt.Fprintf(&b, "ld.param.u64 %%in, [pin];\nld.param.u64 %%out, [pout];\nmov.u32 %%row, %%tid.x;\n")
	fmt.Fprintf(&b, "mad.wide.u32 %%in, %%row, %d, %%in;\nmad.wide.u32 %%out, %%row, 8, %%out;\n", 8*sources)
	for i, typ := range types[1:] {
		if typ == "pred" {
			fmt.Fprintf(&b, "ld.global.b32 %[1]si, [%%in+%[2]d];\nsetp.ne.u32 %[1]s, %[1]si, 0;\n", names[i+1], 8*i)
			continue
		}
		fmt.Fprintf(&b, "ld.global.b%s %s, [%%in+%d];\n", strings.TrimLeft(typ, "bfsu"), names[i+1], 8*i)
	}
	b.WriteString(op + ";\n")
	switch size := strings.TrimLeft(types[0], "bfsu"); {
	case types[0] == "pred":
		b.WriteString("selp.b64 %wide, 1, 0, %d;\nst.global.b64 [%out], %wide;\n")
	case size == "64":
		b.WriteString("st.global.b64 [%out], %d;\n")
	default:
		fmt.Fprintf(&b, "mov.b64 %%wide, 0;\nst.global.b64 [%%out], %%wide;\nst.global.b%s [%%out], %%d;\n", size)
	}
	b.WriteString("ret;\n}\n")
	f := loadKernel(t, d, b.String())
	var in []uint64
	for _, r := range rows {
		in = append(in, r[:sources]...)
	}
	pin, pout := toDevice(t, d, append(in, 0)), zeros(t, d, int64(8*len(rows)))
	if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{len(rows), 1, 1}, 0, pack(pin, pout)); err != nil {
		t.Fatalf("%s: %v\n%s", op, err, numbered(b.String()))
	}
	return fromDevice[uint64](t, d, pout, len(rows))
}

func fb(f float64) uint64 { return uint64(math.Float32bits(float32(f))) }

func db(f float64) uint64 { return math.Float64bits(f) }

func i32(v int32) uint64 { return uint64(uint32(v)) }

func TestInstructions(t *testing.T) {
	t.Parallel()
	const (
		nan   = 0x7fc00000
		cnan  = 0x7fffffff
		inf   = 0x7f800000
		ninf  = 0xff800000
		nzero = 0x80000000
		tiny  = 1 // the smallest denormal
		m1    = 0xffffffff
	)
	cases := []instructionCase{
		{"add.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{1, 2, 3}, {m1, 1, 0}}},
		{"add.sat.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{0x7fffffff, 1, 0x7fffffff}, {0x80000000, m1, 0x80000000}, {5, 6, 11}}},
		{"sub.sat.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{0x80000000, 1, 0x80000000}, {0, 0x80000000, 0x7fffffff}}},
		{"add.u16 %d, %a, %b", "b16 b16 b16", [][]uint64{{0xffff, 2, 1}}},
		{"sub.u64 %d, %a, %b", "b64 b64 b64", [][]uint64{{0, 1, math.MaxUint64}}},
		{"mul.lo.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{i32(-3), 7, i32(-21)}, {0x10000, 0x10000, 0}}},
		{"mul.hi.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{i32(-3), 7, m1}, {0x40000000, 16, 4}}},
		{"mul.hi.u32 %d, %a, %b", "b32 b32 b32", [][]uint64{{m1, m1, 0xfffffffe}}},
		{"mul.hi.s64 %d, %a, %b", "b64 b64 b64", [][]uint64{{math.MaxUint64, 5, math.MaxUint64}, {1 << 63, 2, math.MaxUint64}, {1 << 62, 8, 2}}},
		{"mul.hi.u64 %d, %a, %b", "b64 b64 b64", [][]uint64{{math.MaxUint64, math.MaxUint64, math.MaxUint64 - 1}}},
		{"mul.hi.s16 %d, %a, %b", "b16 b16 b16", [][]uint64{{0xffff, 2, 0xffff}, {0x4000, 8, 2}}},
		{"mul.wide.s32 %d, %a, %b", "b64 b32 b32", [][]uint64{{m1, 2, math.MaxUint64 - 1}}},
		{"mul.wide.u32 %d, %a, %b", "b64 b32 b32", [][]uint64{{m1, 2, 0x1fffffffe}}},
		{"mul.wide.s16 %d, %a, %b", "b32 b16 b16", [][]uint64{{0xffff, 2, i32(-2)}}},
		{"mul.wide.u16 %d, %a, %b", "b32 b16 b16", [][]uint64{{0xffff, 2, 0x1fffe}}},
		{"mad.lo.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{3, 4, 5, 17}}},
		{"mad.hi.u32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{m1, m1, 5, 3}}},
		{"mad.hi.sat.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x40000000, 16, 0x7fffffff, 0x7fffffff}}},
		{"mad.wide.s32 %d, %a, %b, %c", "b64 b32 b32 b64", [][]uint64{{m1, 8, 100, 92}}},
		{"mul24.lo.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{0x00ffffff, 3, i32(-3)}}},
		{"mul24.hi.u32 %d, %a, %b", "b32 b32 b32", [][]uint64{{0x00ffffff, 0x00ffffff, 0xfffffe00}}},
		{"mad24.lo.u32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0xff000002, 3, 4, 10}}},
		{"sad.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{i32(-5), 5, 1, 11}, {7, 3, 1, 5}}},
		{"sad.u32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{m1, 0, 0, m1}}},
		{"div.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{i32(-7), 2, i32(-3)}, {5, 0, m1}, {0x80000000, m1, 0x80000000}}},
		{"div.u32 %d, %a, %b", "b32 b32 b32", [][]uint64{{m1, 2, 0x7fffffff}, {5, 0, m1}}},
		{"div.u16 %d, %a, %b", "b16 b16 b16", [][]uint64{{9, 2, 4}, {9, 0, 0xffff}}},
		{"div.s64 %d, %a, %b", "b64 b64 b64", [][]uint64{{1 << 63, math.MaxUint64, 1 << 63}, {9, 0, math.MaxUint64}}},
		{"rem.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{i32(-7), 2, m1}, {5, 0, 5}, {0x80000000, m1, 0}}},
		{"rem.u64 %d, %a, %b", "b64 b64 b64", [][]uint64{{100, 7, 2}}},
		{"min.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{m1, 1, m1}, {1, m1, m1}}},
		{"max.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{m1, 1, 1}, {2, 9, 9}}},
		{"min.u32 %d, %a, %b", "b32 b32 b32", [][]uint64{{m1, 1, 1}}},
		{"max.s16 %d, %a, %b", "b16 b16 b16", [][]uint64{{0xffff, 1, 1}}},
		{"max.u64 %d, %a, %b", "b64 b64 b64", [][]uint64{{math.MaxUint64, 1, math.MaxUint64}}},
		{"abs.s32 %d, %a", "b32 b32", [][]uint64{{m1, 1}, {0x80000000, 0x80000000}}},
		{"neg.s32 %d, %a", "b32 b32", [][]uint64{{5, i32(-5)}}},
		{"neg.s16 %d, %a", "b16 b16", [][]uint64{{5, 0xfffb}}},
		{"popc.b32 %d, %a", "b32 b32", [][]uint64{{m1, 32}, {0, 0}}},
		{"popc.b64 %d, %a", "b32 b64", [][]uint64{{math.MaxUint64, 64}}},
		{"clz.b32 %d, %a", "b32 b32", [][]uint64{{0, 32}, {1, 31}}},
		{"clz.b64 %d, %a", "b32 b64", [][]uint64{{0, 64}, {1, 63}}},
		{"brev.b32 %d, %a", "b32 b32", [][]uint64{{1, 0x80000000}}},
		{"bfind.u32 %d, %a", "b32 b32", [][]uint64{{0, m1}, {8, 3}}},
		{"bfind.s32 %d, %a", "b32 b32", [][]uint64{{m1, m1}, {i32(-9), 3}}},
		{"bfind.shiftamt.u32 %d, %a", "b32 b32", [][]uint64{{8, 28}}},
		{"bfind.u64 %d, %a", "b32 b64", [][]uint64{{1 << 63, 63}}},
		{"cnot.b32 %d, %a", "b32 b32", [][]uint64{{0, 1}, {7, 0}}},
		{"bfe.u32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x12345678, 8, 8, 0x56}, {m1, 28, 8, 15}, {m1, 40, 8, 0}, {m1, 0, 32, m1}}},
		{"bfe.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x0000f000, 12, 4, m1}, {0x80000000, 28, 8, i32(-8)}, {0x80000000, 40, 8, m1}, {m1, 3, 0, 0}}},
		{"bfe.s64 %d, %a, %b, %c", "b64 b64 b32 b32", [][]uint64{{0xf0, 4, 4, math.MaxUint64}}},
		{"bfi.b32 %d, %a, %b, %c, %e", "b32 b32 b32 b32 b32", [][]uint64{{0xff, 0, 8, 4, 0xf00}, {1, m1, 40, 4, m1}, {0, m1, 0, 32, 0}}},
		{"bfi.b64 %d, %a, %b, %c, %e", "b64 b64 b64 b32 b32", [][]uint64{{0xff, 0, 60, 8, 0xf << 60}}},
		{"dp4a.s32.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x01ff0203, 0x01010101, 10, 15}}},
		{"dp4a.u32.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x000000ff, 0x000000ff, 0, i32(-255)}}},
		{"dp4a.u32.u32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x000000ff, 0x000000ff, 0, 65025}}},
		{"dp2a.lo.s32.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0xffff0002, 0x00000503, 1, 2}}},
		{"dp2a.hi.s32.u32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0xffff0002, 0xff030000, 0, i32(6 - 255)}}},
		{"and.b32 %d, %a, %b", "b32 b32 b32", [][]uint64{{0xf0f0, 0xff00, 0xf000}}},
		{"or.b64 %d, %a, %b", "b64 b64 b64", [][]uint64{{1, 2, 3}}},
		{"xor.b16 %d, %a, %b", "b16 b16 b16", [][]uint64{{0xffff, 1, 0xfffe}}},
		{"not.b16 %d, %a", "b16 b16", [][]uint64{{1, 0xfffe}}},
		{"not.b64 %d, %a", "b64 b64", [][]uint64{{0, math.MaxUint64}}},
		{"and.pred %d, %a, %b", "pred pred pred", [][]uint64{{1, 1, 1}, {1, 0, 0}}},
		{"xor.pred %d, %a, %b", "pred pred pred", [][]uint64{{1, 1, 0}, {1, 0, 1}}},
		{"not.pred %d, %a", "pred pred", [][]uint64{{1, 0}, {0, 1}}},
		{"shl.b32 %d, %a, %b", "b32 b32 b32", [][]uint64{{1, 31, 0x80000000}, {1, 32, 0}, {1, m1, 0}}},
		{"shr.u32 %d, %a, %b", "b32 b32 b32", [][]uint64{{m1, 31, 1}, {m1, 32, 0}}},
		{"shr.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{m1, 40, m1}, {0x40000000, 30, 1}}},
		{"shr.s16 %d, %a, %b", "b16 b16 b32", [][]uint64{{0x8000, 20, 0xffff}, {0x4000, 14, 1}}},
		{"shr.u16 %d, %a, %b", "b16 b16 b32", [][]uint64{{0x8000, 16, 0}}},
		{"shl.b16 %d, %a, %b", "b16 b16 b32", [][]uint64{{0x8001, 1, 2}}},
		{"shl.b64 %d, %a, %b", "b64 b64 b32", [][]uint64{{1, 64, 0}, {1, 63, 1 << 63}}},
		{"shr.s64 %d, %a, %b", "b64 b64 b32", [][]uint64{{1 << 63, 100, math.MaxUint64}}},
		{"shf.l.wrap.b32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x80000000, 1, 1, 3}, {1, 2, 32, 2}}},
		{"shf.r.clamp.b32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0, 1, 1, 0x80000000}, {5, 6, 40, 6}}},
		{"lop3.b32 %d, %a, %b, %c, 0x96", "b32 b32 b32 b32", [][]uint64{{0xf0, 0xcc, 0xaa, 0x96}}},
		{"lop3.b32 %d, %a, %b, %c, 0xca", "b32 b32 b32 b32", [][]uint64{{0xf0, 0xcc, 0xaa, 0xca}}},
		{"prmt.b32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x33221180, 0x77665544, 0x7531, 0x77553311}, {0x33221180, 0, 0x8888, m1}}},
		{"prmt.b32.f4e %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x33221100, 0x77665544, 1, 0x44332211}}},
		{"prmt.b32.b4e %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x33221100, 0x77665544, 0, 0x55667700}}},
		{"prmt.b32.rc8 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x33221100, 0, 2, 0x22222222}}},
		{"prmt.b32.ecl %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x33221100, 0, 1, 0x33221111}}},
		{"prmt.b32.ecr %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x33221100, 0, 2, 0x22221100}}},
		{"prmt.b32.rc16 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x33221100, 0, 1, 0x33223322}}},

		{"add.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(1), fb(0x1p-24), fb(1)}, {fb(1), fb(0x1.8p-23), fb(1 + 0x1p-22)}, {inf, ninf, cnan}, {nan, 0, cnan}, {tiny, tiny, 2}, {nzero, nzero, nzero}}},
		{"add.ftz.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{tiny, tiny, 0}, {0x80000001, nzero, nzero}}},
		{"add.sat.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(1), fb(1), fb(1)}, {fb(-1), 0, 0}, {nan, 0, 0}}},
		{"add.rz.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(1), fb(0x1.8p-24), fb(1)}, {fb(-1), fb(-0x1.8p-24), fb(-1)}, {fb(1), fb(-0x1p-30), 0x3f7fffff}}},
		{"add.rp.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(1), fb(0x1p-40), fb(1 + 0x1p-23)}, {fb(-1), fb(-0x1p-40), fb(-1)}}},
		{"add.rm.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(-1), fb(-0x1p-40), 0xbf800001}}},
		{"mul.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{0, inf, cnan}, {fb(0x1p-100), fb(0x1p-49), tiny}, {fb(0x1p-100), fb(0x1p-50), 0}, {fb(3), fb(-2), fb(-6)}}},
		{"mul.rz.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(0x1p127), fb(2), 0x7f7fffff}}},
		{"mul.ftz.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(0x1p-100), fb(-0x1p-40), nzero}}},
		{"fma.rn.f32 %d, %a, %b, %c", "f32 f32 f32 f32", [][]uint64{
			{fb(1 + 0x1p-23), fb(1 + 0x1p-23), fb(-1), fb(0x1p-22 + 0x1p-46)},
			// Exactly half way but for one bit far below: rounding twice gives the wrong neighbour.
			{fb(1 + 0x1p-12), fb(1 + 0x1p-12), fb(0x1p-80), fb(1 + 0x1p-11 + 0x1p-23)},
			{fb(1), fb(1 + 0x1p-23), fb(0x1p-24), fb(1 + 0x1p-22)},
			{fb(0x1p-75), fb(0x1p-75), fb(0x1p-149), 2}, // a tie, to even
			{fb(2), fb(3), fb(-6), 0}, {inf, 0, fb(1), cnan}}},
		{"fma.rm.f32 %d, %a, %b, %c", "f32 f32 f32 f32", [][]uint64{{fb(2), fb(3), fb(-6), nzero}, {fb(1), fb(1), fb(-0x1p-60), 0x3f7fffff}}},
		{"fma.rn.ftz.f32 %d, %a, %b, %c", "f32 f32 f32 f32", [][]uint64{{tiny, fb(1), 0, 0}}},
		{"fma.rn.f64 %d, %a, %b, %c", "f64 f64 f64 f64", [][]uint64{{db(1 + 0x1p-52), db(1 + 0x1p-52), db(-1), db(0x1p-51 + 0x1p-104)}}},
		{"div.rn.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(1), fb(3), 0x3eaaaaab}, {fb(1), 0, inf}, {0, 0, cnan}, {fb(1), fb(0x1p127), 0x00400000}}},
		{"div.rz.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(1), fb(3), 0x3eaaaaaa}, {fb(-1), fb(3), 0xbeaaaaaa}}},
		{"div.approx.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{fb(6), fb(3), fb(2)}}},
		{"div.rn.f64 %d, %a, %b", "f64 f64 f64", [][]uint64{{db(1), db(3), db(1.0 / 3)}}},
		{"min.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{nan, fb(1), fb(1)}, {fb(1), nan, fb(1)}, {nan, nan, cnan}, {0, nzero, nzero}, {nzero, 0, nzero}}},
		{"max.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{nan, fb(1), fb(1)}, {nzero, 0, 0}, {0, nzero, 0}, {ninf, fb(1), fb(1)}, {nan, nan, cnan}}},
		{"max.NaN.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{nan, fb(1), cnan}, {fb(2), fb(1), fb(2)}}},
		{"max.f64 %d, %a, %b", "f64 f64 f64", [][]uint64{{db(math.NaN()), db(1), db(1)}}},
		{"abs.f32 %d, %a", "f32 f32", [][]uint64{{nzero, 0}, {fb(-2), fb(2)}}},
		{"neg.f32 %d, %a", "f32 f32", [][]uint64{{0, nzero}}},
		{"neg.ftz.f32 %d, %a", "f32 f32", [][]uint64{{tiny, nzero}}},
		{"copysign.f32 %d, %a, %b", "f32 f32 f32", [][]uint64{{nzero, fb(3), fb(-3)}}},
		{"rcp.rn.f32 %d, %a", "f32 f32", [][]uint64{{fb(3), 0x3eaaaaab}, {nzero, ninf}, {ninf, nzero}}},
		{"rcp.approx.ftz.f32 %d, %a", "f32 f32", [][]uint64{{fb(4), fb(0.25)}, {tiny, inf}, {inf, 0}}},
		{"sqrt.rn.f32 %d, %a", "f32 f32", [][]uint64{{fb(2), fb(math.Sqrt2)}, {fb(-1), cnan}, {nzero, nzero}}},
		{"sqrt.rp.f32 %d, %a", "f32 f32", [][]uint64{{fb(2), 0x3fb504f4}, {fb(4), fb(2)}}},
		{"rsqrt.approx.f32 %d, %a", "f32 f32", [][]uint64{{fb(4), fb(0.5)}, {0, inf}, {nzero, ninf}, {inf, 0}, {fb(-1), cnan}}},
		{"ex2.approx.f32 %d, %a", "f32 f32", [][]uint64{{fb(3), fb(8)}, {ninf, 0}, {fb(-149), tiny}, {fb(128), inf}, {nan, cnan}}},
		{"ex2.approx.ftz.f32 %d, %a", "f32 f32", [][]uint64{{fb(-149), 0}}},
		{"lg2.approx.f32 %d, %a", "f32 f32", [][]uint64{{fb(8), fb(3)}, {0, ninf}, {fb(-1), cnan}, {inf, inf}}},
		{"sin.approx.f32 %d, %a", "f32 f32", [][]uint64{{0, 0}, {inf, cnan}}},
		{"cos.approx.f32 %d, %a", "f32 f32", [][]uint64{{0, fb(1)}}},
		{"tanh.approx.f32 %d, %a", "f32 f32", [][]uint64{{0, 0}, {inf, fb(1)}, {ninf, fb(-1)}}},
		{"testp.normal.f32 %d, %a", "pred f32", [][]uint64{{fb(1), 1}, {tiny, 0}, {0, 0}, {inf, 0}}},
		{"testp.notanumber.f32 %d, %a", "pred f32", [][]uint64{{nan, 1}, {inf, 0}}},

		{"add.f16 %d, %a, %b", "f16 f16 f16", [][]uint64{{0x3c00, 0x3c00, 0x4000}, {0x7bff, 0x7bff, 0x7c00}, {1, 1, 2}, {0x7c00, 0xfc00, 0x7fff}}},
		{"mul.f16x2 %d, %a, %b", "b32 b32 b32", [][]uint64{{0x3c004000, 0x40004000, 0x40004400}}},
		{"fma.rn.f16 %d, %a, %b, %c", "f16 f16 f16 f16", [][]uint64{{0x3c01, 0x3c01, 0xbc00, 0x1800}}},
		{"fma.rn.relu.f16x2 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0xbc003c00, 0x3c003c00, 0, 0x00003c00}}},
		{"fma.rn.bf16x2 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{0x3f803f80, 0x40004000, 0x3f803f80, 0x40404040}}},
		{"max.f16x2 %d, %a, %b", "b32 b32 b32", [][]uint64{{0x7e003c00, 0x3c004000, 0x3c004000}}},
		{"neg.f16x2 %d, %a", "b32 b32", [][]uint64{{0x3c003c00, 0xbc00bc00}}},
		{"abs.bf16 %d, %a", "b16 b16", [][]uint64{{0xbf80, 0x3f80}}},

		{"setp.lt.s32 %d, %a, %b", "pred b32 b32", [][]uint64{{m1, 0, 1}, {0, m1, 0}}},
		{"setp.lt.u32 %d, %a, %b", "pred b32 b32", [][]uint64{{m1, 0, 0}, {0, m1, 1}}},
		{"setp.hi.u32 %d, %a, %b", "pred b32 b32", [][]uint64{{m1, 0, 1}}},
		{"setp.ge.s64 %d, %a, %b", "pred b64 b64", [][]uint64{{math.MaxUint64, 0, 0}, {5, 5, 1}}},
		{"setp.gt.s16 %d, %a, %b", "pred b16 b16", [][]uint64{{0xffff, 0, 0}, {1, 0xffff, 1}}},
		{"setp.eq.f32 %d, %a, %b", "pred f32 f32", [][]uint64{{0, nzero, 1}, {nan, nan, 0}}},
		{"setp.ne.f32 %d, %a, %b", "pred f32 f32", [][]uint64{{nan, nan, 0}, {0, fb(1), 1}}},
		{"setp.neu.f32 %d, %a, %b", "pred f32 f32", [][]uint64{{nan, 0, 1}, {0, nzero, 0}}},
		{"setp.gtu.f32 %d, %a, %b", "pred f32 f32", [][]uint64{{nan, 0, 1}, {0, fb(1), 0}}},
		{"setp.nan.f32 %d, %a, %b", "pred f32 f32", [][]uint64{{nan, 0, 1}, {0, 0, 0}}},
		{"setp.num.f32 %d, %a, %b", "pred f32 f32", [][]uint64{{nan, 0, 0}, {0, inf, 1}}},
		{"setp.gt.ftz.f32 %d, %a, %b", "pred f32 f32", [][]uint64{{tiny, 0, 0}}},
		{"setp.lt.f16 %d, %a, %b", "pred b16 b16", [][]uint64{{0xbc00, 0x3c00, 1}}},
		{"setp.lt.and.s32 %d, %a, %b, !%c", "pred b32 b32 pred", [][]uint64{{1, 2, 0, 1}, {1, 2, 1, 0}}},
		{"set.gt.u32.f32 %d, %a, %b", "b32 f32 f32", [][]uint64{{fb(2), fb(1), m1}, {nan, fb(1), 0}}},
		{"set.lt.f32.s32 %d, %a, %b", "f32 b32 b32", [][]uint64{{m1, 0, fb(1)}}},
		{"selp.b32 %d, %a, %b, %c", "b32 b32 b32 pred", [][]uint64{{1, 2, 1, 1}, {1, 2, 0, 2}}},
		{"selp.f64 %d, %a, %b, !%c", "f64 f64 f64 pred", [][]uint64{{1, 2, 1, 2}}},
		{"slct.s32.s32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{1, 2, 0, 1}, {1, 2, m1, 2}}},
		{"slct.f32.f32 %d, %a, %b, %c", "f32 f32 f32 f32", [][]uint64{{1, 2, nzero, 1}, {1, 2, nan, 2}}},

		{"cvt.rzi.s32.f32 %d, %a", "b32 f32", [][]uint64{{fb(-2.7), i32(-2)}, {nan, 0}, {fb(3e9), 0x7fffffff}, {ninf, 0x80000000}}},
		{"cvt.rni.s32.f32 %d, %a", "b32 f32", [][]uint64{{fb(2.5), 2}, {fb(3.5), 4}, {fb(-2.5), i32(-2)}}},
		{"cvt.rmi.s32.f32 %d, %a", "b32 f32", [][]uint64{{fb(-2.1), i32(-3)}}},
		{"cvt.rpi.s32.f32 %d, %a", "b32 f32", [][]uint64{{fb(2.1), 3}}},
		{"cvt.rzi.u32.f32 %d, %a", "b32 f32", [][]uint64{{fb(-2.7), 0}, {fb(4e9), 4000000000}, {inf, m1}}},
		{"cvt.rzi.u64.f64 %d, %a", "b64 f64", [][]uint64{{db(1e19), 10000000000000000000}, {db(-1), 0}, {db(1e30), math.MaxUint64}}},
		{"cvt.rzi.s8.f32 %d, %a", "b32 f32", [][]uint64{{fb(300), 127}, {fb(-300), i32(-128)}}},
		{"cvt.rn.f32.s32 %d, %a", "f32 b32", [][]uint64{{i32(-3), fb(-3)}, {0x01000001, 0x4b800000}, {0x01000003, 0x4b800002}}},
		{"cvt.rz.f32.u32 %d, %a", "f32 b32", [][]uint64{{m1, 0x4f7fffff}}},
		{"cvt.rn.f32.u64 %d, %a", "f32 b64", [][]uint64{{0x8000008000000001, 0x5f000001}, {0x8000008000000000, 0x5f000000}}},
		{"cvt.rn.f64.s64 %d, %a", "f64 b64", [][]uint64{{math.MaxUint64, db(-1)}}},
		{"cvt.rn.f16.f32 %d, %a", "f16 f32", [][]uint64{{fb(1), 0x3c00}, {fb(65520), 0x7c00}, {fb(65519), 0x7bff}, {fb(0x1p-24), 1}, {fb(0x1p-25), 0}, {fb(0x1.8p-25), 1}, {nan, 0x7fff}, {fb(1 + 0x1p-11), 0x3c00}, {fb(1 + 0x1.8p-10), 0x3c02}}},
		{"cvt.rz.f16.f32 %d, %a", "f16 f32", [][]uint64{{fb(1e6), 0x7bff}, {fb(1.9999), 0x3fff}}},
		{"cvt.f32.f16 %d, %a", "f32 f16", [][]uint64{{0x3c00, fb(1)}, {1, fb(0x1p-24)}, {0xfc00, ninf}, {0x7c01, cnan}, {0x8000, nzero}}},
		{"cvt.rn.bf16.f32 %d, %a", "b16 f32", [][]uint64{{fb(1), 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {nan, 0x7fff}, {0x7f7fffff, 0x7f80}}},
		{"cvt.f32.bf16 %d, %a", "f32 b16", [][]uint64{{0x3f80, fb(1)}, {0xff80, ninf}}},
		{"cvt.rn.f16x2.f32 %d, %a, %b", "b32 f32 f32", [][]uint64{{fb(1), fb(2), 0x3c004000}}},
		{"cvt.rn.relu.bf16x2.f32 %d, %a, %b", "b32 f32 f32", [][]uint64{{fb(-1), fb(2), 0x00004000}}},
		{"cvt.rna.tf32.f32 %d, %a", "b32 f32", [][]uint64{{fb(1 + 0x1p-11), fb(1 + 0x1p-10)}}},
		{"cvt.rn.f32.f64 %d, %a", "f32 f64", [][]uint64{{db(1 + 0x1p-24), fb(1)}, {db(1e300), inf}, {db(0x1p-150), 0}}},
		{"cvt.rp.f32.f64 %d, %a", "f32 f64", [][]uint64{{db(1 + 0x1p-50), fb(1 + 0x1p-23)}, {db(0x1p-160), tiny}}},
		{"cvt.f64.f32 %d, %a", "f64 f32", [][]uint64{{fb(1.5), db(1.5)}}},
		{"cvt.sat.f32.f32 %d, %a", "f32 f32", [][]uint64{{fb(2), fb(1)}, {nan, 0}}},
		{"cvt.rni.f32.f32 %d, %a", "f32 f32", [][]uint64{{fb(2.5), fb(2)}, {fb(-0.3), nzero}}},
		{"cvt.rmi.f32.f32 %d, %a", "f32 f32", [][]uint64{{fb(-0.3), fb(-1)}}},
		{"cvt.u32.u8 %d, %a", "b32 b32", [][]uint64{{0x1ff, 0xff}}},
		{"cvt.s32.s8 %d, %a", "b32 b32", [][]uint64{{0x1ff, m1}}},
		{"cvt.s64.s32 %d, %a", "b64 b32", [][]uint64{{m1, math.MaxUint64}}},
		{"cvt.u64.u32 %d, %a", "b64 b32", [][]uint64{{m1, m1}}},
		{"cvt.u32.u64 %d, %a", "b32 b64", [][]uint64{{1 << 33, 0}}},
		{"cvt.u16.u32 %d, %a", "b16 b32", [][]uint64{{0x12345, 0x2345}}},
		{"cvt.sat.s8.s32 %d, %a", "b32 b32", [][]uint64{{300, 127}, {i32(-300), i32(-128)}}},
		{"cvt.sat.u8.s32 %d, %a", "b32 b32", [][]uint64{{300, 255}, {i32(-300), 0}}},
		{"cvt.sat.u32.s32 %d, %a", "b32 b32", [][]uint64{{m1, 0}}},
		{"cvt.pack.sat.s8.s32.b32 %d, %a, %b, %c", "b32 b32 b32 b32", [][]uint64{{300, i32(-5), 0x11112222, 0x22227ffb}}},
		{"cvt.pack.sat.u16.s32 %d, %a, %b", "b32 b32 b32", [][]uint64{{70000, i32(-5), 0xffff0000}}},
		{"cvt.rn.f16.s32 %d, %a", "b16 b32", [][]uint64{{2049, 0x6800}, {m1, 0xbc00}, {70000, 0x7c00}}},
		{"cvt.rzi.s32.f16 %d, %a", "b32 b16", [][]uint64{{0xc100, i32(-2)}, {0x7c00, 0x7fffffff}}},
		{"mov.b64 %d, {%a, %b}", "b64 b32 b32", [][]uint64{{1, 2, 2<<32 | 1}}},
		{"mov.b32 %d, {%a, %b}", "b32 b16 b16", [][]uint64{{1, 2, 0x20001}}},
		{"mov.b64 {%d, _}, %a", "b32 b64", [][]uint64{{2<<32 | 1, 1}}},
		{"mov.b32 {_, %d}, %a", "b16 b32", [][]uint64{{0x20001, 2}}},
		{"mov.b32 %d, (3*4+1)<<2", "b32", [][]uint64{{52}}},
		{"mov.f32 %d, 0f3F800000", "f32", [][]uint64{{fb(1)}}},
		{"mov.f64 %d, 0d3FF0000000000000", "f64", [][]uint64{{db(1)}}},
		{"mov.f32 %d, -1.5", "f32", [][]uint64{{fb(-1.5)}}},
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.op, " ", "_"), func(t *testing.T) {
			t.Parallel()
			types := strings.Fields(c.types)
			got := runRows(t, c.op, types, c.rows)
			for i, r := range c.rows {
				n := len(types) - 1
				if got[i] != r[n] {
					t.Errorf("%s with %#x: %#x, want %#x", c.op, r[:n], got[i], r[n])
				}
			}
		})
	}
}
