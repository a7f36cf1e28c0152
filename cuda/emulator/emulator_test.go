package emulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

const header = ".version 7.8\n.target sm_90\n.address_size 64\n"

// load puts the text into a module of one kernel k with pointer parameters in
// and out and returns it.
func loadKernel(t testing.TB, d *Device, text string) *Function {
	t.Helper()
	m, err := d.Load(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, numbered(text))
	}
	f, err := m.Function("k")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func numbered(text string) string {
	var b strings.Builder
	for i, l := range strings.Split(text, "\n") {
		fmt.Fprintf(&b, "%3d %s\n", i+1, l)
	}
	return b.String()
}

func pack(args ...any) []byte {
	var p []byte
	for _, a := range args {
		n := binary.Size(a)
		for len(p)%n != 0 {
			p = append(p, 0)
		}
		p, _ = binary.Append(p, binary.LittleEndian, a)
	}
	return p
}

func toDevice(t testing.TB, d *Device, data any) uint64 {
	t.Helper()
	b, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := d.Alloc(int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.CopyIn(addr, b); err != nil {
		t.Fatal(err)
	}
	return addr
}

func fromDevice[T any](t testing.TB, d *Device, addr uint64, n int) []T {
	t.Helper()
	out := make([]T, n)
	b := make([]byte, binary.Size(out))
	if err := d.CopyOut(b, addr); err != nil {
		t.Fatal(err)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func zeros(t testing.TB, d *Device, n int64) uint64 {
	t.Helper()
	addr, err := d.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Memset8(addr, 0, n); err != nil {
		t.Fatal(err)
	}
	return addr
}

// wantFault runs the kernel and checks the kind and line of its fault.
func wantFault(t *testing.T, err error, kind FaultKind, text, marker string) {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) {
		t.Fatalf("error %v, want a fault: %v", err, kind)
	}
	line := 0
	for i, l := range strings.Split(text, "\n") {
		if strings.Contains(l, marker) {
			line = i + 1
		}
	}
	if f.Kind != kind || f.Line != line {
		t.Errorf("%v\nwant %v at line %d", err, kind, line)
	}
}

const vectorAdd = header + `
.visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u32 pn)
{
	.reg .pred %p;
	.reg .b32 %r<8>;
	.reg .f32 %f<4>;
	.reg .b64 %rd<8>;
	ld.param.u64 %rd1, [pa];
	ld.param.u64 %rd2, [pb];
	ld.param.u64 %rd3, [pc];
	ld.param.u32 %r1, [pn];
	mov.u32 %r2, %ctaid.x;
	mov.u32 %r3, %ntid.x;
	mov.u32 %r4, %tid.x;
	mad.lo.s32 %r5, %r2, %r3, %r4;
	setp.ge.u32 %p, %r5, %r1;
	@%p bra DONE;
	mad.wide.u32 %rd4, %r5, 4, %rd1;
	mad.wide.u32 %rd5, %r5, 4, %rd2;
	mad.wide.u32 %rd6, %r5, 4, %rd3;
	ld.global.f32 %f1, [%rd4];
	ld.global.nc.f32 %f2, [%rd5];
	add.f32 %f3, %f1, %f2;
	st.global.f32 [%rd6], %f3;
DONE:
	ret;
}
`

func TestVectorAdd(t *testing.T) {
	t.Parallel()
	d := New(Config{})
	f := loadKernel(t, d, vectorAdd)
	const n = 1000
	a, b := make([]float32, n), make([]float32, n)
	for i := range a {
		a[i], b[i] = float32(i), float32(i)*0.5
	}
	pa, pb, pc := toDevice(t, d, a), toDevice(t, d, b), zeros(t, d, 4*n)
	var seen Launch
	d.OnLaunch(func(l Launch) { seen = l })
	if err := d.Launch(f, Dim3{8, 1, 1}, Dim3{128, 1, 1}, 0, pack(pa, pb, pc, uint32(n))); err != nil {
		t.Fatal(err)
	}
	for i, v := range fromDevice[float32](t, d, pc, n) {
		if v != a[i]+b[i] {
			t.Fatalf("c[%d] = %v, want %v", i, v, a[i]+b[i])
		}
	}
	if seen.GlobalLoadBytes != 8*n || seen.GlobalStoreBytes != 4*n || seen.GlobalLoadSectors != 2*n/8 || seen.Warps != 32 || seen.Blocks != 8 {
		t.Errorf("counters %+v", seen)
	}
	err := d.Launch(f, Dim3{8, 1, 1}, Dim3{128, 1, 1}, 0, pack(pa, pb, pc, uint32(n+1)))
	wantFault(t, err, OutOfBounds, vectorAdd, "ld.global.f32 %f1")
	if !strings.Contains(err.Error(), "0 bytes past the end") && !strings.Contains(err.Error(), "past the end of the allocation") {
		t.Errorf("%v", err)
	}
}

func BenchmarkMatVec(b *testing.B) {
	// One warp a row, 4 floats a lane and load: the inner loop of a decode kernel.
	text := header + `
.visible .entry k(.param .u64 py, .param .u64 px, .param .u64 pw, .param .u32 pcols)
.reqntid 128
{
	.reg .pred %p;
	.reg .b32 %r<12>;
	.reg .f32 %f<20>;
	.reg .b64 %rd<8>;
	ld.param.u64 %rd1, [py];
	ld.param.u64 %rd2, [px];
	ld.param.u64 %rd3, [pw];
	ld.param.u32 %r1, [pcols];
	mov.u32 %r2, %tid.x;
	and.b32 %r3, %r2, 31;
	shr.u32 %r4, %r2, 5;
	mov.u32 %r5, %ctaid.x;
	mad.lo.u32 %r6, %r5, 4, %r4;
	mul.lo.u32 %r7, %r6, %r1;
	mul.wide.u32 %rd4, %r7, 4;
	add.u64 %rd3, %rd3, %rd4;
	shl.b32 %r8, %r3, 2;
	mov.f32 %f1, 0f00000000;
LOOP:
	mul.wide.u32 %rd5, %r8, 4;
	add.u64 %rd6, %rd3, %rd5;
	add.u64 %rd7, %rd2, %rd5;
	ld.global.nc.v4.f32 {%f2,%f3,%f4,%f5}, [%rd6];
	ld.global.nc.v4.f32 {%f6,%f7,%f8,%f9}, [%rd7];
	fma.rn.f32 %f1, %f2, %f6, %f1;
	fma.rn.f32 %f1, %f3, %f7, %f1;
	fma.rn.f32 %f1, %f4, %f8, %f1;
	fma.rn.f32 %f1, %f5, %f9, %f1;
	add.u32 %r8, %r8, 128;
	setp.lt.u32 %p, %r8, %r1;
	@%p bra LOOP;
	shfl.sync.bfly.b32 %f10, %f1, 16, 31, -1;
	add.f32 %f1, %f1, %f10;
	shfl.sync.bfly.b32 %f10, %f1, 8, 31, -1;
	add.f32 %f1, %f1, %f10;
	setp.ne.u32 %p, %r3, 0;
	@%p bra DONE;
	mad.wide.u32 %rd1, %r6, 4, %rd1;
	st.global.f32 [%rd1], %f1;
DONE:
	ret;
}`
	const rows, cols = 1024, 1024
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			d := New(Config{Threads: threads})
			f := loadKernel(b, d, text)
			w, x := make([]float32, rows*cols), make([]float32, cols)
			for i := range w {
				w[i] = float32(math.Sin(float64(i)))
			}
			for i := range x {
				x[i] = float32(math.Cos(float64(i)))
			}
			pw, px, py := toDevice(b, d, w), toDevice(b, d, x), zeros(b, d, 4*rows)
			var instr int64
			d.OnLaunch(func(l Launch) { instr += l.ThreadInstructions })
			for b.Loop() {
				if err := d.Launch(f, Dim3{rows / 4, 1, 1}, Dim3{128, 1, 1}, 0, pack(py, px, pw, uint32(cols))); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(instr)/b.Elapsed().Seconds()/1e6, "Mlanes/s")
			b.ReportMetric(float64(b.N)*rows*cols/b.Elapsed().Seconds()/1e6, "Mweights/s")
		})
	}
}
