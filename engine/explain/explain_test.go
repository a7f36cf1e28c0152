package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/explain"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/npy"
	"github.com/potion-engine/potion/engine/session"
)

// names stands for the tokenizer that the tiny models lack.
type names struct{}

func (names) Piece(id int32) string { return fmt.Sprintf(" w%d", id) }
func (names) Special(int32) bool    { return false }

// recorded is an explanation with all of its attention, [L,H,T,T].
type recorded struct {
	*explain.Explanation
	attention []float32
}

// open makes a runner for a model file ("" is the demo) whose layers are shared out among
// backends.
func open(t *testing.T, path string, backends ...engine.Backend) (*session.Runner, explain.Vocabulary, model.Checkpoint) {
	t.Helper()
	f, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ck, err := f.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	var tok explain.Vocabulary = names{}
	if k, err := f.Tokenizer(); err == nil {
		tok = k
	}
	var parts []model.Part // of one layer, the last has the rest
	for i, b := range backends {
		n := 1
		if i == len(backends)-1 {
			n = ck.Config().Layers - i
		}
		parts = append(parts, model.Part{Backend: b, Layers: n})
	}
	m, err := model.LoadParts(context.Background(), parts, ck, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := session.NewRunner(m, session.Options{Context: min(ck.Config().Context, 512), Chunk: 512, KV: format.F32, Logits: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		m.Close()
		f.Close()
	})
	return r, tok, ck
}

func onCPU(t *testing.T) engine.Backend {
	t.Helper()
	b, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func explained(t *testing.T, r *session.Runner, tok explain.Vocabulary, q explain.Request) recorded {
	t.Helper()
	var x recorded
	q.Layer = func(layer int, a *explain.Attention) error {
		for h := range a.Heads {
			for i := range a.Rows {
				x.attention = append(x.attention, a.Shares(i, h)...)
			}
		}
		return nil
	}
	var err error
	if x.Explanation, err = explain.Run(context.Background(), r, tok, q); err != nil {
		t.Fatal(err)
	}
	return x
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

// near fails if any number is further than limit from what is wanted.
func near(t *testing.T, what string, got []float32, want []float64, limit float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	worst := 0.0
	for i, w := range want {
		d := math.Abs(float64(got[i]) - w)
		if !(d <= limit) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], w)
		}
		worst = max(worst, d)
	}
	t.Logf("%s: off by at most %.1e", what, worst)
}

const tiny = "../model/testdata"

// The attention weights are those that Hugging Face transformers returns with
// output_attentions, in float64; ../model/testdata/make_checkpoints.py recorded them.
func TestAttentionIsThatOfTransformers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gpt2", "llama3", "gemma3"} {
		for _, file := range []string{"hf", "model.gguf"} {
			t.Run(name+"/"+file, func(t *testing.T) {
				t.Parallel()
				r, tok, _ := open(t, filepath.Join(tiny, name, file), onCPU(t))
				want, shape := readNPY(t, filepath.Join(tiny, name, "attention.npy"))
				ids := readIDs(t, filepath.Join(tiny, name, "ids.json"))[:shape[2]]
				x := explained(t, r, tok, explain.Request{IDs: ids, Token: len(ids) - 1, Top: 3})
				near(t, "attention", x.attention, want, 1e-5)
			})
		}
	}
}

// The attention of the demo model in F32, as export.py of its training recorded it from a
// float64 forward pass: prompt 0 of ../demo/testdata/reference.json.
const demoAttention = "testdata/demo_attention.npy"

func TestAttentionOfTheDemo(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POTION_TESTDATA")
	if root == "" {
		t.Skip("POTION_TESTDATA is not set: no F32 weights of the demo model")
	}
	r, tok, _ := open(t, filepath.Join(root, "..", "demo", "hf-f32"), onCPU(t))
	x := explained(t, r, tok, explain.Request{IDs: sarah, Token: len(sarah) - 1, Top: 3})
	want, _ := readNPY(t, demoAttention)
	near(t, "attention", x.attention, want, 1e-5)
}

// The embedded model has Q8_0 weights, which move a share by 0.014 at most.
func TestAttentionOfTheEmbeddedDemo(t *testing.T) {
	t.Parallel()
	r, tok, _ := open(t, "", onCPU(t))
	x := explained(t, r, tok, explain.Request{IDs: sarah, Token: len(sarah) - 1, Top: 3})
	want, _ := readNPY(t, demoAttention)
	near(t, "attention", x.attention, want, 0.03)
}

// sarah is "Sarah lies still on the bed, feeling" in the demo model's tokens.
var sarah = []int32{50, 290, 1272, 2614, 796, 311, 259, 945, 11, 1240}

// The lens is the final norm and the output layer, done here in float64, on the hidden
// states that transformers recorded.
func TestLensIsNormAndOutputOfTheHiddenStates(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gpt2", "llama3", "gemma3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, tok, ck := open(t, filepath.Join(tiny, name, "hf"), onCPU(t))
			c := ck.Config()
			hidden, shape := readNPY(t, filepath.Join(tiny, name, "hidden.npy"))
			ids := readIDs(t, filepath.Join(tiny, name, "ids.json"))[:shape[1]]
			x := explained(t, r, tok, explain.Request{IDs: ids, Token: len(ids) - 1, Top: c.Vocab, EveryLens: true})
			if len(x.Lenses) != len(ids) {
				t.Fatalf("%d lenses of %d tokens", len(x.Lenses), len(ids))
			}
			for i, lens := range x.Lenses {
				final := lens.Guesses[c.Layers].Top[0].ID
				for l := range c.Layers + 1 {
					at := (l*len(ids) + i) * c.Width
					// The last recorded state has been through the final norm already.
					want := unembed(t, ck, hidden[at:at+c.Width], l == c.Layers)
					checkGuess(t, fmt.Sprintf("token %d after layer %d", i, l), lens.Guesses[l], l, want, final)
				}
			}
		})
	}
}

func checkGuess(t *testing.T, what string, g explain.Guess, layer int, want []float64, final int32) {
	t.Helper()
	if g.Layer != layer || len(g.Top) != len(want) {
		t.Fatalf("%s: after layer %d, %d candidates", what, g.Layer, len(g.Top))
	}
	for rank, c := range g.Top {
		if d := math.Abs(c.Probability - want[c.ID]); !(d <= 1e-5) {
			t.Fatalf("%s: token %d has the probability %v, want %v", what, c.ID, c.Probability, want[c.ID])
		}
		if c.ID == final && (g.Rank != rank+1 || math.Abs(g.Answer-c.Probability) > 1e-12) {
			t.Errorf("%s: the answer is number %d with %v, want %d with %v", what, g.Rank, g.Answer, rank+1, c.Probability)
		}
	}
}

// unembed gives the probabilities of a hidden state: softmax(cap(norm(x) . output)).
func unembed(t *testing.T, ck model.Checkpoint, x []float64, normed bool) []float64 {
	t.Helper()
	c := ck.Config()
	y := append([]float64{}, x...)
	if !normed {
		gain := weights(t, ck, "output_norm.weight")
		var mean, square float64
		if c.Norm == model.LayerNorm {
			for _, v := range y {
				mean += v / float64(c.Width)
			}
		}
		for _, v := range y {
			square += (v - mean) * (v - mean) / float64(c.Width)
		}
		for i := range y {
			y[i] = (y[i] - mean) / math.Sqrt(square+float64(c.NormEps)) * float64(gain[i])
		}
		if c.Norm == model.LayerNorm {
			for i, b := range weights(t, ck, "output_norm.bias") {
				y[i] += float64(b)
			}
		}
	}
	out := weights(t, ck, "output.weight")
	if out == nil {
		out = weights(t, ck, "token_embd.weight")
	}
	p, sum := make([]float64, c.Vocab), 0.0
	for v := range p {
		dot := 0.0
		for i := range y {
			dot += y[i] * float64(out[v*c.Width+i])
		}
		if limit := float64(c.LogitCap); limit > 0 {
			dot = limit * math.Tanh(dot/limit)
		}
		p[v] = math.Exp(dot)
		sum += p[v]
	}
	for v := range p {
		p[v] /= sum
	}
	return p
}

func weights(t *testing.T, ck model.Checkpoint, name string) []float32 {
	t.Helper()
	d, err := ck.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	if d == nil {
		return nil
	}
	x := make([]float32, d.Rows*d.Cols)
	d.Format.Dequantize(x, d.Bytes())
	return x
}

// On every architecture attention is a distribution over what a token sees, and the CPU's
// explanation is that of the float64 reference.
func TestEveryArchitecture(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gpt2", "llama3", "llama-linear", "mistral", "qwen2", "qwen2-yarn", "qwen3", "gemma2", "gemma3", "phi3", "phi3-longrope"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids := readIDs(t, filepath.Join(tiny, name, "ids.json"))
			q := explain.Request{IDs: ids, Token: len(ids) - 2, Top: 3}
			r, tok, ck := open(t, filepath.Join(tiny, name, "hf"), onCPU(t))
			got := explained(t, r, tok, q)
			reference := backendtest.NewReference()
			t.Cleanup(func() { reference.Close() })
			r, tok, _ = open(t, filepath.Join(tiny, name, "hf"), reference)
			want := explained(t, r, tok, q)
			wide := make([]float64, len(want.attention))
			for i, v := range want.attention {
				wide[i] = float64(v)
			}
			near(t, "attention", got.attention, wide, 1e-5)
			for l, g := range want.Lenses[0].Guesses {
				have := got.Lenses[0].Guesses[l]
				if math.Abs(have.Top[0].Probability-g.Top[0].Probability) > 1e-5 || math.Abs(have.Change-g.Change) > 1e-5 {
					t.Errorf("after layer %d: %+v, want %+v", l, have, g)
				}
			}
			checkShares(t, ck.Config(), got, len(ids))
		})
	}
}

func checkShares(t *testing.T, c *model.Config, x recorded, n int) {
	t.Helper()
	windowed := false
	for row := range c.Layers * c.Heads * n {
		l, h, i := row/(c.Heads*n), row/n%c.Heads, row%n
		sum, window := 0.0, x.Model.Windows[l]
		shares := x.attention[row*n : (row+1)*n]
		for p, s := range shares {
			sum += float64(s)
			if seen := p <= i && (window == 0 || p > i-window); !seen && s != 0 || s < 0 {
				t.Fatalf("layer %d, head %d: token %d takes %v from %d", l, h, i, s, p)
			}
		}
		windowed = windowed || window > 0 && window < n
		if math.Abs(sum-1) > 1e-5 {
			t.Fatalf("layer %d, head %d: the shares of token %d add up to %v", l, h, i, sum)
		}
		if i != x.Token {
			continue
		}
		for p, s := range x.Shares[l][h] {
			if s != shares[p] {
				t.Fatalf("layer %d, head %d: the explained token's share of %d is %v, in the whole it is %v", l, h, p, s, shares[p])
			}
		}
	}
	if want := c.Window > 0; windowed != want {
		t.Errorf("a window that matters: %v, want %v", windowed, want)
	}
}

// Without Layer only the explained token's attention is worked out, with the same result.
func TestOneTokenAlone(t *testing.T) {
	t.Parallel()
	r, tok, _ := open(t, "", onCPU(t))
	q := explain.Request{IDs: sarah, Token: 6, Top: 4}
	whole := explained(t, r, tok, q)
	alone, err := explain.Run(context.Background(), r, tok, q)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(whole.Explanation)
	b, _ := json.Marshal(alone)
	if string(a) != string(b) {
		t.Errorf("with all attention\n%s\nwith one token's\n%s", a, b)
	}
	settled := alone.Lenses[0].Settled
	for l, g := range alone.Lenses[0].Guesses {
		if same := g.Top[0].ID == alone.Candidates[0].ID; l >= settled && !same || l == settled-1 && same {
			t.Errorf("settled after layer %d, but after %d it says %d", settled, l, g.Top[0].ID)
		}
	}
}

// Where layers are on several backends, the explanation is the same.
func TestModelInParts(t *testing.T) {
	t.Parallel()
	q := explain.Request{IDs: sarah, Token: 8, Top: 4, EveryLens: true}
	r, tok, _ := open(t, "", onCPU(t))
	whole := explained(t, r, tok, q)
	r, tok, _ = open(t, "", onCPU(t), onCPU(t), onCPU(t))
	parts := explained(t, r, tok, q)
	a, _ := json.Marshal(whole.Explanation)
	b, _ := json.Marshal(parts.Explanation)
	if string(a) != string(b) || !slices.Equal(whole.attention, parts.attention) {
		t.Errorf("in one part\n%s\nin three\n%s", a, b)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	r, tok, _ := open(t, "", onCPU(t))
	interrupted, stop := context.WithCancel(context.Background())
	stop()
	for _, test := range []struct {
		name string
		ctx  context.Context
		q    explain.Request
		says string
	}{
		{"nothing", context.Background(), explain.Request{Top: 1}, "prompt is empty"},
		{"too long", context.Background(), explain.Request{IDs: make([]int32, 513), Top: 1}, "at most 512"},
		{"longer than the context", context.Background(), explain.Request{IDs: make([]int32, 300), Top: 1}, "do not fit the context of 256"},
		{"no such token", context.Background(), explain.Request{IDs: sarah, Token: 10, Top: 1}, "no token 11"},
		{"no such id", context.Background(), explain.Request{IDs: []int32{1, 9999}, Token: 1, Top: 1}, "9999"},
		{"no candidates", context.Background(), explain.Request{IDs: sarah}, "0 candidates"},
		{"interrupted", interrupted, explain.Request{IDs: sarah, Top: 1}, context.Canceled.Error()},
		{"a failing receiver", context.Background(), explain.Request{IDs: sarah, Top: 1, Layer: func(int, *explain.Attention) error { return errors.New("disk full") }}, "disk full"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := explain.Run(test.ctx, r, tok, test.q); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want %q", err, test.says)
			}
		})
	}
	// Afterwards the runner is as it was.
	if _, err := explain.Run(context.Background(), r, tok, explain.Request{IDs: sarah, Top: 1}); err != nil {
		t.Error(err)
	}
}
