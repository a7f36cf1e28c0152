//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
)

func numbers(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 5))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func mustTensor(t testing.TB, b engine.Backend, data []float32, rows, cols int) engine.Tensor {
	t.Helper()
	x, err := b.NewTensor(engine.Float32, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	if data != nil {
		b.Write(x, data)
	}
	return x
}

func mustRead(t testing.TB, b engine.Backend, x engine.Tensor) []float32 {
	t.Helper()
	y := make([]float32, x.Len())
	if err := b.Read(y, x); err != nil {
		t.Fatal(err)
	}
	return y
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Device: 99, Emulated: true}, "device 99 of 5"},
		{Options{Device: -1, Emulated: true}, "device -1 of 5"},
		{Options{Device: tooOld, Emulated: true}, "compute capability 6.1; the kernels need 7.0"},
		{Options{}, "uses the emulated driver already"},
	} {
		b, err := Open(c.o)
		if b != nil || !errors.Is(err, engine.ErrNoDevice) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%+v) = %v, want %q", c.o, err, c.want)
		}
	}
}

// Without a driver the error has the cause and the cure, and nothing exits the process.
func TestOpenWithoutDriver(t *testing.T) {
	t.Parallel()
	if os.Getenv(childVariable) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestOpenWithoutDriver$")
		child.Env = append(os.Environ(), childVariable+"=1", driver.LibraryVariable+"=libcuda-that-is-not-there.so")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	_, err := Open(Options{})
	_, listErr := Devices()
	for _, err := range []error{err, listErr} {
		var cause *driver.Cause
		if !errors.Is(err, engine.ErrNoDevice) || !errors.As(err, &cause) || cause.Reason != driver.NoLibrary ||
			!strings.Contains(err.Error(), "libcuda-that-is-not-there.so") || !strings.Contains(err.Error(), "install NVIDIA's driver") {
			t.Error(err)
		}
	}
	// Emulated devices are still to be had.
	b, err := Open(Options{Emulated: true, Emulator: emulator.Config{Memory: 1 << 24}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if i := b.Info(); i.Memory != 1<<24 {
		t.Errorf("Info() = %+v", i)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	b := openDevice(t, small)
	i := b.Info()
	if i.Kind != "emulated" || i.Name == "" || i.Units != 16 || i.Memory != smallMemory || i.Free <= 0 || i.Free > i.Memory || !slices.Equal(i.Features, []string{"sm_90"}) {
		t.Errorf("Info() = %+v", i)
	}
	list, err := Devices()
	if err != nil || len(list) != 5 || list[small].Memory != smallMemory || list[volta].Features[0] != "sm_70" {
		t.Errorf("Devices() = %+v, %v", list, err)
	}
}

func TestModulesCompile(t *testing.T) {
	t.Parallel()
	for _, device := range []int{ordinary, volta} {
		list := openDevice(t, device).Modules()
		if len(list) < 20 {
			t.Errorf("%d modules", len(list))
		}
		for _, m := range list {
			if m.Err != nil || m.Skipped != (device == volta && m.Target > 70) || !m.Skipped && len(m.Kernels) == 0 {
				t.Errorf("device %d: %+v", device, m)
			}
		}
	}
}

// Two backends on one device do not see each other.
func TestOpenTwice(t *testing.T) {
	t.Parallel()
	a, b := openDevice(t, ordinary), openDevice(t, ordinary)
	data := numbers(1, 1000)
	x, y := mustTensor(t, a, data, 10, 100), mustTensor(t, b, nil, 10, 100)
	a.Residual(x, x, x)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for i, v := range mustRead(t, a, x) {
		if v != 2*data[i] {
			t.Fatalf("element %d is %v, want %v", i, v, 2*data[i])
		}
	}
	b.Residual(y, y, y)
	if err := b.Read(make([]float32, 1000), y); !errors.Is(err, errClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if _, err := b.NewTensor(engine.Float32, 1); !errors.Is(err, errClosed) {
		t.Errorf("NewTensor after Close: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// What is larger than the pinned buffers goes through them in pieces, in order.
func TestLargeCopies(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	const rows, cols = 3, stagingBytes/4 + 17
	want := numbers(2, rows*cols)
	x := mustTensor(t, b, want, rows, cols)
	if got := mustRead(t, b, x); !slices.Equal(got, want) {
		t.Error("a tensor of several pinned buffers comes back changed")
	}
	const writes, n = 300, stagingBytes / 64 // each takes its own place in a buffer
	y := mustTensor(t, b, nil, 1, n/4)
	for i := range writes {
		data := make([]float32, n/4)
		data[0], data[n/4-1] = float32(i), float32(-i)
		b.Write(y, data)
	}
	if got := mustRead(t, b, y); got[0] != writes-1 || got[n/4-1] != 1-writes {
		t.Errorf("the last of %d writes is %v, %v", writes, got[0], got[n/4-1])
	}
	b.Release(x)
}

// A weight of several pinned buffers has every row where it belongs.
func TestLargeWeight(t *testing.T) {
	t.Parallel()
	const cols = 4096
	for _, f := range []format.Format{format.Q8_0, format.Q6_K} {
		rows := 2*stagingBytes/f.RowBytes(cols) + 37
		packed := make([]byte, rows*f.RowBytes(cols))
		row := make([]float32, cols)
		for r := range rows {
			for i := range row {
				row[i] = float32((r*31+i*7)%255 - 127)
			}
			f.Quantize(packed[r*f.RowBytes(cols):][:f.RowBytes(cols)], row)
		}
		b := openDevice(t, ordinary)
		w, err := b.NewWeight(f, rows, cols, packed)
		if err != nil {
			t.Fatal(err)
		}
		ids := []int32{0, 1, int32(rows / 2), int32(rows/2 + 1), int32(rows - 1)}
		y := mustTensor(t, b, nil, len(ids), cols)
		step := &engine.Step{IDs: ids, Pos: make([]int32, len(ids)), Seq: make([]int32, len(ids)), Pages: [][]int32{nil}, Serial: engine.NextSerial()}
		b.Embed(y, step, engine.ByID, w, 1)
		got := mustRead(t, b, y)
		for i, id := range ids {
			f.Dequantize(row, packed[int(id)*f.RowBytes(cols):][:f.RowBytes(cols)])
			if !slices.Equal(got[i*cols:(i+1)*cols], row) {
				t.Errorf("%v: row %d is not what was uploaded", f, id)
			}
		}
		used := b.arena.used
		w.Free()
		w.Free()
		if b.arena.used >= used {
			t.Errorf("%v: Free gave nothing back", f)
		}
	}
}

// The same suite with memory cut from chunks, as on a GPU.
func TestParityInChunks(t *testing.T) {
	t.Parallel()
	b := openDevice(t, volta)
	b.arena.exact = false
	for i, c := range backendtest.Cases() {
		large := c.Op == "Attend" && strings.HasSuffix(c.Name, " of 256") // tiles do not fit this device's shared memory
		if c.Flops > maxFlops && !large || i%5 != 0 && !large {
			continue
		}
		if r := c.Run(b, backendtest.Options{}); !r.Pass {
			t.Fatal(r)
		}
	}
	if b.arena.used > 4<<20 {
		t.Errorf("%d bytes are left in use", b.arena.used)
	}
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	b := openDevice(t, small)
	_, err := b.NewTensor(engine.Float32, 1024, 16384)
	var m *MemoryError
	if !errors.As(err, &m) || m.Wanted != 64<<20 || m.Memory != smallMemory || m.Free <= 0 || m.Free > smallMemory {
		t.Fatalf("64 MiB of %d: %v", smallMemory, err)
	}
	for _, part := range []string{"64.0 MiB wanted", "of 24.0 MiB free", "CUDA_ERROR_OUT_OF_MEMORY", "device 1"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if _, err := b.NewWeight(format.Q8_0, 32768, 1024, make([]byte, 32768*format.Q8_0.RowBytes(1024))); !errors.As(err, &m) {
		t.Errorf("a weight of 34 MiB: %v", err)
	}
	if _, err := b.NewKV(engine.KVSpec{Pages: 4096, Heads: 4, HeadDim: 64, Format: format.F16}); !errors.As(err, &m) {
		t.Errorf("a KV cache of 128 MiB: %v", err)
	}
	// The device goes on.
	x := mustTensor(t, b, numbers(3, 64), 1, 64)
	b.GELU(x, x)
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

// A kernel that fails takes the context with it: errors, no hang, and another backend works.
func TestLostDevice(t *testing.T) {
	t.Parallel()
	b := openDevice(t, doomed)
	x, y := mustTensor(t, b, numbers(4, 4096), 1, 4096), mustTensor(t, b, nil, 1, 4096)
	b.Softmax(y, x)
	err := b.Sync()
	if err == nil || !strings.Contains(err.Error(), "is lost") || !strings.Contains(err.Error(), "softmax_f32") {
		t.Fatalf("Sync after a kernel that failed: %v", err)
	}
	for range 3 * batchLen {
		b.Softmax(y, x)
		b.Write(x, numbers(4, 4096))
	}
	if again := b.Read(make([]float32, 4096), y); again == nil || again.Error() != err.Error() {
		t.Errorf("Read says %v, Sync said %v", again, err)
	}
	if _, err := b.NewTensor(engine.Float32, 8); err == nil {
		t.Error("NewTensor on a lost device succeeded")
	}
	b.Release(x)
	b.Release(y)
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	c, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	z := mustTensor(t, c, numbers(4, 64), 1, 64)
	c.Softmax(z, z)
}

// A failure that does not lose the device is told once, by the next Sync or Read.
func TestFailureIsToldOnce(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	x := mustTensor(t, b, numbers(5, 64), 1, 64)
	c := b.queue.next(copying)
	c.dst, c.src, c.bytes = 64, 128, 4 // no memory of anyone
	b.GELU(x, x)
	if err := b.Sync(); err == nil || !strings.Contains(err.Error(), "cuMemcpyDtoDAsync") {
		t.Errorf("Sync = %v", err)
	}
	if err := b.Sync(); err != nil {
		t.Errorf("the second Sync = %v", err)
	}
	if got, want := mustRead(t, b, x), numbers(5, 64); !slices.Equal(got, want) {
		t.Error("an operation after the failure was carried out")
	}
}

// Mistakes of the program panic in the words of package engine's checks.
func TestMistakesPanic(t *testing.T) {
	t.Parallel()
	b, other := openDevice(t, ordinary), openDevice(t, ordinary)
	x, y := mustTensor(t, b, nil, 1, 32), mustTensor(t, b, nil, 1, 32)
	packed := make([]byte, 4*32*32)
	weight := func(on engine.Backend) engine.Weight {
		w, err := on.NewWeight(format.F32, 32, 32, packed)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	freed := weight(b)
	freed.Free()
	kv, err := b.NewKV(engine.KVSpec{Pages: 8, Heads: 1, HeadDim: 32, Format: format.F32})
	if err != nil {
		t.Fatal(err)
	}
	step := &engine.Step{IDs: []int32{0}, Pos: []int32{0}, Seq: []int32{0}, Pages: [][]int32{{0}}, Serial: engine.NextSerial()}
	host := engine.FromRows(make([]float32, 32), 1, 32)
	for _, c := range []struct {
		want string
		call func()
	}{
		{"engine: Linear: the weight was freed", func() { b.Linear(y, x, freed, engine.Tensor{}) }},
		{"engine: Linear: the weight is a ", func() { b.Linear(y, x, weight(backendtest.NewReference()), engine.Tensor{}) }},
		{"engine: Linear: the weight belongs to another device's", func() { b.Linear(y, x, weight(other), engine.Tensor{}) }},
		{"engine: GELU: x lies in this computer's memory", func() { b.GELU(y, host) }},
		{"engine: GELU: y is [1 32], x is [1 31]", func() { b.GELU(y, engine.FromRows(make([]float32, 31), 1, 31)) }},
		{"engine: Write: 3 numbers", func() { b.Write(x, make([]float32, 3)) }},
		{"engine: Read: 3 numbers", func() { b.Read(make([]float32, 3), x) }},
		{"engine: ReadInts: src holds no int32", func() { b.ReadInts(make([]int32, 32), x) }},
		{"engine: CopyPage: page 8 to 0 of 8", func() { kv.CopyPage(0, 8) }},
		{"engine: Store: the KV cache was freed", func() { kv.Free(); b.Store(kv, x, y, step) }},
		{"engine: CopyPage: the KV cache was freed", func() { kv.Free(); kv.CopyPage(0, 1) }},
		{"engine: Release: 0x", func() { b.Release(x); b.Release(x) }},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, c.want) {
					t.Errorf("panic %q, want %q", got, c.want)
				}
			}()
			c.call()
		}()
	}
}

func TestImpossibleSizesAreErrors(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	for _, shape := range [][]int{{}, {0}, {-1, 2}, {2, 0}, {1, 2, 3}, {1 << 40, 1 << 40}, {1 << 30, 1 << 20}} {
		if _, err := b.NewTensor(engine.Float32, shape...); err == nil {
			t.Errorf("a tensor of shape %v was made", shape)
		}
	}
	if _, err := b.NewTensor(tensor.Float64, 2); err == nil {
		t.Error("a tensor of float64 was made")
	}
	if _, err := b.NewWeight(format.Invalid, 1, 1, make([]byte, 4)); err == nil {
		t.Error("a weight of no format was made")
	}
	for _, s := range []engine.KVSpec{
		{},
		{Pages: 1, Heads: 1, HeadDim: 33, Format: format.Q8_0},
		{Pages: 1 << 40, Heads: 1 << 10, HeadDim: 1 << 10, Format: format.F32},
		{Pages: 1 << 30, Heads: 1 << 10, HeadDim: 128, Format: format.F16},
	} {
		if _, err := b.NewKV(s); err == nil {
			t.Errorf("a KV cache of %+v was made", s)
		}
	}
}

// layer is some operations of a decoder's layer for one token, which queue and run nothing.
func layer(t testing.TB) (b *Backend, queue func(), launches uint64) {
	b = openDevice(t, ordinary)
	x, y := mustTensor(t, b, numbers(6, 64), 1, 64), mustTensor(t, b, nil, 1, 64)
	gain := mustTensor(t, b, numbers(7, 64), 1, 64)
	w, err := b.NewWeight(format.F32, 64, 64, make([]byte, 4*64*64))
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.NewKV(engine.KVSpec{Pages: 2, Heads: 2, HeadDim: 32, Format: format.F16})
	if err != nil {
		t.Fatal(err)
	}
	step := &engine.Step{IDs: []int32{3}, Pos: []int32{0}, Seq: []int32{0}, Pages: [][]int32{{1, 0}}}
	spec := &engine.AttendSpec{Heads: 2, Scale: 0.2}
	rows := []int32{0}
	pass := func() {
		step.Serial = engine.NextSerial()
		b.Embed(x, step, engine.ByID, w, 1)
		b.RMSNorm(y, x, gain, 1e-5)
		b.Linear(x, y, w, engine.Tensor{})
		b.Store(kv, x, y, step)
		b.Attend(y, x, kv, step, spec)
		b.Residual(x, x, y)
		b.Gather(y, x, rows)
	}
	before := b.Launches()
	pass() // compiles
	launches = b.Launches() - before
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	return b, func() {
		pass()
		b.queue.batch.n = 0
		b.staging.settled()
	}, launches
}

// Queueing an operation allocates nothing: that is what the token loop is made of.
func TestOperationsAllocateNothing(t *testing.T) { // alone: AllocsPerRun counts for the process
	_, queue, launches := layer(t)
	if n := testing.AllocsPerRun(10, queue); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if launches != 7 {
		t.Errorf("%d launches for 7 operations on one token", launches)
	}
}

func BenchmarkQueue(b *testing.B) {
	_, queue, launches := layer(b)
	for b.Loop() {
		queue()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(launches), "ns/launch")
}
