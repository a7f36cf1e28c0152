//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
)

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
	// A failure that nobody asked for comes out of Close.
	silent, err := Open(Options{Device: doomed, Emulated: true})
	if err != nil {
		t.Fatal(err)
	}
	x = mustTensor(t, silent, numbers(4, 4096), 1, 4096)
	silent.Softmax(x, x)
	if err := silent.Close(); err == nil || !strings.Contains(err.Error(), "is lost") {
		t.Errorf("Close after a failure that nobody was told = %v", err)
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
