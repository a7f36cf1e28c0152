package model_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// sharedData is the folder of reference data made by others, which is not part of the
// repository.
func sharedData(t *testing.T) string {
	t.Helper()
	root := os.Getenv("POTION_TESTDATA")
	if root == "" {
		t.Skip("POTION_TESTDATA is not set: no other reference data to test against")
	}
	return root
}

// readFloats reads raw little-endian numbers of the given width in bytes.
func readFloats(t *testing.T, path string, width int) []float64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, len(data)/width)
	for i := range x {
		if width == 8 {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		} else {
			x[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		}
	}
	return x
}

// Folders with BF16 and F16 weights, in several shards, and a split GGUF file are the same
// models as the plain ones.
func TestOtherFilesOfTheSameModels(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(sharedData(t), "numerics", "tiny_archs")
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Models []struct {
			Name string
			IDs  []int32
		}
	}
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	ids := map[string][]int32{}
	for _, m := range index.Models {
		ids[m.Name] = m.IDs
	}
	for _, test := range []struct{ path, of, want string }{
		{"llama-gqa", "llama-gqa", "llama-gqa"},
		{"llama-gqa/model.gguf", "llama-gqa", "llama-gqa"},
		{"llama-gqa-sharded", "llama-gqa", "llama-gqa"},
		{"llama-gqa-split-gguf/llama-gqa-00001-of-00003.gguf", "llama-gqa", "llama-gqa"},
		{"llama-gqa-split-gguf/llama-gqa-00003-of-00003.gguf", "llama-gqa", "llama-gqa"},
		{"llama-gqa-bf16", "llama-gqa", "llama-gqa-bf16"},
		{"llama-gqa-f16", "llama-gqa", "llama-gqa-f16"},
		{"qwen2", "qwen2", "qwen2"}, {"qwen2/model.gguf", "qwen2", "qwen2"},
		{"gemma2", "gemma2", "gemma2"}, {"gemma2/model.gguf", "gemma2", "gemma2"},
		{"gpt2", "gpt2", "gpt2"}, {"gpt2/model.gguf", "gpt2", "gpt2"},
	} {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			ck := open(t, filepath.Join(dir, test.path))
			want := readFloats(t, filepath.Join(dir, test.want, "logits.f64"), 8)
			if e := nmse(logits(t, ck, ids[test.of], 24), want); !(e <= maxNMSE) {
				t.Errorf("logits NMSE %.2g, want at most %.0e", e, maxNMSE)
			}
		})
	}
}

// A trained model in each format, against a float64 pass over the dequantised weights.
func TestFormatsOfATrainedModel(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(sharedData(t), "models", "stories260K")
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Logits64 struct{ IDs []int32 }
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1"} {
		t.Run(f, func(t *testing.T) {
			t.Parallel()
			ck := open(t, filepath.Join(dir, "stories260K-"+f+".gguf"))
			want := readFloats(t, filepath.Join(dir, f+".logits_deq.f32"), 4)
			if e := nmse(logits(t, ck, expected.Logits64.IDs, 64), want); !(e <= maxNMSE) {
				t.Errorf("logits NMSE %.2g, want at most %.0e", e, maxNMSE)
			}
		})
	}
}

// A published folder with a tokenizer and generation_config.json beside it.
func TestPublishedFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(sharedData(t), "models", "hf-tiny-random-gpt2")
	text, err := os.ReadFile(filepath.Join(dir, "expected_logits.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		IDs    []int32
		Logits [][]float64
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	var want []float64
	for _, row := range expected.Logits {
		want = append(want, row...)
	}
	got := logits(t, open(t, dir), expected.IDs, 8)
	if len(want) != len(got) {
		got = got[len(got)-len(want):]
	}
	if e := nmse(got, want); !(e <= 1e-10) {
		t.Errorf("logits NMSE %.2g", e)
	}
}
