//go:build cuda && cgo && linux

package cuda

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
)

// decoder is a session with a tiny checkpoint on b, ready to take tokens. change, if not nil,
// goes over its tensors.
func decoder(t testing.TB, b *Backend, name string, change func(name string, d *model.Data) (*model.Data, error)) (*session.Runner, *session.Sequence) {
	t.Helper()
	ck, err := model.FromDir(filepath.Join(modelData, name, "hf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	if change != nil {
		ck = changed{ck, change}
	}
	m, err := model.Load(context.Background(), b, ck, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	r, err := session.NewRunner(m, session.Options{Context: 64, KV: format.F16, Sequences: 4, Logits: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, r.NewSequence()
}

// changed is a checkpoint with other tensors.
type changed struct {
	model.Checkpoint
	change func(name string, d *model.Data) (*model.Data, error)
}

func (c changed) Tensor(name string) (*model.Data, error) {
	d, err := c.Checkpoint.Tensor(name)
	if err != nil || d == nil {
		return d, err
	}
	return c.change(name, d)
}

// halfValues keeps what makes values, and the last product of a layer, in another format than
// the rest, as files of mixed formats do.
func halfValues(name string, d *model.Data) (*model.Data, error) {
	if !strings.HasSuffix(name, "attn_v.weight") && !strings.HasSuffix(name, "ffn_down.weight") {
		return d, nil
	}
	x := make([]float32, d.Rows*d.Cols)
	d.Format.Dequantize(x, d.Bytes())
	packed := make([]byte, d.Rows*format.F16.RowBytes(d.Cols))
	format.F16.Quantize(packed, x)
	return model.NewData(format.F16, d.Rows, d.Cols, packed)
}

// driverCalls counts what a device asked of the driver.
type driverCalls struct{ graphs, kernels, waits, uploads, downloads, fills, allocations uint64 }

func callsOf(b *Backend) (c driverCalls) {
	b.queue.do(func() error { // on the device's thread
		c = driverCalls{
			graphs: driver.Calls("cuGraphLaunch"), kernels: driver.Calls("cuLaunchKernel"),
			waits:   driver.Calls("cuStreamSynchronize") + driver.Calls("cuEventSynchronize"),
			uploads: driver.Calls("cuMemcpyHtoDAsync_v2"), downloads: driver.Calls("cuMemcpyDtoHAsync_v2"),
			fills: driver.Calls("cuMemsetD32Async") + driver.Calls("cuMemsetD8Async"), allocations: driver.Calls("cuMemAlloc_v2"),
		}
		return nil
	})
	return c
}

func (c driverCalls) since(d driverCalls) driverCalls {
	return driverCalls{
		c.graphs - d.graphs, c.kernels - d.kernels, c.waits - d.waits,
		c.uploads - d.uploads, c.downloads - d.downloads, c.fills - d.fills, c.allocations - d.allocations,
	}
}

// A token that the device chooses takes one graph as well: the kernels of the choice are in
// it, and so is the upload of its numbers, which change from token to token.
func TestWhatASampledTokenTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		kernels uint64 // of the choice
		set     func(*sample.Params)
	}{
		{"greedy", 1, func(p *sample.Params) { p.Temperature = 0 }},
		{"top-k 40, penalties", 1, func(p *sample.Params) { p.TopK, p.RepeatPenalty = 40, 1.3 }},
		{"top-p", 3, func(p *sample.Params) { p.TopK, p.TopP = 0, 0.9 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := openDevice(t, ordinary)
			r, s := decoder(t, b, "llama3", nil)
			p := sample.Defaults()
			p.Temperature, p.Seed = 0.8, 3
			c.set(&p)
			from, err := sample.New(p, r.Model.Config.Vocab)
			if err != nil {
				t.Fatal(err)
			}
			id := int32(1)
			for i := range 12 {
				before, launches := callsOf(b), b.Launches()
				from.Accept(id)
				if id, err = s.Next(id, from); err != nil {
					t.Fatal(err)
				}
				layers := uint64(r.Model.Config.Layers)
				if n := b.Launches() - launches; n != 6*layers+2+c.kernels {
					t.Errorf("token %d: %d kernels, want 6 for each of %d layers, 2 and %d", i, n, layers, c.kernels)
				}
				if n := callsOf(b).since(before); i >= 3 && n != (driverCalls{graphs: 1, waits: 1, uploads: 1, downloads: 1}) {
					t.Errorf("token %d: %+v", i, n)
				}
			}
		})
	}
}

// What a token takes, of kernels, of calls of the driver and of waiting.
func TestWhatATokenTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		change  func(string, *model.Data) (*model.Data, error)
		layer   uint64 // kernels of a layer
		outside uint64 // and of the rest, logits included
	}{
		{"gpt2", nil, 6, 2}, {"llama3", nil, 6, 2}, {"qwen3", nil, 6, 2}, {"gemma3", nil, 6, 2},
		{"gemma2", nil, 6, 3}, {"phi3", nil, 6, 2}, {"llama3", halfValues, 7, 2},
	} {
		name := c.name
		if c.change != nil {
			name += ", mixed formats"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openDevice(t, ordinary)
			r, s := decoder(t, b, c.name, c.change)
			var perLayer []uint64
			at := uint64(0)
			r.Probe(func(layer int, _ engine.Tensor) {
				if layer >= 0 {
					perLayer = append(perLayer, b.Launches()-at)
				}
				at = b.Launches()
			})
			for i := range int32(5) {
				perLayer = perLayer[:0]
				before, launches := callsOf(b), b.Launches()
				if _, err := s.Decode(i); err != nil {
					t.Fatal(err)
				}
				launches = b.Launches() - launches
				for layer, n := range perLayer {
					if n != c.layer {
						t.Errorf("token %d: layer %d takes %d kernels, want %d", i, layer, n, c.layer)
					}
					launches -= n
				}
				if launches != c.outside {
					t.Errorf("token %d: %d kernels outside of layers, want %d", i, launches, c.outside)
				}
				if i < 3 { // the first compiles kernels, the second is learned, the third recorded
					continue
				}
				if n := callsOf(b).since(before); n != (driverCalls{graphs: 1, waits: 1, uploads: 1, downloads: 1}) {
					t.Errorf("token %d: %+v", i, n)
				}
			}
		})
	}
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
				_, s := decoder(t, b, name, nil)
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

// A step of one token of each of several sequences is one graph as well.
func TestABatchIsOneGraph(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	r, _ := decoder(t, b, "llama3", nil)
	var work []session.Work
	for i := range 3 {
		work = append(work, session.Work{Seq: r.NewSequence(), IDs: []int32{int32(i)}, Want: session.Last})
	}
	for i := range 10 {
		before, rows := callsOf(b), 0
		if err := r.Step(work, func(int, int, []float32) error { rows++; return nil }); err != nil {
			t.Fatal(err)
		}
		if n := callsOf(b).since(before); rows != 3 || i >= 3 && n != (driverCalls{graphs: 1, waits: 1, uploads: 1, downloads: 1}) {
			t.Errorf("step %d: %d rows of logits, %+v", i, rows, n)
		}
	}
}
