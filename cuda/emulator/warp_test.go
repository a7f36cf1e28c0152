package emulator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// runThreads runs a body for n threads of one block; it leaves its result in %r
// and may use %t (thread), %x, %y, %z, %q, %p, %s (shared) and %rd.
func runThreads(t *testing.T, n int, body string) ([]uint32, string, error) {
	t.Helper()
	text := header + `
.visible .entry k(.param .u64 pout)
{
	.reg .b32 %r, %t, %x, %y, %z, %q, %s;
	.reg .pred %p, %p2;
	.reg .b64 %out, %rd;
	.shared .align 16 .b8 buf[4096];
	ld.param.u64 %out, [pout];
	mov.u32 %t, %tid.x;
	mad.wide.u32 %out, %t, 4, %out;
	mov.u32 %s, buf;
` + body + `
END:
	st.global.b32 [%out], %r;
	ret;
}
`
	d := New(Config{MaxInstructions: 1 << 20})
	f := loadKernel(t, d, text)
	out := zeros(t, d, int64(4*n))
	err := d.Launch(f, Dim3{1, 1, 1}, Dim3{n, 1, 1}, 0, pack(out))
	return fromDevice[uint32](t, d, out, n), text, err
}

func TestFlow(t *testing.T) {
	t.Parallel()
	const full = 0xffffffff
	cases := []struct {
		name, body string
		n          int
		want       func(i uint32) uint32
	}{
		{"nested if", `
	mov.u32 %r, 0;
	and.b32 %x, %t, 1;
	setp.eq.u32 %p, %x, 0;
	@%p bra EVEN;
	add.u32 %r, %r, 100;
	setp.gt.u32 %p2, %t, 10;
	@%p2 add.u32 %r, %r, 1000;
	bra JOIN;
EVEN:
	and.b32 %x, %t, 2;
	setp.eq.u32 %p, %x, 0;
	@%p bra FOUR;
	add.u32 %r, %r, 20;
	bra JOIN;
FOUR:
	add.u32 %r, %r, 40;
JOIN:
	activemask.b32 %y;
	popc.b32 %y, %y;
	mad.lo.u32 %r, %y, 10000, %r;`, 32, func(i uint32) uint32 {
			switch {
			case i%2 == 1 && i > 10:
				return 321100
			case i%2 == 1:
				return 320100
			case i%4 == 0:
				return 320040
			}
			return 320020
		}},
		{"loops of different lengths meet again", `
	mov.u32 %r, 0;
	mov.u32 %x, 0;
LOOP:
	setp.ge.u32 %p, %x, %t;
	@%p bra DONE;
	add.u32 %r, %r, %x;
	add.u32 %x, %x, 1;
	bra LOOP;
DONE:
	activemask.b32 %y;
	setp.ne.u32 %p, %y, -1;
	@%p add.u32 %r, %r, 100000;`, 32, func(i uint32) uint32 { return i * (i - 1) / 2 }},
		{"early exit", `
	mov.u32 %r, 7;
	setp.lt.u32 %p, %t, 5;
	@%p exit;
	bar.sync 0;
	mov.u32 %r, 9;`, 64, func(i uint32) uint32 {
			if i < 5 {
				return 0
			}
			return 9
		}},
		{"partial last warp", `
	bar.sync 0;
	activemask.b32 %r;`, 40, func(i uint32) uint32 {
			if i < 32 {
				return full
			}
			return 0xff
		}},
		{"brx", `
	.reg .b32 %i;
	and.b32 %i, %t, 3;
	TAB: .branchtargets A, B, C, A;
	brx.idx %i, TAB;
A:	mov.u32 %r, 1;
	bra END;
B:	mov.u32 %r, 2;
	bra END;
C:	mov.u32 %r, 3;`, 32, func(i uint32) uint32 { return []uint32{1, 2, 3, 1}[i%4] }},
		{"barriers order warps", `
	mad.lo.u32 %s, %t, 4, %s;
	st.shared.u32 [%s], %t;
	bar.sync 0;
	mov.u32 %x, buf;
	sub.u32 %y, 63, %t;
	mad.lo.u32 %x, %y, 4, %x;
	ld.shared.u32 %r, [%x];`, 64, func(i uint32) uint32 { return 63 - i }},
		{"named barriers, producer and consumer", `
	mad.lo.u32 %x, %t, 4, %s;
	setp.ge.u32 %p, %t, 32;
	@%p bra CONSUME;
	add.u32 %r, %t, 5;
	st.shared.u32 [%x], %r;
	bar.arrive 3, 64;
	bra END;
CONSUME:
	bar.sync 3, 64;
	ld.shared.u32 %r, [%x+-128];`, 64, func(i uint32) uint32 { return i%32 + 5 }},
		{"bar.red", `
	setp.lt.u32 %p, %t, 3;
	bar.red.popc.u32 %r, 0, %p;
	bar.red.or.pred %p2, 1, %p;
	@%p2 add.u32 %r, %r, 10;
	bar.red.and.pred %p2, 2, %p;
	@%p2 add.u32 %r, %r, 100;`, 64, func(uint32) uint32 { return 13 }},
		{"a spinning warp lets others run", `
	mov.u32 %x, 0;
	setp.eq.u32 %p, %t, 0;
	@%p st.shared.u32 [%s], %x;
	bar.sync 0;
	mov.u32 %r, 1;
	setp.eq.u32 %p, %t, 32;
	@%p bra SET;
	setp.ne.u32 %p, %t, 0;
	@%p bra END;
SPIN:
	atom.shared.or.b32 %r, [%s], 0;
	setp.ne.u32 %p, %r, 77;
	@%p bra SPIN;
	bra END;
SET:
	atom.shared.exch.b32 %x, [%s], 77;`, 64, func(i uint32) uint32 {
			if i == 0 {
				return 77
			}
			return 1
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, text, err := runThreads(t, c.n, c.body)
			if err != nil {
				t.Fatalf("%v\n%s", err, numbered(text))
			}
			for i, v := range got {
				if want := c.want(uint32(i)); v != want {
					t.Errorf("thread %d: %d, want %d", i, v, want)
				}
			}
		})
	}
}

func TestWarpOperations(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		want       func(i uint32) uint32
	}{
		{"shfl up", "shfl.sync.up.b32 %r|%p, %t, 3, 0, -1;\n@!%p add.u32 %r, %r, 100;", func(i uint32) uint32 {
			if i < 3 {
				return i + 100
			}
			return i - 3
		}},
		{"shfl down, width 8", "shfl.sync.down.b32 %r|%p, %t, 2, 0x181f, -1;\n@!%p add.u32 %r, %r, 100;", func(i uint32) uint32 {
			if i%8 >= 6 {
				return i + 100
			}
			return i + 2
		}},
		{"shfl bfly", "shfl.sync.bfly.b32 %r, %t, 5, 31, -1;", func(i uint32) uint32 { return i ^ 5 }},
		{"shfl idx, width 16", "shfl.sync.idx.b32 %r, %t, 3, 0x101f, -1;", func(i uint32) uint32 { return i&16 + 3 }},
		{"shfl of half a warp", `
	mov.u32 %r, 99;
	setp.ge.u32 %p, %t, 16;
	@%p bra END;
	shfl.sync.bfly.b32 %r, %t, 8, 31, 0xffff;`, func(i uint32) uint32 {
			if i < 16 {
				return i ^ 8
			}
			return 99
		}},
		{"shfl meets in two branches", `
	setp.ge.u32 %p, %t, 16;
	@%p bra UPPER;
	shfl.sync.bfly.b32 %r, %t, 1, 31, 0xffff;
	bra END;
UPPER:
	shfl.sync.bfly.b32 %r, %t, 2, 31, 0xffff0000;`, func(i uint32) uint32 {
			if i < 16 {
				return i ^ 1
			}
			return i ^ 2
		}},
		{"vote", `
	setp.lt.u32 %p, %t, 4;
	vote.sync.ballot.b32 %r, %p, -1;
	vote.sync.any.pred %p2, %p, -1;
	@%p2 add.u32 %r, %r, 0x100;
	vote.sync.all.pred %p2, !%p, -1;
	@%p2 add.u32 %r, %r, 0x200;
	vote.sync.uni.pred %p2, %p, -1;
	@%p2 add.u32 %r, %r, 0x400;`, func(uint32) uint32 { return 0x10f }},
		{"match any", "and.b32 %x, %t, 1;\nmatch.any.sync.b32 %r, %x, -1;", func(i uint32) uint32 { return 0x55555555 << (i & 1) }},
		{"match all", "mov.u32 %x, 4;\nmatch.all.sync.b32 %r|%p, %x, -1;\n@%p sub.u32 %r, %r, 1;", func(uint32) uint32 { return 0xfffffffe }},
		{"redux", "redux.sync.add.u32 %r, %t, -1;\nredux.sync.max.s32 %x, %t, -1;\nadd.u32 %r, %r, %x;", func(uint32) uint32 { return 496 + 31 }},
		{"lane masks", "mov.u32 %r, %lanemask_lt;\npopc.b32 %r, %r;\nmov.u32 %x, %laneid;\nadd.u32 %r, %r, %x;", func(i uint32) uint32 { return 2 * i }},
		{"carry chain", `
	mov.u32 %x, -1;
	add.cc.u32 %y, %x, %t;
	addc.u32 %r, 0, 0;`, func(i uint32) uint32 {
			if i > 0 {
				return 1
			}
			return 0
		}},
		{"shared atomics", `
	setp.eq.u32 %p, %t, 0;
	mov.u32 %x, 0;
	@%p st.shared.u32 [%s], %x;
	bar.sync 0;
	atom.shared.add.u32 %y, [%s], 2;
	red.shared.max.s32 [%s], 5;
	bar.sync 0;
	ld.shared.u32 %r, [%s];`, func(uint32) uint32 { return 64 }},
		{"warp barrier", `
	mad.lo.u32 %x, %t, 4, %s;
	st.shared.u32 [%x], %t;
	bar.warp.sync -1;
	xor.b32 %y, %t, 1;
	mad.lo.u32 %y, %y, 4, %s;
	ld.shared.u32 %r, [%y];`, func(i uint32) uint32 { return i ^ 1 }},
		{"generic addresses", `
	.local .align 8 .b8 loc[16];
	cvt.u64.u32 %rd, %s;
	cvta.shared.u64 %rd, %rd;
	mad.wide.u32 %rd, %t, 4, %rd;
	st.u32 [%rd], %t;
	isspacep.shared %p, %rd;
	ld.u32 %x, [%rd];
	mov.u64 %rd, loc;
	cvta.local.u64 %rd, %rd;
	st.u32 [%rd+4], %x;
	isspacep.local %p2, %rd;
	ld.local.u32 %r, [loc+4];
	@%p add.u32 %r, %r, 100;
	@%p2 add.u32 %r, %r, 100;`, func(i uint32) uint32 { return i + 200 }},
		{"narrow loads and stores", `
	mad.lo.u32 %x, %t, 4, %s;
	mov.u32 %y, 0x80;
	st.shared.u8 [%x], %y;
	st.shared.v2.u8 [%x+2], {%y, %y};
	ld.shared.s8 %r, [%x];
	ld.shared.u16 %y, [%x+2];
	sub.u32 %r, %y, %r;`, func(uint32) uint32 { return 0x8080 + 0x80 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, text, err := runThreads(t, 32, c.body)
			if err != nil {
				t.Fatalf("%v\n%s", err, numbered(text))
			}
			for i, v := range got {
				if want := c.want(uint32(i)); v != want {
					t.Errorf("thread %d: %#x, want %#x", i, v, want)
				}
			}
		})
	}
}

func TestGlobalAtomics(t *testing.T) {
	t.Parallel()
	ops := []struct {
		op, typ string
		start   uint32
		b       string
		want    uint32
	}{
		{"add", "u32", 5, "3", 5 + 3*256}, {"min", "s32", 5, "-3", 0xfffffffd}, {"max", "u32", 5, "9", 9},
		{"and", "b32", 0xff, "0x0f", 0x0f}, {"or", "b32", 1, "2", 3}, {"xor", "b32", 9, "1", 9}, {"exch", "b32", 9, "4", 4},
		{"inc", "u32", 0, "9", 256 % 10}, {"dec", "u32", 0, "9", 4}, {"add", "f32", 0, "0f3F800000", 0x43800000},
		{"add.noftz", "f16x2", 0, "0x3c003c00", 0x5c005c00},
	}
	for _, c := range ops {
		t.Run(c.op+c.typ, func(t *testing.T) {
			t.Parallel()
			reg := "b32"
			text := fmt.Sprintf(header+`.visible .entry k(.param .u64 p) {
	.reg .b64 %%rd; .reg .%s %%r, %%v;
	ld.param.u64 %%rd, [p];
	mov.b32 %%v, %s;
	atom.global.%s.%s %%r, [%%rd], %%v;
	ret; }`, reg, c.b, c.op, c.typ)
			d := New(Config{})
			f := loadKernel(t, d, text)
			p := toDevice(t, d, []uint32{c.start})
			if err := d.Launch(f, Dim3{4, 1, 1}, Dim3{64, 1, 1}, 0, pack(p)); err != nil {
				t.Fatal(err)
			}
			if got := fromDevice[uint32](t, d, p, 1)[0]; got != c.want {
				t.Errorf("%#x, want %#x", got, c.want)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	wrap := func(s string) string {
		return header + ".visible .entry k() {\n.reg .b32 %r<4>; .reg .f32 %f<4>; .reg .b64 %rd<4>; .reg .pred %p<2>; .reg .b16 %h<2>;\n" + s + "\nret;\n}"
	}
	cases := []struct{ text, want string }{
		{wrap("foo.bar %r1;"), "line 6: unknown instruction foo.bar"},
		{wrap("add.s32.wrong %r1, %r2, %r3;"), "line 6: unknown modifier .wrong of add"},
		{wrap("add.s32 %r1, %r2;"), "line 6: add.s32 has 3 operands, not 2"},
		{wrap("add.s32 %r1, %r2, %rd1;"), "line 6: register %rd1 (.b64) as a .s32 operand"},
		{wrap("add.s16 %r1, %h0, %h1;"), "register %r1"},
		{wrap("add.s32 %r9, %r2, %r1;"), "line 6: unknown register %r9"},
		{wrap("bra NOWHERE;"), "line 6: unknown label NOWHERE"},
		{wrap("@%r1 bra X;"), "line 6: guard %r1 is no predicate"},
		{wrap("wgmma.fence.sync.aligned;"), "line 6: unknown instruction wgmma"},
		{wrap("ld.global.u32 %r1, %r2;"), "line 6: ld.global.u32 needs an address"},
		{wrap("ld.global.v4.u64 {%rd0,%rd1,%rd2,%rd3}, [%rd1];"), "at most 16"},
		{wrap("ld.global.nc.v2.f32 {%f0,%f1,%f2}, [%rd1];"), "with 3 registers"},
		{wrap("fma.f32 %f0, %f1, %f2, %f3;"), "needs a rounding"},
		{wrap("mov.f32 %f0, 1;"), "integer"},
		{wrap("mul.s32 %r0, %r1, %r2;"), "needs .lo, .hi or .wide"},
		{wrap("cvt.f32.s32 %f0, %r1;"), "integer to float needs"},
		{wrap("shfl.idx.b32 %r0, %r1, 0, 31;"), "without .sync"},
		{wrap("{ .reg .b32 %x;"), "without end"},
		{".version 9.9.9\n", "bad .version"},
		{".version 7.0\n.target sm_999\n", "is for sm_999, the device is sm_90"},
		{".version 6.4\n.target sm_70\n.visible .entry k() { .reg .b32 %r<2>; redux.sync.add.u32 %r0, %r1, -1; }", "needs .target sm_80"},
		{header + ".func f() { call f; ret; }\n.visible .entry k() { call f; ret; }", "recursive call"},
		{header + ".visible .entry k(.param .b8 p[5000]) { ret; }", "4096 bytes"},
	}
	for _, c := range cases {
		d := New(Config{})
		if _, err := d.Load(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\nwant %q in\n%s", err, c.want, numbered(c.text))
		}
	}
}

func TestModule(t *testing.T) {
	t.Parallel()
	text := header + `
.global .align 4 .u32 table[4] = {1, 2, 3+4, 0x10};
.global .align 8 .u64 pointer = table;
.const .f32 scale = 0f40000000;
.extern .shared .align 16 .b8 dyn[];
.func (.reg .f32 r) twice (.reg .f32 x) { .reg .f32 %y; ld.const.f32 %y, [scale]; mul.f32 r, x, %y; ret; }
.visible .entry k(.param .u8 c, .param .u64 out, .param .align 8 .b8 s[12], .param .f32 x)
.reqntid 32, 1, 1
.minnctapersm 2
{
	.reg .b64 %rd<4>; .reg .b32 %r<6>; .reg .f32 %f<3>;
	.shared .align 4 .b8 stat[20];
	.loc 1 2 3
	.pragma "nounroll";
	ld.param.u64 %rd1, [out];
	ld.global.u64 %rd2, [pointer];
	ld.global.u32 %r1, [%rd2+8];
	ld.param.u32 %r2, [s+8];
	add.u32 %r1, %r1, %r2;
	mov.u32 %r3, dyn;
	mad.lo.u32 %r1, %r3, 1000, %r1;
	ld.param.f32 %f1, [x];
	call (%f2), twice, (%f1);
	cvt.rzi.u32.f32 %r4, %f2;
	mad.lo.u32 %r1, %r4, 100000, %r1;
	st.global.u32 [%rd1], %r1;
	ret;
}`
	d := New(Config{})
	f := loadKernel(t, d, text)
	want := []Param{{"c", 0, 1, 1}, {"out", 8, 8, 8}, {"s", 16, 12, 8}, {"x", 28, 4, 4}}
	if !slices.Equal(f.Params, want) || f.ParamBytes != 32 || f.Required != (Dim3{32, 1, 1}) || f.MaxThreads != 32 || f.SharedStatic != 32 {
		t.Errorf("%+v, %d bytes, %v, %d, %d shared", f.Params, f.ParamBytes, f.Required, f.MaxThreads, f.SharedStatic)
	}
	out := zeros(t, d, 4)
	params := pack(uint8(1), out, uint64(0), uint32(5), float32(2.5))
	if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 64, params); err != nil {
		t.Fatal(err)
	}
	// table[2] is 7, s+8 holds 5, dyn lies behind 20 bytes at 32, 2*2.5 is 5.
	if got := fromDevice[uint32](t, d, out, 1)[0]; got != 532012 {
		t.Errorf("%d, want 532012", got)
	}
	if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{64, 1, 1}, 0, params); err == nil || !strings.Contains(err.Error(), ".reqntid") {
		t.Errorf("a block of 64: %v", err)
	}
	if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 60<<10, params); err == nil {
		t.Error("60 KiB of shared memory without opting in: no error")
	}
	if err := f.SetMaxDynamicShared(64 << 10); err != nil {
		t.Fatal(err)
	}
	if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 60<<10, params); err != nil {
		t.Error(err)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	d := New(Config{Memory: 1 << 20})
	a, err := d.Alloc(1000)
	if err != nil || a%256 != 0 {
		t.Fatalf("%#x, %v", a, err)
	}
	if _, err := d.Alloc(1 << 20); err == nil {
		t.Error("more than there is: no error")
	}
	if err := d.CopyIn(a+990, make([]byte, 11)); err == nil || !strings.Contains(err.Error(), "past the end") {
		t.Errorf("copy past the end: %v", err)
	}
	if err := d.Memset32(a, 0x01020304, 250); err != nil {
		t.Error(err)
	}
	b, _ := d.Alloc(1000)
	if err := d.CopyWithin(b, a+4, 996); err != nil {
		t.Error(err)
	}
	if got := fromDevice[uint8](t, d, b, 4); !slices.Equal(got, []uint8{4, 3, 2, 1}) {
		t.Errorf("%v", got)
	}
	if err := d.Free(a); err != nil {
		t.Error(err)
	}
	if err := d.Free(a); err == nil {
		t.Error("freed twice: no error")
	}
	if err := d.CopyOut(make([]byte, 1), a); err == nil || !strings.Contains(err.Error(), "freed") {
		t.Errorf("copy of freed memory: %v", err)
	}
	if free, total := d.MemoryInfo(); free != total-1000 {
		t.Errorf("%d of %d free", free, total)
	}
}
