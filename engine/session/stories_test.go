package session_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// A trained Llama goes on as llama.cpp does, and tells the story that its maker published.
func TestStoriesGreedy(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POTION_TESTDATA")
	if root == "" {
		t.Skip("POTION_TESTDATA is not set: the stories260K model is not part of the repository")
	}
	dir := filepath.Join(root, "models", "stories260K")
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Published string `json:"karpathy_expected_stdout_200"`
		Prompts   []struct {
			Prompt string
			IDs    []int32 `json:"prompt_ids"`
			Greedy []int32 `json:"greedy80_llamacpp"`
		}
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	m := open(t, filepath.Join(dir, "stories260K-f32.gguf"), cpu.Options{}, session.Options{KV: format.F32})
	generate := func(ids []int32, n int) session.Result {
		seq := m.runner.NewSequence()
		defer seq.Free()
		r, err := seq.Generate(context.Background(), session.Request{Prompt: ids, Sampler: greedy{}, Tokenizer: m.tok, Max: n, IgnoreEOS: true})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	bos, _ := m.tok.BOS()
	if got := strings.TrimSpace(generate([]int32{bos}, 200).Text); !strings.HasPrefix(got, strings.TrimSpace(expected.Published)) {
		t.Errorf("from BOS: %q\nwant %q", got, expected.Published)
	}
	for _, p := range expected.Prompts {
		ids, err := m.tok.Encode(p.Prompt, tokenizer.Options{AddSpecial: true})
		if err != nil || !slices.Equal(ids, p.IDs) {
			t.Errorf("%q: ids %v, want %v (%v)", p.Prompt, ids, p.IDs, err)
			continue
		}
		if got := generate(ids, len(p.Greedy)).IDs; !slices.Equal(got, p.Greedy) {
			t.Errorf("%q: %v\nwant %v", p.Prompt, got, p.Greedy)
		}
	}
}
