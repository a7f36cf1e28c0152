package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/modelfile"
)

func TestInfoOfTheDemo(t *testing.T) {
	t.Parallel()
	out := must(t, "", "info")
	for _, want := range []string{"Fireside Tales", "gpt2", "5,853,184", "Q8_0", "4095 <|endoftext|>", "learned"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "blk.0") {
		t.Error("tensors are listed without --tensors")
	}
	if out := must(t, "", "info", "--tensors"); !strings.Contains(out, "blk.5.ffn_down.weight") {
		t.Error("--tensors lists no tensors")
	}
	if out := must(t, "", "info", "--metadata"); !strings.Contains(out, "gpt2.context_length") {
		t.Error("--metadata lists no keys")
	}
}

func TestInfoJSON(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"info", "--json"}, {"info", "--json", "../../engine/demo/fireside-tales-Q8_0.gguf"}} {
		var m modelInfo
		if err := json.Unmarshal([]byte(must(t, "", args...)), &m); err != nil {
			t.Fatal(err)
		}
		if !m.Runnable || m.Kind != "gguf" || m.Architecture != "gpt2" || m.Parameters != 5853184 || m.Hyper.Layers != 6 || !m.Hyper.TiedOutput {
			t.Errorf("%v: %+v", args, m)
		}
		if len(m.Tensors) != 76 || len(m.Metadata) == 0 || m.Tokenizer.Size != 4096 || m.Template {
			t.Errorf("%v: %d tensors, %d keys, tokenizer %+v", args, len(m.Tensors), len(m.Metadata), m.Tokenizer)
		}
		// 2 (k, v) x 6 layers x 256 positions x 256 numbers.
		if want := int64(2 * 6 * 256 * 256); len(m.Memory) != 1 || m.Memory[0].KV["f32"] != 4*want || m.Memory[0].KV["f16"] != 2*want {
			t.Errorf("%v: memory %+v", args, m.Memory)
		}
		stat, err := os.Stat("../../engine/demo/fireside-tales-Q8_0.gguf")
		if err != nil || m.FileBytes != stat.Size() {
			t.Errorf("%v: %d bytes, want %d (%v)", args, m.FileBytes, stat.Size(), err)
		}
	}
}

func TestInfoOfAFolder(t *testing.T) {
	t.Parallel()
	var m modelInfo
	if err := json.Unmarshal([]byte(must(t, "", "info", "--json", "-m", "../../engine/model/testdata/gemma3/hf")), &m); err != nil {
		t.Fatal(err)
	}
	if !m.Runnable || m.Kind != "folder" || m.Architecture != "gemma3" || m.Hyper.WindowedLayers != 5 || m.Tokenizer != nil || len(m.Metadata) == 0 {
		t.Errorf("%+v", m)
	}
}

// TestInfoEscapes gives names that would drive a terminal.
func TestInfoEscapes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.gguf")
	w, err := gguf.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for key, v := range map[string]any{"general.name": "a\x1b]0;x\x07b\nc", "general.architecture": "\x1b[31mred", "k": []string{"\x1b[2J"}} {
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(nil); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"info", path}, {"info", "--metadata", "--tensors", path}, {"info", "--json", path}} {
		out, _, code := potion(t, "", args...)
		if code != 0 || strings.ContainsAny(out, "\x1b\x07") {
			t.Errorf("%v: exit code %d, %q", args, code, out)
		}
	}
}

// TestInfoOfMalformedFiles goes through files made to confuse loaders.
func TestInfoOfMalformedFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(testdata(t), "malformed")
	data, err := os.ReadFile(filepath.Join(dir, "gguf_cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Cases []struct{ File, Expect, Why string }
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	// Well-formed files that cannot be run: info says so and succeeds.
	described := map[string]string{"kv_arch_missing.gguf": "alone", "kv_arch_unknown.gguf": "nosucharch"}
	for _, c := range list.Cases {
		switch c.File {
		case "lcpp_tensors_success_s1.gguf", "lcpp_tensors_custom_align_s1.gguf":
			c.Expect = "reject" // made for a parser of headers: their data are not in the files
		}
		t.Run(c.File, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{{"info"}, {"info", "--json"}, {"info", "--tensors", "--metadata"}} {
				stdout, stderr, code := potion(t, "", append(args, filepath.Join(dir, "gguf", c.File))...)
				says, ok := described[c.File]
				switch {
				case ok:
					if code != 0 || !strings.Contains(stdout, says) {
						t.Errorf("%s: exit code %d, want 0 and %q: %s%s", c.Why, code, says, stdout, stderr)
					}
				case c.Expect == "reject" && code != 1, c.Expect == "accept" && code != 0, code != 0 && code != 1:
					t.Errorf("%s: exit code %d, want %s: %s", c.Why, code, c.Expect, stderr)
				}
				if code != 0 && (stdout != "" || !strings.Contains(stderr, c.File)) {
					t.Errorf("stdout %q, stderr %q: want nothing and the file's name", stdout, stderr)
				}
			}
		})
	}
}

// TestInfoOfMalformedFolders puts broken safetensors files where a model's belong.
func TestInfoOfMalformedFolders(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(testdata(t), "malformed/safetensors/*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for from, to := range map[string]string{f: "model.safetensors", "../../engine/model/testdata/qwen2/hf/config.json": "config.json"} {
				data, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			// Even the well-formed ones lack the model's tensors.
			if stdout, stderr, code := potion(t, "", "info", dir); code != 1 || stdout != "" || stderr == "" {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

// TestInfoOfEveryModel describes all well-formed models of the shared data.
func TestInfoOfEveryModel(t *testing.T) {
	t.Parallel()
	root := testdata(t)
	var models []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "malformed":
			return fs.SkipDir
		case filepath.Ext(path) == ".gguf":
			models = append(models, path)
		case d.Name() == "config.json":
			models = append(models, filepath.Dir(path))
		}
		return nil
	})
	if err != nil || len(models) < 20 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	for _, path := range models {
		t.Run(strings.TrimPrefix(path, root+"/"), func(t *testing.T) {
			t.Parallel()
			var m modelInfo
			if err := json.Unmarshal([]byte(must(t, "", "info", "--json", path)), &m); err != nil {
				t.Fatal(err)
			}
			if m.Runnable == (m.Reason != "") {
				t.Errorf("runnable %v, reason %q", m.Runnable, m.Reason)
			}
			f, err := modelfile.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Checkpoint(); m.Runnable && err != nil {
				t.Errorf("info says it can be run: %v", err)
			}
		})
	}
}

func testdata(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("POTION_TESTDATA")
	if dir == "" {
		t.Skip("POTION_TESTDATA is not set: no malformed files and models of others")
	}
	return dir
}
