package convert_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/convert"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/modelfile"
)

// edited copies a checkpoint's GGUF file with one number of blk.0.ffn_up.weight changed.
func edited(t *testing.T, x float32) string {
	t.Helper()
	f := openGGUF(t, filepath.Join(checkpoints, "llama3", "model.gguf"))
	path := filepath.Join(t.TempDir(), "edited.gguf")
	w, err := gguf.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, k := range f.Keys() {
		v, _ := f.Get(k)
		if err := w.Set(k, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range f.Tensors() {
		if err := w.Add(x.Name, x.Type, x.Dims...); err != nil {
			t.Fatal(err)
		}
	}
	err = w.Write(func(g *gguf.Tensor, dst io.Writer) error {
		data := bytes.Clone(f.Tensor(g.Name).Bytes())
		if g.Name == "blk.0.ffn_up.weight" {
			binary.LittleEndian.PutUint32(data[4*77:], math.Float32bits(x))
		}
		_, err := dst.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNumbersThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		x    float32
		to   string
		says string // "" where it must succeed
	}{
		{65504, "F16", ""},
		{65519, "F16", ""}, // rounds to 65504
		{65520, "F16", "BF16"},
		{-1e6, "F16", "BF16"},
		{-1e6, "BF16", ""},
		{1e6, "Q8_0", ""},
		{1e8, "Q8_0", "scales of Q8_0"},
		{-3e38, "Q4_1", "scales of Q4_1"},
		{float32(math.NaN()), "Q4_0", "NaN"},
		{float32(math.Inf(1)), "BF16", "Inf"},
		{float32(math.NaN()), "F32", ""}, // copied as it is
	} {
		out := filepath.Join(t.TempDir(), "out.gguf")
		err := tryConvert(t, context.Background(), edited(t, c.x), out, convert.Options{To: recipe(t, c.to)})
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%v to %s: %v", c.x, c.to, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "blk.0.ffn_up.weight")):
			t.Errorf("%v to %s: error %v, want the tensor and %q", c.x, c.to, err, c.says)
		case c.says != "":
			empty(t, filepath.Dir(out))
		}
	}
}

// TestInterrupted ends the context at some point of the work: nothing may be left behind.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 1, 5} {
		ctx, cancel := context.WithCancel(context.Background())
		calls := 0
		if after == 0 {
			cancel()
		}
		out := filepath.Join(t.TempDir(), "out.gguf")
		err := tryConvert(t, ctx, filepath.Join(checkpoints, "gpt2", "hf"), out, convert.Options{
			To: recipe(t, "Q8_0"),
			Progress: func(int64, int64) {
				if calls++; calls == after {
					cancel()
				}
			},
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d chunks: error %v, want %v", after, err, context.Canceled)
		}
		empty(t, filepath.Dir(out))
		cancel()
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	t.Parallel()
	var last, total int64
	err := tryConvert(t, context.Background(), filepath.Join(checkpoints, "qwen3", "hf"), filepath.Join(t.TempDir(), "out.gguf"), convert.Options{
		To: recipe(t, "Q4_0"),
		Progress: func(done, all int64) {
			if done <= last {
				t.Errorf("progress went from %d to %d", last, done)
			}
			last, total = done, all
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != total || total == 0 {
		t.Errorf("progress ended at %d of %d", last, total)
	}
}

func TestPackingTwiceIsRefused(t *testing.T) {
	t.Parallel()
	q8 := convertTo(t, filepath.Join(checkpoints, "qwen2", "model.gguf"), "Q8_0")
	f, err := modelfile.Open(q8)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var refused *convert.RequantizeError
	if _, err := convert.New(f, convert.Options{To: recipe(t, "Q4_0")}); !errors.As(err, &refused) {
		t.Errorf("Q8_0 to Q4_0: error %v, want a RequantizeError", err)
	}
	for _, o := range []convert.Options{{To: recipe(t, "Q8_0")}, {To: recipe(t, "F16")}, {To: recipe(t, "Q4_0"), Requantize: true}} {
		if _, err := convert.New(f, o); err != nil {
			t.Errorf("Q8_0 to %s: %v", o.To.Name, err)
		}
	}
}

// TestOutputFormat keeps the output layer, which is the embedding where they are tied.
func TestOutputFormat(t *testing.T) {
	t.Parallel()
	for name, tensor := range map[string]string{"llama3": "output.weight", "qwen2": "token_embd.weight"} {
		f, err := modelfile.Open(filepath.Join(checkpoints, name, "hf"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, err := convert.New(f, convert.Options{To: recipe(t, "Q4_0"), Output: format.BF16})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range p.Tensors {
			want := gguf.Q4_0
			switch {
			case x.Name == tensor:
				want = gguf.BF16
			case len(x.Dims) == 1:
				want = gguf.F32
			}
			if x.To != want {
				t.Errorf("%s: %s becomes %v, want %v", name, x.Name, x.To, want)
			}
		}
	}
}

// TestSplitBecomesOne joins a split model: https://github.com/ggml-org/llama.cpp/tree/master/tools/gguf-split.
func TestSplitBecomesOne(t *testing.T) {
	t.Parallel()
	data := os.Getenv("POTION_TESTDATA")
	if data == "" {
		t.Skip("POTION_TESTDATA is not set: no split model")
	}
	tiny := filepath.Join(data, "numerics/tiny_archs")
	whole := openGGUF(t, filepath.Join(tiny, "llama-gqa/model.gguf"))
	joined := openGGUF(t, convertTo(t, filepath.Join(tiny, "llama-gqa-split-gguf/llama-gqa-00002-of-00003.gguf"), "F32"))
	if g, w := len(joined.Tensors()), len(whole.Tensors()); g != w {
		t.Errorf("%d tensors, want %d", g, w)
	}
	for _, w := range whole.Tensors() {
		if g := joined.Tensor(w.Name); g == nil || !bytes.Equal(g.Bytes(), w.Bytes()) {
			t.Errorf("tensor %s differs", w.Name)
		}
	}
	for _, k := range joined.Keys() {
		if strings.HasPrefix(k, "split.") {
			t.Errorf("key %s is left", k)
		}
	}
}

func TestFoldersInHalfPrecision(t *testing.T) {
	t.Parallel()
	data := os.Getenv("POTION_TESTDATA")
	if data == "" {
		t.Skip("POTION_TESTDATA is not set: no folders in F16 and BF16")
	}
	for _, kind := range []string{"F16", "BF16"} {
		dir := filepath.Join(data, "numerics/tiny_archs/llama-gqa-"+strings.ToLower(kind))
		same := openGGUF(t, convertTo(t, dir, kind))
		wide := openGGUF(t, convertTo(t, dir, "F32"))
		for _, w := range wide.Tensors() {
			g := same.Tensor(w.Name)
			want := gguf.F32
			if len(w.Dims) > 1 {
				want = map[string]gguf.Type{"F16": gguf.F16, "BF16": gguf.BF16}[kind]
			}
			if g.Type != want {
				t.Errorf("%s: %s is %v, want %v", kind, w.Name, g.Type, want)
			}
			near(t, w.Name, floats(t, g), floats(t, w), 0)
		}
	}
}

func TestUnknownRecipe(t *testing.T) {
	t.Parallel()
	if _, err := convert.ParseRecipe("Q9_K"); err == nil || !strings.Contains(err.Error(), "Q4_K_M") {
		t.Errorf("error %v, want the names that are known", err)
	}
	if r, err := convert.ParseRecipe("q4_k_m"); err != nil || r.Format != format.Q4_K {
		t.Errorf("q4_k_m: %v %v", r.Format, err)
	}
}

func empty(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Errorf("%s is left behind", f.Name())
	}
}
