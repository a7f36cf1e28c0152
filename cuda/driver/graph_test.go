//go:build cuda && cgo && linux

package driver

import (
	"encoding/binary"
	"testing"

	"gorgonia.org/cu"
)

// bench is a stream with memory to record work on.
type bench struct {
	s         cu.Stream
	dev       cu.DevicePtr
	in, out   []byte
	increment cu.Function
}

const addPTX = `.version 6.4
.target sm_70
.address_size 64
.visible .entry add(.param .u64 p_, .param .u32 v_)
{
	.reg .u64 %p;
	.reg .u32 %v, %w;
	ld.param.u64 %p, [p_];
	ld.param.u32 %v, [v_];
	ld.global.u32 %w, [%p];
	add.u32 %w, %w, %v;
	st.global.u32 [%p], %w;
	ret;
}
`

func newBench(t testing.TB) *bench {
	enter(t)
	m, _, err := LoadModule("add.ptx", addPTX)
	must(t, err)
	f, err := m.Function("add")
	must(t, err)
	return &bench{makeStream(t, cu.NonBlocking), alloc(t, 4), pinned(t, 4), pinned(t, 4), f}
}

func (b *bench) add(s cu.Stream, v uint64) error {
	return Launch(b.increment, &Extent{1, 1, 1, 1, 1, 1}, 0, s, []uint64{uint64(b.dev), v})
}

// work uploads a number, adds v and downloads the sum.
func (b *bench) work(t testing.TB, v uint64) {
	t.Helper()
	must(t, cu.MemcpyHtoDAsync(b.dev, pointer(b.in), 4, b.s))
	must(t, b.add(b.s, v))
	must(t, cu.MemcpyDtoHAsync(pointer(b.out), b.dev, 4, b.s))
}

func (b *bench) capture(t testing.TB, v uint64) Graph {
	t.Helper()
	must(t, BeginCapture(b.s, CaptureThreadLocal))
	b.work(t, v)
	g, err := EndCapture(b.s)
	must(t, err)
	return g
}

func (b *bench) replay(t testing.TB, e GraphExec, in uint32) uint32 {
	t.Helper()
	binary.LittleEndian.PutUint32(b.in, in)
	must(t, e.Launch(b.s))
	must(t, b.s.Synchronize())
	return binary.LittleEndian.Uint32(b.out)
}

func TestCaptureAndReplay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if !GraphsSupported() {
		t.Fatal("the emulator has graphs")
	}
	binary.LittleEndian.PutUint32(b.out, 1234)
	g := b.capture(t, 5)
	must(t, b.s.Synchronize())
	if got := binary.LittleEndian.Uint32(b.out); got != 1234 {
		t.Errorf("recording ran the work: %d", got)
	}
	if n, err := g.Nodes(); err != nil || n != 3 {
		t.Errorf("%d nodes, %v", n, err)
	}
	e, err := g.Instantiate()
	must(t, err)
	must(t, g.Destroy())
	must(t, e.Upload(b.s))
	launches, replays := Calls("cuLaunchKernel"), Calls("cuGraphLaunch")
	for in := range uint32(3) {
		if got := b.replay(t, e, in); got != in+5 {
			t.Errorf("replay of %d gives %d", in, got)
		}
	}
	launches, replays = Calls("cuLaunchKernel")-launches, Calls("cuGraphLaunch")-replays
	if launches != 0 || replays != 3 || Calls("cuNothing") != 0 {
		t.Errorf("%d launches of kernels, %d of graphs", launches, replays)
	}
	must(t, e.Update(b.capture(t, 100)))
	if got := b.replay(t, e, 1); got != 101 {
		t.Errorf("after the update: %d", got)
	}
	must(t, BeginCapture(b.s, CaptureGlobal))
	must(t, b.add(b.s, 1))
	other, err := EndCapture(b.s)
	must(t, err)
	wantResult(t, "update with other work", e.Update(other), GraphUpdateFailure)
	if got := b.replay(t, e, 2); got != 102 {
		t.Errorf("after the refused update: %d", got)
	}
	must(t, e.Destroy())
	wantResult(t, "launch of a destroyed graph", e.Launch(b.s), InvalidHandle)
}

// Work forks to a second stream and must come back.
func TestCaptureOfTwoStreams(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	side := makeStream(t, cu.NonBlocking)
	event := func() cu.Event {
		e, err := cu.MakeEvent(cu.DisableTiming)
		must(t, err)
		return e
	}
	record := func(join bool) (Graph, error) {
		fork, end := event(), event()
		must(t, BeginCapture(b.s, CaptureThreadLocal))
		must(t, b.add(b.s, 1))
		must(t, fork.Record(b.s))
		must(t, side.Wait(fork, 0))
		must(t, b.add(side, 10))
		must(t, end.Record(side))
		if join {
			must(t, b.s.Wait(end, 0))
		}
		return EndCapture(b.s)
	}
	_, err := record(false)
	wantResult(t, "a stream that does not come back", err, CaptureUnjoined)
	g, err := record(true)
	must(t, err)
	if n, err := g.Nodes(); err != nil || n != 2 {
		t.Errorf("%d nodes, %v", n, err)
	}
	if on, err := Capturing(side); on || err != nil {
		t.Errorf("the side stream is still captured: %v, %v", on, err)
	}
}

// What cannot be recorded breaks the capture, and the stream works again after it.
func TestForbiddenInCapture(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, c := range map[string]struct {
		call func() error
		want Result
	}{
		"allocation":    {func() error { _, err := cu.MemAlloc(4); return err }, CaptureUnsupported},
		"waiting copy":  {func() error { return cu.MemcpyDtoH(pointer(b.out), b.dev, 4) }, CaptureUnsupported},
		"wait":          {func() error { return b.s.Synchronize() }, CaptureUnsupported},
		"query":         {func() error { return b.s.Query() }, CaptureUnsupported},
		"pageable copy": {func() error { return cu.MemcpyHtoDAsync(b.dev, pointer(make([]byte, 4)), 4, b.s) }, CaptureUnsupported},
	} {
		must(t, BeginCapture(b.s, CaptureGlobal))
		if on, err := Capturing(b.s); !on || err != nil {
			t.Errorf("capturing: %v, %v", on, err)
		}
		wantResult(t, name, c.call(), c.want)
		_, err := EndCapture(b.s)
		wantResult(t, name+": end", err, CaptureInvalidated)
		b.work(t, 0)
		must(t, b.s.Synchronize())
	}
	// The default stream orders itself with blocking streams, so only with those it
	// is in the way.
	must(t, BeginCapture(b.s, CaptureGlobal))
	must(t, cu.MemsetD8(b.dev, 0, 4))
	_, err := EndCapture(b.s)
	must(t, err)
	blocking := makeStream(t, cu.DefaultStream)
	must(t, BeginCapture(blocking, CaptureGlobal))
	wantResult(t, "default stream", cu.MemsetD8(b.dev, 0, 4), CaptureImplicit)
	_, err = EndCapture(blocking)
	wantResult(t, "default stream: end", err, CaptureInvalidated)
	wantResult(t, "capture of the default stream", BeginCapture(cu.NoStream, CaptureGlobal), CaptureUnsupported)
	_, err = EndCapture(b.s)
	wantResult(t, "end without begin", err, 401)
	must(t, BeginCapture(b.s, CaptureRelaxed))
	alloc(t, 4)
	_, err = EndCapture(b.s)
	must(t, err)
}

func BenchmarkLaunch(b *testing.B) {
	w := newBench(b)
	slots := []uint64{uint64(w.dev), 1}
	e := &Extent{1, 1, 1, 1, 1, 1}
	must(b, cu.MemsetD32(w.dev, 0, 1))
	must(b, cu.Synchronize())
	b.ReportAllocs()
	for b.Loop() {
		must(b, Launch(w.increment, e, 0, w.s, slots))
	}
	must(b, w.s.Synchronize())
}

// The way of a call from cu through C and back to Go.
func BenchmarkCall(b *testing.B) {
	openEmulated(b)
	for b.Loop() {
		if _, err := cu.NumDevices(); err != nil {
			b.Fatal(err)
		}
	}
}
