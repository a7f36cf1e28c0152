//go:build cuda && cgo && linux

package cuda

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/demo"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/npy"
	"github.com/potion-engine/potion/engine/session"
)

// modelNMSE is how far logits may be from those that transformers works out in float64.
// The CPU backend is within 3e-12.
const modelNMSE = 1e-11

const modelData = "../engine/model/testdata"

// One tiny checkpoint of every architecture and variant, with the logits that
// engine/model/testdata/index.json tells about.
func TestLogitsAreThoseOfTransformers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"gpt2", "llama3", "llama-linear", "llama-bias", "mistral", "qwen2", "qwen2-yarn", "qwen3",
		"gemma2", "gemma3", "phi3", "phi3-longrope",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(modelData, name)
			ck, err := model.FromDir(filepath.Join(dir, "hf"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ck.Close() })
			var ids []int32
			readJSON(t, filepath.Join(dir, "ids.json"), &ids)
			data, err := os.ReadFile(filepath.Join(dir, "logits.npy"))
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := npy.Read(data)
			if err != nil {
				t.Fatal(err)
			}
			b := openDevice(t, ordinary)
			for _, chunk := range []int{len(ids), 7} {
				got := logits(t, b, ck, ids, chunk)
				var off, power float64
				for i, w := range want {
					off += (float64(got[i]) - w) * (float64(got[i]) - w)
					power += w * w
				}
				if nmse := off / power; !(nmse <= modelNMSE) {
					t.Errorf("in steps of %d: logits NMSE %.2g, want at most %.0e", chunk, nmse, modelNMSE)
				} else {
					t.Logf("in steps of %d: NMSE %.2g", chunk, nmse)
				}
			}
		})
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// newRunner loads a checkpoint onto a backend.
func newRunner(t testing.TB, b engine.Backend, ck model.Checkpoint, o session.Options) *session.Runner {
	t.Helper()
	m, err := model.Load(context.Background(), b, ck, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := session.NewRunner(m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		m.Close()
	})
	return r
}

// logits is those after each of ids, which go in in steps of chunk.
func logits(t *testing.T, b *Backend, ck model.Checkpoint, ids []int32, chunk int) []float32 {
	t.Helper()
	r := newRunner(t, b, ck, session.Options{Context: len(ids), KV: format.F32, Chunk: chunk, Logits: chunk})
	out := make([]float32, 0, len(ids)*r.Model.Config.Vocab)
	err := r.NewSequence().Feed(context.Background(), ids, session.All, func(_ int, l []float32) error {
		out = append(out, l...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func openDemo(t testing.TB) model.Checkpoint {
	t.Helper()
	f, err := demo.Open()
	if err != nil {
		t.Fatal(err)
	}
	ck, err := model.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	return ck
}

// sarah is "Sarah lies still on the bed, feeling" in the demo's tokens.
var sarah = []int32{50, 290, 1272, 2614, 796, 311, 259, 945, 11, 1240}

// greedy is the n likeliest tokens after prompt, each after those before it.
func greedy(t testing.TB, r *session.Runner, prompt []int32, n int) []int32 {
	t.Helper()
	s := r.NewSequence()
	var last []float32
	err := s.Feed(context.Background(), prompt, session.Last, func(_ int, l []float32) error {
		last = l
		return nil
	})
	var ids []int32
	for ; err == nil; last, err = s.Decode(ids[len(ids)-1]) {
		ids = append(ids, int32(slices.Index(last, slices.Max(last))))
		if len(ids) == n {
			return ids
		}
	}
	t.Fatal(err)
	return nil
}

func TestDemoTellsTheSameStoryAsOnTheCPU(t *testing.T) {
	t.Parallel()
	ck := openDemo(t)
	c, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for kv, tokens := range map[format.Format]int{format.F32: 8, format.F16: 4, format.Q8_0: 4} {
		o := session.Options{Context: 64, KV: kv}
		want := greedy(t, newRunner(t, c, ck, o), sarah, tokens)
		r := newRunner(t, openDevice(t, ordinary), ck, o)
		got := greedy(t, r, sarah, tokens)
		if !slices.Equal(got, want) {
			t.Errorf("KV cache in %v: tokens %v, want %v", kv, got, want)
		}
	}
}

// BenchmarkDemoDecode is what a token of the demo costs on an emulated device.
func BenchmarkDemoDecode(b *testing.B) {
	device := openDevice(b, ordinary)
	s := newRunner(b, device, openDemo(b), session.Options{}).NewSequence()
	id := sarah[0]
	launched := device.Launches()
	for b.Loop() {
		if s.Len() == 200 {
			s.Truncate(0)
		}
		l, err := s.Decode(id)
		if err != nil {
			b.Fatal(err)
		}
		id = int32(slices.Index(l, slices.Max(l)))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(float64(device.Launches()-launched)/float64(b.N), "launches/token")
}
