package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/gguf"
)

const demoFile = "../../engine/demo/fireside-tales-Q8_0.gguf"

func TestConvert(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "demo.gguf")
	if got := must(t, "", "convert", demoFile, "--to", "f16", "--out", out); !strings.HasPrefix(got, out+": 76 tensors, ") {
		t.Errorf("it says %q", got)
	}
	// The same text comes from the floats that the blocks stand for.
	args := []string{"generate", "--temp", "0", "-n", "12", sarah}
	if a, b := must(t, "", args...), must(t, "", append(args, "-m", out)...); a != b {
		t.Errorf("the converted model says %q, the original %q", b, a)
	}
	f, err := gguf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, _, _ := f.Uint("general.file_type"); n != 1 || f.Tensor("token_embd.weight").Type != gguf.F16 || f.Tensor("position_embd.weight").Type != gguf.F32 {
		t.Errorf("file type %d, embedding %v, positions %v", n, f.Tensor("token_embd.weight").Type, f.Tensor("position_embd.weight").Type)
	}
}

func TestConvertJSON(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "q4.gguf")
	var r struct {
		Path, Format string
		Bytes        int64
		Formats      map[string]int
		Fallbacks    []fallback
	}
	text := must(t, "", "convert", "--json", "--to", "Q4_K", "--keep-output", "F16", "--out", out, "../../engine/model/testdata/qwen2/hf")
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	stat, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if r.Path != out || r.Format != "Q4_K" || r.Bytes != stat.Size() || r.Formats["Q5_0"] != 14 || r.Formats["F16"] != 1 {
		t.Errorf("%+v", r)
	}
	if len(r.Fallbacks) != 1 || r.Fallbacks[0] != (fallback{Cols: 64, Wanted: "Q4_K", Got: "Q5_0", Tensors: 14}) {
		t.Errorf("fallbacks %+v", r.Fallbacks)
	}
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	model := filepath.Join(dir, "tales-Q8_0.gguf")
	data, err := os.ReadFile(demoFile)
	if err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(dir, "there.gguf")
	for _, path := range []string{model, there} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		args []string
		says string
		code int
	}{
		{[]string{"--to", "F16"}, "needs a MODEL", 2},
		{[]string{model}, "--to FORMAT", 2},
		{[]string{model, "--to", "Q9"}, "Q4_K_M", 2},
		{[]string{model, there, "--to", "F16"}, "one MODEL", 2},
		{[]string{model, "--to", "F16", "--keep-output", "Q9"}, "--keep-output", 2},
		{[]string{model, "--to", "F16", "--out", there}, "--force", 1},
		{[]string{model, "--to", "F16", "--out", model, "--force"}, "part of the model", 1},
		{[]string{model, "--to", "F16", "--out", dir, "--force"}, "not a file", 1},
		{[]string{model, "--to", "F16", "--out", filepath.Join(dir, "no/x.gguf")}, "no folder", 1},
		{[]string{model, "--to", "Q4_0"}, "--allow-requantize", 1},
		{[]string{filepath.Join(dir, "none.gguf"), "--to", "Q4_0"}, "no such file", 1},
	} {
		stdout, stderr, code := potion(t, "", append([]string{"convert"}, test.args...)...)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.says) {
			t.Errorf("%v: exit code %d, want %d; %q does not say %q; stdout %q", test.args, code, test.code, stderr, test.says, stdout)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("files left behind: %v (%v)", files, err)
	}
	if now, err := os.ReadFile(there); err != nil || string(now) != string(data) {
		t.Error("a refused conversion changed the file")
	}
	must(t, "", "convert", model, "--to", "F16", "--out", there, "--force")
	if now, err := os.ReadFile(there); err != nil || len(now) <= len(data) {
		t.Errorf("--force wrote nothing (%v)", err)
	}
}

func TestConvertedName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/m/tales.gguf":                "/m/tales-Q4_K.gguf",
		"/m/tales-Q8_0.gguf":           "/m/tales-Q4_K.gguf",
		"/m/tales.f16.gguf":            "/m/tales-Q4_K.gguf",
		"/m/tales-00001-of-00003.gguf": "/m/tales-Q4_K.gguf",
		"m/tales":                      "m/tales-Q4_K.gguf",
		"m/tales/":                     "m/tales-Q4_K.gguf",
		"/m/f16.gguf":                  "/m/f16-Q4_K.gguf",
	} {
		got, err := convertedName(filepath.FromSlash(in), "Q4_K")
		if err != nil || got != filepath.FromSlash(want) {
			t.Errorf("%s: %s (%v), want %s", in, got, err, want)
		}
	}
	if got, err := convertedName(".", "F16"); err != nil || !filepath.IsAbs(got) || filepath.Base(got) != "potion-F16.gguf" {
		t.Errorf(".: %s (%v)", got, err)
	}
}
