package convert_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine/convert"
	"github.com/potion-engine/potion/engine/model"
)

// changed is a checkpoint's folder with other settings in its config.json.
func changed(t *testing.T, name string, settings map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	link(t, filepath.Join(checkpoints, name, "hf/model.safetensors"), filepath.Join(dir, "model.safetensors"))
	text, err := os.ReadFile(filepath.Join(checkpoints, name, "hf/config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	maps.Copy(config, settings)
	if text, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestWhatGGUFCannotSay must fail: the file would be another model.
func TestWhatGGUFCannotSay(t *testing.T) {
	t.Parallel()
	longrope := map[string]any{"type": "longrope", "original_max_position_embeddings": 64, "short_factor": slices.Repeat([]float32{1}, 8), "long_factor": slices.Repeat([]float32{2}, 8)}
	for _, c := range []struct {
		name     string
		settings map[string]any
	}{
		{"qwen2", map[string]any{"use_sliding_window": true, "max_window_layers": 1, "sliding_window": 8}},
		{"llama-linear", map[string]any{"rope_scaling": longrope}},
		{"gemma2", map[string]any{"layer_types": []string{"full_attention", "sliding_attention", "full_attention", "sliding_attention"}}},
	} {
		out := filepath.Join(t.TempDir(), "out.gguf")
		err := tryConvert(t, context.Background(), changed(t, c.name, c.settings), out, convert.Options{To: recipe(t, "F32")})
		if unsupported := new(model.UnsupportedError); !errors.As(err, &unsupported) {
			t.Errorf("%s: error %v, want an UnsupportedError", c.name, err)
		}
		empty(t, filepath.Dir(out))
	}
}

// TestUnusualSettings changes what none of the checkpoints has and compares logits.
func TestUnusualSettings(t *testing.T) {
	t.Parallel()
	window := func(kinds ...string) map[string]any {
		for i, k := range kinds {
			kinds[i] = k + "_attention"
		}
		return map[string]any{"layer_types": kinds}
	}
	for _, c := range []struct {
		what, name string
		settings   map[string]any
	}{
		{"half of each head is rotated", "llama3", map[string]any{"partial_rotary_factor": 0.5, "rope_scaling": nil}},
		{"a narrower window", "mistral", map[string]any{"sliding_window": 3}},
		{"the scale is not divided by the head size", "gpt2", map[string]any{"scale_attn_weights": false}},
		{"windows without a period", "gemma3", window("full", "sliding", "sliding", "full", "sliding", "sliding")},
		{"no windows", "gemma3", window("full", "full", "full", "full", "full", "full")},
		{"yarn ramps elsewhere", "qwen2-yarn", map[string]any{"rope_scaling": map[string]any{"type": "yarn", "factor": 2, "beta_fast": 16, "beta_slow": 2, "original_max_position_embeddings": 128}}},
		{"yarn with its own attention factor", "qwen2-yarn", map[string]any{"rope_scaling": map[string]any{"type": "yarn", "factor": 4, "attention_factor": 1.0, "original_max_position_embeddings": 128}}},
		{"no soft caps", "gemma2", map[string]any{"attn_logit_softcapping": nil, "final_logit_softcapping": nil}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			dir := changed(t, c.name, c.settings)
			want := logits(t, dir)
			if e := nmse(logits(t, convertTo(t, dir, "F32")), want); !(e <= 1e-12) {
				t.Errorf("logits differ: NMSE %.2g", e)
			}
			if e := nmse(logits(t, filepath.Join(checkpoints, c.name, "hf")), want); e < 1e-6 {
				t.Errorf("the setting makes no difference (NMSE %.2g)", e)
			}
		})
	}
}

// TestName looks for a name in the order: the one given, the publisher's, the folder's.
func TestName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, config, want string }{
		{"Given", "owner/Published", "Given"},
		{"", "owner/Published", "Published"},
		{"", "/home/someone/runs/7", ""},
		{"", "../checkpoint", ""},
		{"", "", ""},
	} {
		dir := changed(t, "qwen3", map[string]any{"_name_or_path": c.config})
		out := filepath.Join(t.TempDir(), "out.gguf")
		if err := tryConvert(t, context.Background(), dir, out, convert.Options{To: recipe(t, "F16"), Name: c.given}); err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want == "" {
			want = filepath.Base(dir)
		}
		if got, _, _ := openGGUF(t, out).Str("general.name"); got != want {
			t.Errorf("given %q, config.json %q: %q, want %q", c.given, c.config, got, want)
		}
	}
}
