//go:build cuda && cgo && linux

package driver

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"
)

func makeStream(t testing.TB, flags cu.StreamFlags) cu.Stream {
	t.Helper()
	s, err := cu.MakeStream(flags)
	must(t, err)
	return s
}

func pinned(t testing.TB, n int) []byte {
	t.Helper()
	b, err := AllocPinned(n, false)
	must(t, err)
	t.Cleanup(func() { must(t, FreePinned(b)) })
	return b
}

func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(&b[0]) }

// Copies of pinned memory happen when somebody waits, those of Go memory as if at
// once.
func TestAsynchronousCopies(t *testing.T) {
	t.Parallel()
	enter(t)
	s := makeStream(t, cu.NonBlocking)
	dev := alloc(t, 8)
	up, down := pinned(t, 8), pinned(t, 8)
	copy(up, "too soon")
	must(t, cu.MemcpyHtoDAsync(dev, pointer(up), 8, s))
	must(t, cu.MemcpyDtoHAsync(pointer(down), dev, 8, s))
	copy(up, "in time!")
	if string(down) == "too soon" || string(down) == "in time!" {
		t.Errorf("the copy was done before it was waited for: %q", down)
	}
	must(t, s.Synchronize())
	if string(down) != "in time!" {
		t.Errorf("got %q", down)
	}
	pageable := []byte("pageable")
	must(t, cu.MemcpyHtoDAsync(dev, pointer(pageable), 8, s))
	copy(pageable, "changed!")
	got := make([]byte, 8)
	must(t, cu.MemcpyDtoHAsync(pointer(got), dev, 8, s))
	if string(got) != "pageable" {
		t.Errorf("got %q", got)
	}
}

// A copy that waits is ordered after blocking streams only.
func TestDefaultStreamOrder(t *testing.T) {
	t.Parallel()
	enter(t)
	for _, c := range []struct {
		flags cu.StreamFlags
		want  byte
	}{{cu.DefaultStream, 7}, {cu.NonBlocking, 0}} {
		s, dev := makeStream(t, c.flags), alloc(t, 4)
		must(t, cu.MemsetD8(dev, 0, 4))
		must(t, cu.Synchronize())
		must(t, cu.MemsetD8Async(dev, 7, 4, s))
		got := make([]byte, 4)
		must(t, cu.MemcpyDtoH(pointer(got), dev, 4))
		if got[0] != c.want {
			t.Errorf("stream with flags %d: %v", c.flags, got)
		}
	}
}

func TestEventsOrderStreams(t *testing.T) {
	t.Parallel()
	enter(t)
	a, b := makeStream(t, cu.NonBlocking), makeStream(t, cu.NonBlocking)
	e, err := cu.MakeEvent(cu.DisableTiming)
	must(t, err)
	dev, got := alloc(t, 4), pinned(t, 4)
	must(t, cu.MemsetD32Async(dev, 99, 1, a))
	must(t, e.Record(a))
	must(t, b.Wait(e, 0))
	must(t, cu.MemcpyDtoHAsync(pointer(got), dev, 4, b))
	polls := 0
	for b.Query() != nil {
		if polls++; polls > 100 {
			t.Fatal("asking does not get the work done")
		}
	}
	if v := binary.LittleEndian.Uint32(got); v != 99 || polls == 0 {
		t.Errorf("got %d after asking %d times", v, polls)
	}
	must(t, e.Query())
	_, err = e.Elapsed(e)
	wantResult(t, "time of an event without timing", err, InvalidHandle)
}

// A long queue is worked off by itself.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	c := enter(t)
	s, dev := makeStream(t, cu.NonBlocking), alloc(t, 4)
	for i := range uint(3 * maxQueue) {
		must(t, cu.MemsetD32Async(dev, i, 1, s))
	}
	h := *(*uintptr)(unsafe.Pointer(&c))
	emulated.mu.Lock()
	n := len(emulated.handles[h].(*context).queue)
	emulated.mu.Unlock()
	if n > maxQueue {
		t.Errorf("%d operations wait", n)
	}
	must(t, s.Synchronize())
}

// While a kernel runs, other threads' calls are answered.
func TestCallsWhileAKernelRuns(t *testing.T) {
	t.Parallel()
	enter(t)
	m, _, err := LoadModule("count.ptx", countPTX)
	must(t, err)
	f, err := m.Function("count")
	must(t, err)
	s, dev := makeStream(t, cu.NonBlocking), alloc(t, 4)
	must(t, Launch(f, &Extent{1, 1, 1, 1, 1, 1}, 0, s, []uint64{uint64(dev), 2_000_000}))
	begun, done, answered := make(chan bool), make(chan bool), make(chan int)
	go func() {
		calls := 0
		for close(begun); ; calls++ {
			select {
			case <-done:
				answered <- calls
				return
			default:
				cu.NumDevices()
			}
		}
	}()
	<-begun
	must(t, s.Synchronize())
	close(done)
	// A call that waited for the kernel would be the only one.
	if n := <-answered; n < 10 {
		t.Errorf("%d calls were answered while a kernel ran", n)
	}
	out := pinned(t, 4)
	must(t, cu.MemcpyDtoHAsync(pointer(out), dev, 4, s))
	must(t, s.Synchronize())
	if got := binary.LittleEndian.Uint32(out); got != 2_000_000 {
		t.Errorf("counted to %d", got)
	}
}

const countPTX = `.version 6.4
.target sm_70
.address_size 64
.visible .entry count(.param .u64 p_, .param .u32 n_)
{
	.reg .u64 %p;
	.reg .u32 %n, %i;
	.reg .pred %more;
	ld.param.u64 %p, [p_];
	ld.param.u32 %n, [n_];
	mov.u32 %i, 0;
again:
	add.u32 %i, %i, 1;
	setp.lt.u32 %more, %i, %n;
	@%more bra again;
	st.global.u32 [%p], %i;
	ret;
}
`

// Arguments of every size lie in slots of 8 bytes; a launch allocates nothing.
func TestLaunch(t *testing.T) {
	t.Parallel()
	enter(t)
	f := loadKernel(t, "saxpy")
	const n = 64
	x := alloc(t, 4*n)
	y := alloc(t, 4*n)
	must(t, cu.MemsetD32(x, math.Float32bits(2), n))
	must(t, cu.MemsetD32(y, math.Float32bits(1), n))
	slots := []uint64{uint64(y), uint64(x), uint64(math.Float32bits(0.5)), n}
	e := &Extent{2, 1, 1, 32, 1, 1}
	s := makeStream(t, cu.NonBlocking)
	must(t, cu.Synchronize())
	must(t, Launch(f, e, 0, s, slots))
	for i := range slots {
		slots[i] = 0 // they were copied
	}
	must(t, s.Synchronize())
	got := make([]float32, n)
	must(t, cu.MemcpyDtoH(unsafe.Pointer(&got[0]), y, 4*n))
	if got[0] != 2 || got[n-1] != 2 {
		t.Errorf("got %v", got)
	}
}

func TestLaunchLimits(t *testing.T) {
	t.Parallel()
	enter(t)
	f := loadKernel(t, "saxpy")
	s := makeStream(t, cu.NonBlocking)
	slots := make([]uint64, 4)
	for _, c := range []struct {
		extent Extent
		shared uint32
		want   Result
	}{
		{Extent{0, 1, 1, 32, 1, 1}, 0, InvalidValue},
		{Extent{1, 1, 1, 2048, 1, 1}, 0, InvalidValue},
		{Extent{1, 1, 1, math.MaxUint32, math.MaxUint32, 1}, 0, InvalidValue},
		{Extent{1, 70000, 1, 32, 1, 1}, 0, InvalidValue},
		{Extent{1, 1, 1, 1024, 1024, 1}, 0, LaunchOutOfResources},
		{Extent{1, 1, 1, 32, 1, 1}, 48<<10 + 1, InvalidValue},
	} {
		wantResult(t, "launch", Launch(f, &c.extent, c.shared, s, slots), c.want)
	}
	wantResult(t, "launch with 65 arguments", Launch(f, &Extent{1, 1, 1, 1, 1, 1}, 0, s, make([]uint64, 65)), InvalidValue)
	must(t, cu.Synchronize()) // a refused launch leaves the context in order
	limit, err := cu.Device(0).Attribute(MaxSharedPerBlockOptin)
	must(t, err)
	must(t, SetMaxDynamicShared(f, limit))
	wantResult(t, "more shared memory than there is", SetMaxDynamicShared(f, limit+1), InvalidValue)
	must(t, SetSharedCarveout(f, 100))
	blocks, err := f.MaxActiveBlocksPerMultiProcessor(256, int64(limit))
	must(t, err)
	if blocks != 1 {
		t.Errorf("%d blocks with all shared memory each", blocks)
	}
	slots[3] = 0
	must(t, Launch(f, &Extent{1, 1, 1, 32, 1, 1}, uint32(limit), s, slots))
	must(t, s.Synchronize())
}

// A kernel's fault comes out of the call that waits, with kernel and line, and of
// every later call in the context; another context is not touched.
func TestFaultEndsTheContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offset uint64
		want   Result
		says   string
	}{
		{1 << 20, IllegalAddress, "out of bounds"},
		{2, MisalignedAddress, "misaligned"},
	} {
		t.Run(c.says, func(t *testing.T) {
			enter(t)
			healthy, err := cu.CurrentContext()
			must(t, err)
			broken, err := cu.Device(0).MakeContext(cu.SchedAuto)
			must(t, err)
			f := loadKernel(t, "spoil")
			y := alloc(t, 64)
			must(t, Launch(f, &Extent{1, 1, 1, 1, 1, 1}, 0, cu.NoStream, []uint64{uint64(y), c.offset}))
			err = cu.Synchronize()
			wantResult(t, "synchronize", err, c.want)
			if text := Check("cuCtxSynchronize", err).Error(); !strings.Contains(text, c.says) || !strings.Contains(text, "kernel spoil, line") {
				t.Error(text)
			}
			if r, _ := ResultOf(err); !r.Lost() {
				t.Errorf("%v does not count as lost", r)
			}
			_, err = cu.MemAlloc(16)
			wantResult(t, "a later call", err, c.want)
			must(t, cu.SetCurrentContext(healthy))
			alloc(t, 16)
			must(t, broken.Destroy())
		})
	}
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	enter(t)
	_, err := cu.MemAlloc(1 << 40)
	wantResult(t, "cuMemAlloc", err, OutOfMemory)
	if text := Check("cuMemAlloc of 1 TiB", err).Error(); !strings.Contains(text, "1099511627776 bytes asked for") {
		t.Error(text)
	}
	p := alloc(t, 16)
	buf := make([]byte, 32)
	wantResult(t, "copy past the end", cu.MemcpyHtoD(p, pointer(buf), 17), InvalidValue)
	wantResult(t, "fill past the end", cu.MemsetD32(p, 0, 5), InvalidValue)
	wantResult(t, "endless fill", cu.MemsetD32(p, 0, math.MaxInt64), InvalidValue)
	wantResult(t, "misaligned fill", cu.MemsetD32(p+2, 0, 1), InvalidValue)
	if _, err := AllocPinned(0, false); !errors.Is(err, InvalidValue) {
		t.Errorf("AllocPinned(0): %v", err)
	}
}

// The compiler's words are in the error.
func TestModuleErrors(t *testing.T) {
	t.Parallel()
	enter(t)
	_, _, err := LoadModule("broken.ptx", strings.Replace(saxpy, "fma.rn.f32", "fma.zz.f32", 1))
	if !errors.Is(err, InvalidPTX) || !strings.Contains(err.Error(), "compiling broken.ptx") || !strings.Contains(err.Error(), "fma") {
		t.Errorf("unknown instruction: %v", err)
	}
	_, _, err = LoadModule("newer.ptx", strings.Replace(saxpy, "sm_70", "sm_120", 1))
	if !errors.Is(err, InvalidPTX) || !strings.Contains(err.Error(), "sm_120") {
		t.Errorf("newer target: %v", err)
	}
	m, _, err := LoadModule("saxpy.ptx", saxpy)
	must(t, err)
	_, err = m.Function("nobody")
	wantResult(t, "unknown kernel", err, NotFound)
	_, _, err = m.Global("nobody")
	wantResult(t, "unknown variable", err, NotFound)
	f, err := m.Function("saxpy")
	must(t, err)
	must(t, m.Unload())
	wantResult(t, "kernel of an unloaded module", SetMaxDynamicShared(f, 0), InvalidHandle)
}
