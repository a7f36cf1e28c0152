package emulator

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// BenchmarkTiled is the inner loop of a plain tiled product: 16x16 threads, one
// result each, two loads from shared memory for a multiply-add.
func BenchmarkTiled(b *testing.B) {
	var body strings.Builder
	for k := range 16 {
		fmt.Fprintf(&body, "ld.shared.f32 %%f1, [%%ra+%d];\nld.shared.f32 %%f2, [%%rb+%d];\nfma.rn.f32 %%f0, %%f1, %%f2, %%f0;\n", 4*k, 64*k)
	}
	text := header + `
.visible .entry k(.param .u64 out, .param .u32 steps)
.reqntid 16, 16
{
	.reg .b64 %rd<2>; .reg .b32 %x, %y, %ra, %rb, %wa, %wb, %n, %c; .reg .f32 %f<4>; .reg .pred %p;
	.shared .align 4 .b8 sa[1024];
	.shared .align 4 .b8 sb[1024];
	ld.param.u64 %rd0, [out];
	ld.param.u32 %n, [steps];
	mov.u32 %x, %tid.x;
	mov.u32 %y, %tid.y;
	mov.u32 %ra, sa;
	mov.u32 %rb, sb;
	mad.lo.u32 %ra, %y, 64, %ra;
	mad.lo.u32 %rb, %x, 4, %rb;
	mad.lo.u32 %wa, %x, 4, %ra;
	mad.lo.u32 %wb, %y, 64, %rb;
	mov.f32 %f0, 0f00000000;
	mov.f32 %f3, 0f3F800000;
	mov.u32 %c, 0;
LOOP:
	st.shared.f32 [%wa], %f3;
	st.shared.f32 [%wb], %f3;
	bar.sync 0;
` + body.String() + `
	bar.sync 0;
	add.u32 %c, %c, 1;
	setp.lt.u32 %p, %c, %n;
	@%p bra LOOP;
	mad.lo.u32 %c, %y, 16, %x;
	mad.wide.u32 %rd0, %c, 4, %rd0;
	st.global.f32 [%rd0], %f0;
	ret;
}`
	d := New(Config{Threads: 1})
	f := loadKernel(b, d, text)
	out := zeros(b, d, 1024)
	var instr int64
	d.OnLaunch(func(l Launch) { instr += l.ThreadInstructions })
	for b.Loop() {
		if err := d.Launch(f, Dim3{4, 1, 1}, Dim3{16, 16, 1}, 0, pack(out, uint32(100))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(instr)/b.Elapsed().Seconds()/1e6, "Mlanes/s")
}

// BenchmarkLaunch is a launch with almost nothing to do: what each costs.
func BenchmarkLaunch(b *testing.B) {
	d := New(Config{})
	f := loadKernel(b, d, vectorAdd)
	p := zeros(b, d, 4*256)
	params := pack(p, p, p, uint32(256))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{256, 1, 1}, 0, params); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProductQ8 is what a token of a small model is made of: a product of 1024 rows
// of 256 columns in Q8_0, four rows abreast in a warp.
func BenchmarkProductQ8(b *testing.B) {
	const rows, columns, share, abreast = 1024, 256, 32, 4
	text, err := os.ReadFile("../../kernels/matvec_q8_0.ptx")
	if err != nil {
		b.Skip(err)
	}
	d := New(Config{Threads: 1})
	m, err := d.Load(string(text))
	if err != nil {
		b.Fatal(err)
	}
	f, err := m.Function("matvec_q8_0")
	if err != nil {
		b.Fatal(err)
	}
	x := make([]float32, columns)
	for i := range x {
		x[i] = float32(i)*0.37 - 40
	}
	weight := make([]byte, rows*columns+2*8*rows) // two planes of codes, then the scales
	for i := range weight {
		if weight[i] = byte(i * 57); i >= rows*columns {
			weight[i] = 0x20 + byte(i%16) // scales of an ordinary size
		}
	}
	const none = uint64(0)
	params := pack(zeros(b, d, 4*rows), none, none, toDevice(b, d, x), toDevice(b, d, weight), none, none, none, none, none, none, none,
		uint32(rows), uint32(0), uint32(0), uint32(columns), uint32(1), uint32(share), uint32(abreast), uint32(0), uint32(0), float32(1e-5))
	for b.Loop() {
		if err := d.Launch(f, Dim3{rows / (4 * share), 1, 1}, Dim3{128, 1, 1}, 0, params); err != nil {
			b.Fatal(err)
		}
	}
}
