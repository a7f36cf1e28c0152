package emulator

import (
	"os"
	"testing"
)

// FuzzLoad feeds text to the parser and decoder. It must answer with a module or
// an error; a short run of what it accepts must end too.
func FuzzLoad(f *testing.F) {
	f.Add(vectorAdd)
	if b, err := os.ReadFile("testdata/clang.ptx"); err == nil {
		f.Add(string(b[:min(len(b), 6000)]))
	}
	f.Add(header + ".global .u32 a[2][3] = {{1,2,3},{4,5}}; .const .u64 p = generic(a)+4;")
	f.Add(header + ".visible .entry k() { .reg .b32 %r<9>; { .reg .b32 %x; mov.u32 %x, -(3*4)<<2; } mov.b64 {%r1,%r2}, 5; }")
	f.Add(header + ".func (.param .b32 o) f(.param .b32 i) { .reg .b32 %r; ld.param.b32 %r,[i]; st.param.b32 [o],%r; ret; }\n" +
		".visible .entry k() { .reg .b32 %r; { .param .b32 a; .param .b32 b; st.param.b32 [a], 1; call (b), f, (a); ld.param.b32 %r,[b]; } exit; }")
	f.Add(header + ".visible .entry k() { .reg .pred %p<3>; .reg .b32 %r<3>; setp.lt.and.s32 %p1|%p2, %r1, 4, !%p2; bar.red.popc.u32 %r1, 0, %p1; T: .branchtargets A; brx.idx %r1, T; A: }")
	f.Add(header + ".visible .entry k() { .reg .b32 %r<9>; .shared .align 16 .b8 s[64]; ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r1,%r2}, [s]; mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {%r1,%r2},{%r3,%r4},{%r5},{%r1,%r2}; }")
	f.Fuzz(func(t *testing.T, text string) {
		d := New(Config{Memory: 1 << 24, Threads: 1, MaxInstructions: 1 << 12})
		m, err := d.Load(text)
		if err != nil {
			return
		}
		for _, name := range m.Functions() {
			k, err := m.Function(name)
			if err != nil {
				t.Fatal(err)
			}
			block := Dim3{1, 1, 1}
			if k.Required.X > 0 {
				block = k.Required
			}
			_ = d.Launch(k, Dim3{1, 1, 1}, block, 0, make([]byte, k.ParamBytes))
		}
		m.Unload()
	})
}
