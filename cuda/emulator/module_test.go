package emulator

import (
	"slices"
	"strings"
	"testing"
)

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
		{wrap(".reg .b32 %tid;"), "line 6: %tid is a special register"},
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

// A register's name may begin like those of a range; it may not be one of them.
func TestRegisterNames(t *testing.T) {
	t.Parallel()
	for declarations, twice := range map[string]string{
		".reg .u64 %a; .reg .f32 %a<4>;":     "",
		".reg .f32 %a<4>; .reg .u64 %a;":     "",
		".reg .f32 %a<4>; .reg .u64 %a4;":    "",
		".reg .u64 %a01; .reg .f32 %a<4>;":   "",
		".reg .f32 %a<4>; .reg .u64 %a3;":    "%a3",
		".reg .u64 %a3; .reg .f32 %a<4>;":    "%a3",
		".reg .f32 %a<4>; .reg .f32 %a<2>;":  "%a0",
		".reg .u64 %a; .reg .f32 %a;":        "%a",
		".reg .f32 %a<4>; { .reg .u64 %a3;}": "",
	} {
		_, err := New(Config{}).Load(header + ".visible .entry k() {" + declarations + "ret; }")
		if twice == "" && err != nil || twice != "" && (err == nil || !strings.Contains(err.Error(), twice+" is declared twice")) {
			t.Errorf("%s: %v", declarations, err)
		}
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
