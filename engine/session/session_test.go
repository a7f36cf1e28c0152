package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/npy"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// reference is engine/demo/testdata/reference.json; engine/demo/README.md says how its
// figures were made.
type reference struct {
	Prompts []struct {
		N           int
		Text        string
		IDs         []int32
		Logits      string  `json:"logits_file"`
		Greedy40    []int32 `json:"greedy40_ids"`
		Greedy40Txt string  `json:"greedy40_text"`
	}
}

func readReference(t *testing.T) reference {
	t.Helper()
	text, err := os.ReadFile("../demo/testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

type fixture struct {
	file   *modelfile.File
	tok    *tokenizer.Tokenizer
	runner *session.Runner
}

// open opens a model on the CPU; path "" is the demo.
func open(t *testing.T, path string, co cpu.Options, o session.Options) fixture {
	t.Helper()
	f, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ck, err := f.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	tok, err := f.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	b, err := cpu.New(co)
	if err != nil {
		t.Fatal(err)
	}
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
		b.Close()
		f.Close()
	})
	return fixture{f, tok, r}
}

// shared is a file of the demo model beside the shared test data, in other formats than the
// embedded one.
func shared(t *testing.T, path string) string {
	t.Helper()
	root := os.Getenv("POTION_TESTDATA")
	if root == "" {
		t.Skip("POTION_TESTDATA is not set: no other form of the demo model to test")
	}
	return filepath.Join(root, "..", "demo", path)
}

func TestDemoAgreesWithItsReference(t *testing.T) {
	t.Parallel()
	ref := readReference(t)
	for _, test := range []struct {
		name, path string
		suffix     string // of the recorded logits
		cpu        cpu.Options
		nmse       float64
	}{
		{"Q8_0", "", "_Q8_0", cpu.Options{}, 1e-11},
		{"Q8_0 int8", "", "_Q8_0", cpu.Options{Int8Activations: true}, 5e-4},
		{"F32", "gguf/fireside-tales-F32.gguf", "", cpu.Options{}, 1e-11},
		{"F32 folder", "hf-f32", "", cpu.Options{}, 1e-11},
		{"F16", "gguf/fireside-tales-F16.gguf", "_F16", cpu.Options{}, 1e-11},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, dir := test.path, "../demo/testdata"
			if path != "" {
				path, dir = shared(t, path), shared(t, "reference")
			}
			m := open(t, path, test.cpu, session.Options{KV: format.F32})
			worst := 0.0
			for _, p := range ref.Prompts {
				ids, err := m.tok.Encode(p.Text, tokenizer.Options{})
				if err != nil || !slices.Equal(ids, p.IDs) {
					t.Errorf("prompt %d: ids %v, want %v (%v)", p.N, ids, p.IDs, err)
					continue
				}
				file := strings.TrimSuffix(p.Logits, ".npy") + test.suffix + ".npy"
				data, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				want, _, err := npy.Read(data)
				if err != nil {
					t.Fatal(err)
				}
				e := nmse(lastLogits(t, m.runner, ids), want)
				if worst = max(worst, e); !(e <= test.nmse) {
					t.Errorf("prompt %d: logits NMSE %.2g, want at most %.0e", p.N, e, test.nmse)
				}
			}
			t.Logf("worst NMSE %.2g", worst)
		})
	}
}

func TestDemoGreedyText(t *testing.T) {
	t.Parallel()
	prompts := readReference(t).Prompts
	for _, test := range []struct {
		name, path string
		prompts    int // the recorded texts are of the F32 weights; Q8_0 agrees on the first
	}{
		{"Q8_0", "", 1}, {"F32", "gguf/fireside-tales-F32.gguf", len(prompts)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := test.path
			if path != "" {
				path = shared(t, path)
			}
			m := open(t, path, cpu.Options{}, session.Options{KV: format.F32})
			for _, p := range prompts[:test.prompts] {
				seq := m.runner.NewSequence()
				got, err := seq.Generate(context.Background(), session.Request{
					Prompt: p.IDs, Sampler: greedy{}, Tokenizer: m.tok, Max: 40, IgnoreEOS: true,
				})
				seq.Free()
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got.IDs, p.Greedy40) || got.Text != p.Greedy40Txt || got.Stop != session.StopLength {
					t.Errorf("prompt %d: greedy tokens %v %q (%s)\nwant %v %q", p.N, got.IDs, got.Text, got.Stop, p.Greedy40, p.Greedy40Txt)
				}
			}
		})
	}
}

// greedy takes the most likely token.
type greedy struct{}

func (greedy) Accept(int32) {}

func (greedy) Sample(logits []float32) (int32, error) {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	return int32(best), nil
}

func lastLogits(t *testing.T, r *session.Runner, ids []int32) []float32 {
	t.Helper()
	seq := r.NewSequence()
	defer seq.Free()
	var out []float32
	err := seq.Feed(context.Background(), ids, session.Last, func(_ int, l []float32) error {
		out = slices.Clone(l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func nmse(got []float32, want []float64) float64 {
	var num, den float64
	for i, w := range want {
		d := float64(got[i]) - w
		num += d * d
		den += w * w
	}
	return num / den
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// However a prompt is cut into steps, alone or beside another sequence, the logits are the
// same.
func TestLogitsDoNotDependOnTheSteps(t *testing.T) {
	t.Parallel()
	ref := readReference(t)
	long, other := ref.Prompts[len(ref.Prompts)-1].IDs, ref.Prompts[0].IDs
	whole := open(t, "", cpu.Options{}, session.Options{KV: format.F32})
	want := widen(lastLogits(t, whole.runner, long))
	for _, chunk := range []int{1, 31, 32, 100} {
		m := open(t, "", cpu.Options{}, session.Options{KV: format.F32, Chunk: chunk})
		if e := nmse(lastLogits(t, m.runner, long), want); !(e <= 1e-13) {
			t.Errorf("in steps of %d: NMSE %.2g", chunk, e)
		}
	}
	two := open(t, "", cpu.Options{}, session.Options{KV: format.F32, Sequences: 2, Chunk: 64})
	a, b := two.runner.NewSequence(), two.runner.NewSequence()
	wantOther := widen(lastLogits(t, whole.runner, other))
	for from := 0; from < len(long); from += 40 {
		work := []session.Work{{Seq: a, IDs: long[from:min(from+40, len(long))], Want: session.Last}}
		if i := from / 40; i < 2 {
			work = append(work, session.Work{Seq: b, IDs: other[i*5 : i*5+5], Want: session.Last})
		}
		err := two.runner.Step(work, func(w, _ int, l []float32) error {
			if w == 1 && b.Len() == 5 {
				if e := nmse(l, wantOther); !(e <= 1e-13) {
					t.Errorf("second sequence beside the first: NMSE %.2g", e)
				}
			}
			if w == 0 && from+40 >= len(long) {
				if e := nmse(l, want); !(e <= 1e-13) {
					t.Errorf("first sequence beside the second: NMSE %.2g", e)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A fork goes its own way and leaves the sequence it came from as it was.
func TestFork(t *testing.T) {
	t.Parallel()
	ids := readReference(t).Prompts[0].IDs
	m := open(t, "", cpu.Options{}, session.Options{Sequences: 3})
	ctx := context.Background()
	trunk := m.runner.NewSequence()
	if err := trunk.Feed(ctx, ids, session.None, nil); err != nil {
		t.Fatal(err)
	}
	branch := trunk.Fork()
	for range 40 { // well past the shared page
		if _, err := branch.Decode(7); err != nil {
			t.Fatal(err)
		}
	}
	got, err := trunk.Decode(466)
	if err != nil {
		t.Fatal(err)
	}
	got = slices.Clone(got)
	want := lastLogits(t, m.runner, append(slices.Clone(ids), 466))
	if e := nmse(got, widen(want)); !(e <= 1e-13) {
		t.Errorf("the trunk after its branch went on: NMSE %.2g", e)
	}
	trunk.Free()
	if branch.Len() != len(ids)+40 {
		t.Errorf("branch has %d tokens", branch.Len())
	}
	branch.Free()
	// All pages are back: three full sequences fit.
	for range 3 {
		if err := m.runner.NewSequence().Feed(ctx, make([]int32, 256), session.None, nil); err != nil {
			t.Fatal(err)
		}
	}
	err = m.runner.NewSequence().Feed(ctx, ids, session.None, nil)
	if !errors.Is(err, session.ErrFull) {
		t.Errorf("a fourth sequence: %v, want ErrFull", err)
	}
}

func TestTruncateAndGoOn(t *testing.T) {
	t.Parallel()
	p := readReference(t).Prompts
	ids := p[len(p)-1].IDs
	m := open(t, "", cpu.Options{}, session.Options{KV: format.F32, Sequences: 2})
	want := widen(lastLogits(t, m.runner, ids[:70]))
	seq := m.runner.NewSequence()
	if err := seq.Feed(context.Background(), ids[:100], session.None, nil); err != nil {
		t.Fatal(err)
	}
	seq.Truncate(69)
	got, err := seq.Decode(ids[69])
	if err != nil {
		t.Fatal(err)
	}
	if e := nmse(got, want); !(e <= 1e-13) {
		t.Errorf("after Truncate: NMSE %.2g", e)
	}
}

func TestEndReasons(t *testing.T) {
	t.Parallel()
	ids := readReference(t).Prompts[0].IDs
	m := open(t, "", cpu.Options{}, session.Options{Context: 64, Sequences: 8})
	cancelled, cancel := context.WithCancel(context.Background())
	text := " very tired. \"I must sleep now,\" he said. By and by he fell fast asleep."
	for _, test := range []struct {
		name string
		ctx  context.Context
		q    session.Request
		stop session.StopReason
		text string
	}{
		{"length", nil, session.Request{Max: 3}, session.StopLength, " very tired."},
		{"context", nil, session.Request{}, session.StopContext, ""},
		{"string", nil, session.Request{Stops: []string{"must sl"}}, session.StopString, " very tired. \"I "},
		{"string over tokens", nil, session.Request{Stops: []string{"nothing", "fast asleep."}}, session.StopString, strings.TrimSuffix(text, "fast asleep.")},
		{"token", nil, session.Request{StopIDs: []int32{13}}, session.StopString, " very tired"},
		{"interrupted", cancelled, session.Request{Emit: func(int32, string) error { cancel(); return nil }}, session.StopInterrupted, " very"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := test.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			q := test.q
			q.Prompt, q.Sampler, q.Tokenizer = ids, greedy{}, m.tok
			seq := m.runner.NewSequence()
			defer seq.Free()
			r, err := seq.Generate(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			if r.Stop != test.stop || test.text != "" && r.Text != test.text {
				t.Errorf("stopped by %q after %q; want %q after %q", r.Stop, r.Text, test.stop, test.text)
			}
			if test.stop == session.StopContext && len(r.IDs) != 64-len(ids)+1 {
				t.Errorf("%d tokens after %d in a context of 64", len(r.IDs), len(ids))
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	m := open(t, "", cpu.Options{}, session.Options{Context: 64})
	ctx := context.Background()
	seq := m.runner.NewSequence()
	if _, err := seq.Generate(ctx, session.Request{Sampler: greedy{}}); !errors.Is(err, session.ErrEmptyPrompt) {
		t.Errorf("an empty prompt: %v", err)
	}
	var full *session.ContextError
	if _, err := seq.Generate(ctx, session.Request{Sampler: greedy{}, Prompt: make([]int32, 65)}); !errors.As(err, &full) {
		t.Errorf("a prompt longer than the context: %v", err)
	}
	for _, id := range []int32{-1, 4096} {
		if err := seq.Feed(ctx, []int32{id}, session.None, nil); err == nil || !strings.Contains(err.Error(), "vocabulary has 4096") {
			t.Errorf("id %d: %v", id, err)
		}
	}
	if _, err := session.NewRunner(m.runner.Model, session.Options{Context: 300}); err == nil {
		t.Error("a context of 300 for a model that has learned 256 positions")
	}
	if seq.Len() != 0 {
		t.Errorf("after failures the sequence holds %d tokens", seq.Len())
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	m := open(t, "", cpu.Options{Threads: 2}, session.Options{})
	seq := m.runner.NewSequence()
	if _, err := seq.Decode(50); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() {
		if _, err := seq.Decode(290); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per token", n)
	}
}

// The text of a generation does not depend on the number of threads.
func TestThreadsGiveTheSameLogits(t *testing.T) {
	t.Parallel()
	ids := readReference(t).Prompts[0].IDs
	var want []float32
	for threads := 1; threads <= 3; threads++ {
		m := open(t, "", cpu.Options{Threads: threads}, session.Options{})
		got := lastLogits(t, m.runner, ids)
		if want == nil {
			want = got
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("%d threads: logit %d is %v, with one thread %v", threads, i, got[i], want[i])
			}
		}
	}
}
