//go:build cuda && cgo && linux

package driver

import (
	"errors"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/potion-engine/potion/cuda/emulator"
)

// saxpy: y[i] = a*x[i] + y[i]; spoil writes past the end of y.
const saxpy = `.version 6.4
.target sm_70
.address_size 64

.global .align 4 .u32 answer = 42;

.visible .entry saxpy(.param .u64 y_, .param .u64 x_, .param .f32 a_, .param .u32 n_)
{
	.reg .u64 %y, %x, %o;
	.reg .f32 %a, %v, %w;
	.reg .u32 %n, %i, %b, %d;
	.reg .pred %out;
	ld.param.u64 %y, [y_];
	ld.param.u64 %x, [x_];
	ld.param.f32 %a, [a_];
	ld.param.u32 %n, [n_];
	mov.u32 %b, %ctaid.x;
	mov.u32 %d, %ntid.x;
	mov.u32 %i, %tid.x;
	mad.lo.u32 %i, %b, %d, %i;
	setp.ge.u32 %out, %i, %n;
	@%out ret;
	mul.wide.u32 %o, %i, 4;
	add.u64 %x, %x, %o;
	add.u64 %y, %y, %o;
	ld.global.f32 %v, [%x];
	ld.global.f32 %w, [%y];
	fma.rn.f32 %w, %a, %v, %w;
	st.global.f32 [%y], %w;
	ret;
}

.visible .entry spoil(.param .u64 y_, .param .u64 offset_)
{
	.reg .u64 %y, %o;
	.reg .f32 %v;
	ld.param.u64 %y, [y_];
	ld.param.u64 %o, [offset_];
	add.u64 %y, %y, %o;
	mov.f32 %v, 0f3f800000;
	st.global.f32 [%y], %v;
	ret;
}
`

// openEmulated binds this process to two small emulated devices.
func openEmulated(t testing.TB) {
	t.Helper()
	if os.Getenv(childVariable) != "" {
		t.Skip("this process tests another driver")
	}
	if CurrentMode() == Emulated {
		return
	}
	small := emulator.Config{Memory: 1 << 26, Threads: 1}
	if err := Open(Options{Emulated: []*emulator.Device{emulator.New(small), emulator.New(small)}}); err != nil {
		t.Fatal(err)
	}
}

// enter makes a new context current on the test's thread.
func enter(t testing.TB) cu.CUContext {
	t.Helper()
	openEmulated(t)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	d, err := cu.GetDevice(0)
	must(t, err)
	c, err := d.MakeContext(cu.SchedAuto)
	must(t, err)
	t.Cleanup(func() { must(t, c.Destroy()) })
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(Check("unexpected", err))
	}
}

func wantResult(t testing.TB, what string, err error, want Result) {
	t.Helper()
	if got, ok := ResultOf(err); !ok || got != want {
		t.Errorf("%s: %v, want %v", what, Check(what, err), want)
	}
}

func loadKernel(t testing.TB, name string) cu.Function {
	t.Helper()
	m, _, err := LoadModule("saxpy.ptx", saxpy)
	must(t, err)
	f, err := m.Function(name)
	must(t, err)
	return f
}

func alloc(t testing.TB, n int) cu.DevicePtr {
	t.Helper()
	p, err := cu.MemAlloc(int64(n))
	must(t, err)
	return p
}

func floats(n int, f func(i int) float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = f(i)
	}
	return v
}

// What a program would do with cu alone, on the emulated driver: devices,
// context, module, memory, launch, events.
func TestCuOnEmulatedDevice(t *testing.T) {
	t.Parallel()
	c := enter(t)
	n, err := cu.NumDevices()
	must(t, err)
	if n != 2 || cu.Version() != emulatedVersion || CurrentMode() != Emulated || Version() != emulatedVersion {
		t.Fatalf("%d devices, version %d, mode %v", n, cu.Version(), CurrentMode())
	}
	d := cu.Device(1)
	name, err := d.Name()
	must(t, err)
	total, err := d.TotalMem()
	must(t, err)
	major, _, err := d.ComputeCapability()
	must(t, err)
	id, err := d.UUID()
	must(t, err)
	if !strings.Contains(name, "emulated") || total != 1<<26 || major != 9 || id[15] != 1 {
		t.Errorf("device 1 is %q with %d bytes, sm_%d0, %v", name, total, major, id)
	}
	current, err := cu.CurrentContext()
	must(t, err)
	if current.String() != c.String() {
		t.Errorf("current context %v, made %v", current, c)
	}

	m, err := cu.LoadData(saxpy)
	must(t, err)
	answer, size, err := m.Global("answer")
	must(t, err)
	var got uint32
	must(t, cu.MemcpyDtoH(unsafe.Pointer(&got), answer, size))
	if size != 4 || got != 42 {
		t.Errorf("global of %d bytes holds %d", size, got)
	}
	f, err := m.Function("saxpy")
	must(t, err)
	const count = 1000
	x, y := floats(count, func(i int) float32 { return float32(i) }), floats(count, func(i int) float32 { return float32(-i) })
	dx, dy := alloc(t, 4*count), alloc(t, 4*count)
	must(t, cu.MemcpyHtoD(dx, unsafe.Pointer(&x[0]), 4*count))
	must(t, cu.MemcpyHtoD(dy, unsafe.Pointer(&y[0]), 4*count))
	s, err := cu.MakeStream(cu.NonBlocking)
	must(t, err)
	begin, err := cu.MakeEvent(cu.DefaultEvent)
	must(t, err)
	end, err := cu.MakeEvent(cu.DefaultEvent)
	must(t, err)
	must(t, begin.Record(s))
	// cu reads 8 bytes at each argument, so each has a slot of 8.
	slots := []uint64{uint64(dy), uint64(dx), uint64(math.Float32bits(3)), count}
	args := make([]unsafe.Pointer, len(slots))
	for i := range slots {
		args[i] = unsafe.Pointer(&slots[i])
	}
	must(t, f.Launch(8, 1, 1, 128, 1, 1, 0, s, args))
	must(t, end.Record(s))
	must(t, end.Synchronize())
	ms, err := begin.Elapsed(end)
	must(t, err)
	if ms <= 0 || ms > 60e3 {
		t.Errorf("the launch took %v ms", ms)
	}
	must(t, cu.MemcpyDtoH(unsafe.Pointer(&y[0]), dy, 4*count))
	for i, v := range y {
		if want := float32(3*i - i); v != want {
			t.Fatalf("y[%d] = %v, want %v", i, v, want)
		}
	}
	must(t, m.Unload())
	must(t, cu.MemFree(dx))
	must(t, cu.MemFree(dy))
	free, _, err := cu.MemInfo()
	must(t, err)
	if free <= 0 || free > total {
		t.Errorf("%d bytes free of %d", free, total)
	}
}

// cu's own context goroutine works as well.
func TestCuContextGoroutine(t *testing.T) {
	t.Parallel()
	openEmulated(t)
	ctx := cu.NewContext(cu.Device(1), cu.SchedAuto)
	p, err := ctx.MemAlloc(64)
	must(t, err)
	ctx.MemsetD32(p, 7, 16)
	ctx.Synchronize()
	must(t, ctx.Error())
	got := make([]uint32, 16)
	ctx.MemcpyDtoH(unsafe.Pointer(&got[0]), p, 64)
	must(t, ctx.Error())
	if got[0] != 7 || got[15] != 7 {
		t.Errorf("memory holds %v", got)
	}
	must(t, ctx.Close())
}

func TestOpenAgain(t *testing.T) {
	t.Parallel()
	openEmulated(t)
	must(t, Open(Options{Emulated: []*emulator.Device{emulator.New(emulator.Config{})}}))
	var cause *Cause
	if err := Open(Options{}); !errors.As(err, &cause) || cause.Reason != WrongMode || !strings.Contains(err.Error(), "emulated") {
		t.Errorf("opening the hardware driver: %v", err)
	}
	if n, err := cu.NumDevices(); err != nil || n != 2 {
		t.Errorf("%d devices, %v", n, err)
	}
}

// Handles are checked: no call takes another kind's, a freed one or nonsense.
func TestBadHandles(t *testing.T) {
	t.Parallel()
	enter(t)
	f := loadKernel(t, "saxpy")
	asStream := *(*cu.Stream)(unsafe.Pointer(&f))
	wantResult(t, "function as stream", asStream.Synchronize(), InvalidHandle)
	s, err := cu.MakeStream(cu.DefaultStream)
	must(t, err)
	gone := s
	must(t, s.Destroy())
	wantResult(t, "destroyed stream", gone.Synchronize(), InvalidHandle)
	wantResult(t, "free of nothing", cu.MemFree(12345), InvalidValue)
	wantResult(t, "negative device", func() error { _, err := cu.Device(-1).Name(); return err }(), InvalidDevice)
	wantResult(t, "device 2 of 2", func() error { _, err := cu.GetDevice(2); return err }(), InvalidDevice)
	if err := FreePinned(make([]byte, 8)); !errors.Is(err, InvalidValue) {
		t.Errorf("FreePinned of Go memory: %v", err)
	}
}

// Without a current context calls say so instead of using another thread's.
func TestNoCurrentContext(t *testing.T) {
	t.Parallel()
	openEmulated(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, cu.SetCurrentContext(cu.CUContext{}))
	_, err := cu.MemAlloc(16)
	wantResult(t, "cuMemAlloc", err, InvalidContext)
	if err := Check("cuMemAlloc", err); !strings.Contains(err.Error(), "no context is current") {
		t.Error(err)
	}
}

func TestPrimaryContext(t *testing.T) {
	t.Parallel()
	openEmulated(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d := cu.Device(1)
	c, err := d.RetainPrimaryCtx()
	must(t, err)
	must(t, cu.PushCurrentCtx(c))
	p := alloc(t, 1<<20)
	popped, err := cu.PopCurrentCtx()
	must(t, err)
	if popped.String() != c.String() {
		t.Errorf("popped %v, pushed %v", popped, c)
	}
	must(t, d.ReleasePrimaryCtx())
	_, active, err := d.PrimaryCtxState()
	must(t, err)
	if active != 0 {
		t.Error("the primary context outlives its last release")
	}
	wantResult(t, "use after release", cu.SetCurrentContext(c), InvalidContext)
	_ = p
}

// What the emulator lacks is named.
func TestUnsupportedCallsAreNamed(t *testing.T) {
	t.Parallel()
	enter(t)
	_, err := cu.MemAllocManaged(64, cu.AttachGlobal)
	wantResult(t, "managed memory", err, NotSupported)
	if err := Check("cuMemAllocManaged", err); !strings.Contains(err.Error(), "emulated driver lacks cuMemAllocManaged") {
		t.Error(err)
	}
}
