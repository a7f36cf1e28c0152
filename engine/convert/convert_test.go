package convert_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine/convert"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
)

// checkpoints holds tiny models as Hugging Face folders and as the GGUF files that llama.cpp's
// convert_hf_to_gguf.py makes of them; make_checkpoints.py in it says how.
const checkpoints = "../model/testdata"

var names = []string{
	"gpt2", "llama3", "llama-linear", "llama-bias", "mistral", "qwen2", "qwen2-yarn", "qwen3",
	"gemma2", "gemma3", "phi3", "phi3-longrope",
}

// TestFolderGivesLlamaCppsFile compares tensors and keys with the file of llama.cpp's converter.
func TestFolderGivesLlamaCppsFile(t *testing.T) {
	t.Parallel()
	// Keys that say more than llama.cpp's converter does; and the size of the vocabulary stands in
	// for the tokens, which the folders lack.
	more := map[string][]string{
		"mistral": {"llama.attention.sliding_window"},
		"gemma2":  {"gemma2.attention.scale", "gemma2.rope.freq_base"},
		"gemma3":  {"gemma3.attention.scale"},
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := openGGUF(t, convertTo(t, filepath.Join(checkpoints, name, "hf"), "F32"))
			want := openGGUF(t, filepath.Join(checkpoints, name, "model.gguf"))
			for _, w := range want.Tensors() {
				g := got.Tensor(w.Name)
				switch {
				case g == nil:
					t.Errorf("tensor %s is missing", w.Name)
				case g.Type != w.Type || !slices.Equal(g.Dims, w.Dims):
					t.Errorf("tensor %s is %v %v, want %v %v", w.Name, g.Type, g.Dims, w.Type, w.Dims)
				case w.Name == "rope_freqs.weight": // worked out in float32 there
					near(t, w.Name, floats(t, g), floats(t, w), 1e-6)
				case !bytes.Equal(g.Bytes(), w.Bytes()):
					t.Errorf("tensor %s holds other numbers", w.Name)
				}
			}
			if g, w := len(got.Tensors()), len(want.Tensors()); g != w {
				t.Errorf("%d tensors, want %d", g, w)
			}
			for _, key := range want.Keys() {
				if strings.HasPrefix(key, "tokenizer.") || key == "general.name" {
					continue
				}
				w, _ := want.Get(key)
				if g, ok := got.Get(key); !ok || g != w {
					t.Errorf("key %s is %v, want %v", key, g, w)
				}
			}
			for _, key := range got.Keys() {
				if _, ok := want.Get(key); !ok && !slices.Contains(more[name], key) && !strings.HasSuffix(key, ".vocab_size") {
					t.Errorf("key %s is not in llama.cpp's file", key)
				}
			}
		})
	}
}

// TestConfigurationSurvives reads back what was written.
func TestConfigurationSurvives(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		for _, file := range []string{"config.json", "config_v5.json"} {
			t.Run(name+"/"+file, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				link(t, filepath.Join(checkpoints, name, "hf", file), filepath.Join(dir, "config.json"))
				link(t, filepath.Join(checkpoints, name, "hf/model.safetensors"), filepath.Join(dir, "model.safetensors"))
				want := *config(t, dir)
				got := *config(t, convertTo(t, dir, "F32"))
				got.Name = want.Name
				// Rows of q and k are reordered, and rotary factors are worked out.
				got.Rope.Interleaved, got.RopeLocal.Interleaved = false, false
				if want.Learned {
					got.Rope, got.RopeLocal = want.Rope, want.RopeLocal // of no meaning
				}
				for _, r := range []struct{ got, want *model.Rope }{{&got.Rope, &want.Rope}, {&got.RopeLocal, &want.RopeLocal}} {
					gotF, gotA := r.got.Table(want.Context)
					wantF, wantA := r.want.Table(want.Context)
					near(t, "rotary frequencies", gotF, wantF, 1e-6)
					near(t, "rotary scale", []float32{gotA}, []float32{wantA}, 1e-6)
					r.got.Scaling, r.want.Scaling = model.Scaling{}, model.Scaling{}
				}
				if want.Window == 0 { // then it does not matter which layers have none
					got.Windowed, want.Windowed = nil, nil
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("read back\n%+v, written was\n%+v", got, want)
				}
			})
		}
	}
}

// TestLogitsSurvive runs both forms of each checkpoint.
func TestLogitsSurvive(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(checkpoints, name, "hf")
			want := logits(t, dir)
			got := logits(t, convertTo(t, dir, "F32"))
			if e := nmse(got, want); !(e <= 1e-12) {
				t.Errorf("logits differ: NMSE %.2g", e)
			}
		})
	}
}

// TestEveryFormat converts a model whose rows fit few formats and checks that the numbers are
// those of the format, or of the one it falls back to.
func TestEveryFormat(t *testing.T) {
	t.Parallel()
	src := filepath.Join(checkpoints, "llama3", "model.gguf") // rows of 64
	original := openGGUF(t, src)
	fallback := map[string]gguf.Type{"Q2_K": gguf.Q4_0, "Q3_K": gguf.Q4_0, "Q4_K": gguf.Q5_0, "Q5_K": gguf.Q5_1, "Q6_K": gguf.Q8_0}
	for _, f := range format.All() {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			got := openGGUF(t, convertTo(t, src, f.String()))
			want, ok := fallback[f.String()]
			if !ok {
				want = gguf.TypeOf(f)
			}
			for _, w := range original.Tensors() {
				g := got.Tensor(w.Name)
				kind := gguf.F32
				switch {
				case w.Name == "output.weight" && f.BlockLen() > 1:
					kind = gguf.Q8_0 // Q6_K does not fit
				case len(w.Dims) > 1:
					kind = want
				}
				if g.Type != kind {
					t.Errorf("%s is %v, want %v", w.Name, g.Type, kind)
					continue
				}
				to, _ := kind.Format()
				packed := make([]byte, g.Size())
				to.Quantize(packed, floats(t, w))
				if !bytes.Equal(packed, g.Bytes()) {
					t.Errorf("%s: other bytes than %v's", w.Name, kind)
				}
			}
			for _, key := range original.Keys() {
				w, _ := original.Get(key)
				if g, _ := got.Get(key); key != "general.file_type" && !reflect.DeepEqual(g, w) {
					t.Errorf("key %s is %v, want %v", key, g, w)
				}
			}
		})
	}
}

// TestBackToFloats packs as Q8_0 and unpacks again: a quantised model may always become floats.
func TestBackToFloats(t *testing.T) {
	t.Parallel()
	q8 := convertTo(t, filepath.Join(checkpoints, "gpt2", "model.gguf"), "Q8_0")
	f32 := openGGUF(t, convertTo(t, q8, "F32"))
	for _, w := range openGGUF(t, q8).Tensors() {
		near(t, w.Name, floats(t, f32.Tensor(w.Name)), floats(t, w), 0)
	}
}

func convertTo(t *testing.T, src, to string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.gguf")
	if err := tryConvert(t, context.Background(), src, out, convert.Options{To: recipe(t, to), Threads: 2}); err != nil {
		t.Fatal(err)
	}
	return out
}

func tryConvert(t *testing.T, ctx context.Context, src, out string, o convert.Options) error {
	t.Helper()
	f, err := modelfile.Open(src)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := convert.New(f, o)
	if err != nil {
		return err
	}
	if err := p.Write(ctx, out); err != nil {
		return err
	}
	stat, err := os.Stat(out)
	if err != nil || stat.Size() < p.Size() {
		t.Errorf("the file has %d bytes, its tensors %d", stat.Size(), p.Size())
	}
	return nil
}

func recipe(t *testing.T, name string) convert.Recipe {
	t.Helper()
	r, err := convert.ParseRecipe(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openGGUF(t *testing.T, path string) *gguf.File {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func checkpoint(t *testing.T, path string) model.Checkpoint {
	t.Helper()
	f, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	ck, err := f.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

func config(t *testing.T, path string) *model.Config { return checkpoint(t, path).Config() }

func logits(t *testing.T, path string) []float32 {
	t.Helper()
	b, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, err := model.Load(context.Background(), b, checkpoint(t, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := session.NewRunner(m, session.Options{Context: 64, KV: format.F32, Logits: 32})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []float32
	ids := make([]int32, 40)
	for i := range ids {
		ids[i] = int32(i * 37 % 288)
	}
	err = r.NewSequence().Feed(context.Background(), ids, session.All, func(_ int, l []float32) error {
		all = append(all, l...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func floats(t *testing.T, g *gguf.Tensor) []float32 {
	t.Helper()
	f, ok := g.Type.Format()
	if !ok {
		t.Fatalf("%s: no format for %v", g.Name, g.Type)
	}
	x := make([]float32, g.Rows()*g.Cols())
	f.Dequantize(x, g.Bytes())
	return x
}

// nmse is the squared difference as a share of the square of want.
func nmse(got, want []float32) float64 {
	var diff, norm float64
	for i := range want {
		d := float64(got[i] - want[i])
		diff, norm = diff+d*d, norm+float64(want[i])*float64(want[i])
	}
	return diff / norm
}

// near fails where two lists of numbers differ by more than a share of the number.
func near(t *testing.T, what string, got, want []float32, share float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= share*math.Abs(float64(want[i]))) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

func link(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
