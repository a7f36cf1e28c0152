//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine"
)

// graphs is how many graphs were launched so far.
func graphs(b *Backend) uint64 { return callsOf(b).graphs }

// What kernels are told of page tables stays the same while a sequence grows, up to a power
// of two.
func TestStrideOfPageTables(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	table := make([]int32, 200)
	var first deviceStep
	for i, c := range []struct{ pos, stride int }{{0, 64}, {31, 64}, {32, 64}, {2047, 64}, {2048, 128}, {4095, 128}, {4096, 256}, {6399, 256}, {7, 64}} {
		step := &engine.Step{IDs: []int32{1}, Pos: []int32{int32(c.pos)}, Seq: []int32{0}, Pages: [][]int32{table[:c.pos/engine.PageLen+1]}, Serial: engine.NextSerial()}
		d := b.onDevice(step)
		if d == nil || d.stride != c.stride {
			t.Fatalf("position %d: %+v, want a stride of %d", c.pos, d, c.stride)
		}
		if i == 0 {
			first = *d
		} else if d.ids != first.ids || d.pages != first.pages {
			t.Errorf("position %d: the step lies elsewhere", c.pos)
		}
	}
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

// Sequences that begin alike and go on otherwise, come again, fail or are longer than any
// that is kept do what they would do without graphs.
func TestSequencesAreTransparent(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	x, y := mustTensor(t, b, nil, 1, 64), mustTensor(t, b, nil, 1, 64)
	want := make([]float32, 64)
	step := func(n int, scale float32) {
		t.Helper()
		for i := range want {
			want[i] = scale
		}
		b.Write(x, want)
		for range n {
			b.Residual(y, x, x) // y = 2x, x = y
			b.Residual(x, y, y)
			for i := range want {
				want[i] *= 4
			}
		}
		if got := mustRead(t, b, x); !slices.Equal(got, want) {
			t.Fatalf("%d rounds from %v give %v, want %v", n, scale, got[0], want[0])
		}
	}
	before := graphs(b)
	for i, n := range []int{5, 5, 5, 6, 5, 6, 6, 4, 4, 4, 3, 3, 3, 5, 6} {
		step(n, float32(i))
	}
	if n := graphs(b) - before; n != 9 { // 5, 6 and 4 rounds from their second time on; 3 are too few
		t.Errorf("%d graphs, want 9", n)
	}
	for n := range 12 { // more than are kept
		step(7+n, 1)
		step(7+n, 1)
	}
	step(5, 3)
}

// A sequence longer than any that is kept runs all the same.
func TestLongSequence(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	x := mustTensor(t, b, []float32{1}, 1, 1)
	y := mustTensor(t, b, nil, 1, 1)
	for range 2 {
		b.Write(x, []float32{1})
		for range maxCommands/2 + 10 {
			b.Residual(y, x, x)
			b.GELU(x, y)
			b.Residual(x, y, y)
			b.Write(x, []float32{3})
		}
		if got := mustRead(t, b, x); got[0] != 3 {
			t.Errorf("%v, want 3", got[0])
		}
	}
	if n := graphs(b); n != 0 {
		t.Errorf("%d graphs", n)
	}
}

// To recognise a sequence costs no memory.
func TestRecognitionAllocatesNothing(t *testing.T) { // alone: AllocsPerRun counts for the process
	b := openDevice(t, ordinary)
	x := mustTensor(t, b, nil, 1, 64)
	for range 2 {
		b.Write(x, make([]float32, 64))
		for range minLaunches {
			b.GELU(x, x)
		}
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	b.queue.do(func() error {
		d := b.queue.device
		known := slices.MaxFunc(d.sequences.known[:], func(a, b sequence) int { return len(a.commands) - len(b.commands) })
		n := testing.AllocsPerRun(10, func() {
			for i := range known.commands {
				d.take(&known.commands[i])
			}
			if len(known.commands) != minLaunches || d.sequences.find() == nil {
				t.Error("the sequence was not recognised")
			}
			d.sequences.current, d.sequences.held = d.sequences.current[:0], false
		})
		if n != 0 {
			t.Errorf("%v allocations", n)
		}
		return nil
	})
}

// After a failure in a graph the device says so, once it is asked.
func TestFailureInAGraph(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	x := mustTensor(t, b, nil, 1, 64)
	for range 3 {
		for range minLaunches {
			b.GELU(x, x)
		}
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	b.fail(errors.New("out of luck"))
	for range minLaunches {
		b.GELU(x, x)
	}
	if err := b.Sync(); err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("the failure is %v", err)
	}
	for range minLaunches {
		b.GELU(x, x)
	}
	if err := b.Sync(); err != nil {
		t.Errorf("after the failure was told: %v", err)
	}
}
