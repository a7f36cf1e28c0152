//go:build cuda && cgo && linux

package cuda

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/session"
)

// graphs is how many graphs were launched so far.
func graphs(b *Backend) (n uint64) {
	b.queue.do(func() error {
		n = b.queue.device.sequences.graphs
		return nil
	})
	return n
}

// decoder is a session with a tiny checkpoint on b, ready to take tokens.
func decoder(t testing.TB, b *Backend, name string) *session.Sequence {
	t.Helper()
	ck, err := model.FromDir(filepath.Join(modelData, name, "hf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	m, err := model.Load(context.Background(), b, ck, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	r, err := session.NewRunner(m, session.Options{Context: 64, KV: format.F16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r.NewSequence()
}

// Decoding is one graph a token from the third token on, over the ends of pages, with the
// same bits as without graphs.
func TestDecodingIsOneGraphAToken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gpt2", "llama3", "qwen3", "gemma3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const tokens = 40
			run := func(plain bool) (b *Backend, all [][]float32) {
				b = openDevice(t, ordinary)
				b.queue.do(func() error {
					b.queue.device.sequences.off = plain
					return nil
				})
				s := decoder(t, b, name)
				for i := range int32(tokens) {
					before := graphs(b)
					logits, err := s.Decode(i % 7)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, slices.Clone(logits))
					if n := graphs(b) - before; !plain && i >= 2 && n != 1 {
						t.Errorf("token %d took %d graphs, want 1", i, n)
					}
				}
				return b, all
			}
			_, with := run(false)
			plain, without := run(true)
			if n := graphs(plain); n != 0 {
				t.Fatalf("%d graphs without graphs", n)
			}
			for i := range with {
				if !slices.Equal(with[i], without[i]) {
					t.Fatalf("token %d has other logits than without graphs", i)
				}
			}
		})
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
	if n := graphs(b) - before; n != 8 { // 5 from its second time on, 6, 4; 3 rounds are too few
		t.Errorf("%d graphs, want 8", n)
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
