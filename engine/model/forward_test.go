package model_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/npy"
)

// checkpoints are the tiny random models that testdata/make_checkpoints.py made: for each a
// Hugging Face folder, a GGUF file of the same weights, and the float64 logits that
// transformers works out for ids.json; testdata/index.json says with which versions, and how
// near llama.cpp comes.
var checkpoints = []string{
	"gpt2", "llama3", "llama-linear", "llama-bias", "mistral", "qwen2", "qwen2-yarn", "qwen3",
	"gemma2", "gemma3", "phi3", "phi3-longrope",
}

// maxNMSE is how far float32 may be from float64 over all logits: the worst measured is
// 3e-12 (transformers itself in float32: 2e-12).
const maxNMSE = 1e-11

func TestLogitsAreThoseOfTransformers(t *testing.T) {
	t.Parallel()
	for _, name := range checkpoints {
		for _, file := range []string{"hf", "model.gguf"} {
			t.Run(name+"/"+file, func(t *testing.T) {
				t.Parallel()
				ck := open(t, filepath.Join("testdata", name, file))
				ids := readIDs(t, filepath.Join("testdata", name, "ids.json"))
				recorded := filepath.Join("testdata", name, "logits.npy")
				if other := filepath.Join("testdata", name, "logits_gguf.npy"); file == "model.gguf" && exists(other) {
					recorded = other // what llama.cpp's converter does not write down is not in force there
				}
				want, shape := readNPY(t, recorded)
				if shape[0] != len(ids) || shape[1] != ck.Config().Vocab {
					t.Fatalf("recorded logits are %v, want [%d %d]", shape, len(ids), ck.Config().Vocab)
				}
				for _, chunk := range []int{len(ids), 7, 1} {
					got := logits(t, ck, ids, chunk)
					if e := nmse(got, want); !(e <= maxNMSE) {
						t.Errorf("in steps of %d: logits NMSE %.2g, want at most %.0e", chunk, e, maxNMSE)
					} else {
						t.Logf("in steps of %d: NMSE %.2g", chunk, e)
					}
				}
			})
		}
	}
}

// logits runs ids through a checkpoint on the CPU, chunk tokens at a time.
func logits(t *testing.T, ck model.Checkpoint, ids []int32, chunk int) []float32 {
	t.Helper()
	b, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, err := model.Load(context.Background(), b, ck, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c := m.Config
	w, err := m.NewWorkspace(chunk, chunk, len(ids))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	pages := (len(ids) + engine.PageLen - 1) / engine.PageLen
	var kv []engine.KV
	for range c.Layers {
		k, err := b.NewKV(engine.KVSpec{Pages: pages, Heads: c.KVHeads, HeadDim: c.HeadDim, Format: format.F32})
		if err != nil {
			t.Fatal(err)
		}
		kv = append(kv, k)
	}
	table := make([]int32, pages)
	for i := range table {
		table[i] = int32(pages - 1 - i)
	}
	step := &engine.Step{Pages: [][]int32{table}}
	out := make([]float32, len(ids)*c.Vocab)
	for from := 0; from < len(ids); from += chunk {
		step.IDs, step.Pos, step.Seq = ids[from:min(from+chunk, len(ids))], nil, nil
		rows := make([]int32, len(step.IDs))
		for i := range step.IDs {
			step.Pos, step.Seq, rows[i] = append(step.Pos, int32(from+i)), append(step.Seq, 0), int32(i)
		}
		step.Serial = engine.NextSerial()
		if err := m.Forward(w, kv, step); err != nil {
			t.Fatal(err)
		}
		if err := b.Read(out[from*c.Vocab:(from+len(rows))*c.Vocab], m.Logits(w, rows)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func open(t *testing.T, path string) model.Checkpoint {
	t.Helper()
	var ck model.Checkpoint
	var err error
	if filepath.Ext(path) == ".gguf" {
		f, openErr := gguf.Open(path)
		if openErr != nil {
			t.Fatal(openErr)
		}
		ck, err = model.FromGGUF(f)
	} else {
		ck, err = model.FromDir(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	return ck
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readIDs(t *testing.T, path string) (ids []int32) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &ids); err != nil {
		t.Fatal(err)
	}
	return ids
}

func readNPY(t *testing.T, path string) ([]float64, []int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x, shape, err := npy.Read(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return x, shape
}

// nmse is the normalised mean squared error: sum (got-want)^2 / sum want^2.
func nmse(got []float32, want []float64) float64 {
	var num, den float64
	for i, w := range want {
		d := float64(got[i]) - w
		num += d * d
		den += w * w
	}
	return num / den
}
