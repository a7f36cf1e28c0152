package session_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
)

// choosing is a backend that chooses tokens, and counts what is read of it.
type choosing struct {
	*cpu.Backend
	reads *int
}

func (c choosing) Read(dst []float32, src engine.Tensor) error {
	*c.reads++
	return c.Backend.Read(dst, src)
}

func (c choosing) Sample(id, logits engine.Tensor, d *sample.Draw) {
	(*backendtest.Reference)(nil).Sample(id, logits, d)
}

// onChoosing is a runner for the demo on such a backend.
func onChoosing(t *testing.T, o session.Options) (*session.Runner, choosing) {
	t.Helper()
	m := open(t, "", cpu.Options{Threads: 1}, session.Options{})
	ck, err := m.file.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	b, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := choosing{b, new(int)}
	loaded, err := model.Load(context.Background(), c, ck, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := session.NewRunner(loaded, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		loaded.Close()
		b.Close()
	})
	return r, c
}

// The text is the same whether a backend chooses or the logits are read, and they are read
// only where it cannot choose.
func TestBackendChoosesTheSame(t *testing.T) {
	t.Parallel()
	ids := readReference(t).Prompts[0].IDs
	plain := open(t, "", cpu.Options{Threads: 1}, session.Options{Chunk: 4})
	runner, c := onChoosing(t, session.Options{Chunk: 4})
	with := func(set func(*sample.Params)) sample.Params {
		p := sample.Defaults()
		p.Seed = 7
		set(&p)
		return p
	}
	forbidden := map[int32]float32{}
	for id := range int32(4096) {
		forbidden[id] = float32(math.Inf(-1))
	}
	for name, test := range map[string]struct {
		p     sample.Params
		reads bool
		fails string
	}{
		"greedy":    {p: with(func(p *sample.Params) { p.Temperature = 0 })},
		"defaults":  {p: with(func(*sample.Params) {})},
		"penalties": {p: with(func(p *sample.Params) { p.TopK, p.Temperature, p.RepeatPenalty, p.FrequencyPenalty = 0, 1.5, 1.2, 0.3 })},
		"bias":      {p: with(func(p *sample.Params) { p.Temperature, p.LogitBias = 0, map[int32]float32{300: 50} })},
		"typical":   {p: with(func(p *sample.Params) { p.TypicalP = 0.9 }), reads: true},
		"forbidden": {p: with(func(p *sample.Params) { p.LogitBias = forbidden }), reads: true, fails: "every logit is -Inf"},
	} {
		var texts [2][]int32
		for i, r := range []*session.Runner{plain.runner, runner} {
			s, err := sample.New(test.p, 4096)
			if err != nil {
				t.Fatal(err)
			}
			*c.reads = 0
			seq := r.NewSequence()
			res, err := seq.Generate(context.Background(), session.Request{Prompt: ids, Sampler: s, Max: 24})
			seq.Free()
			if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
				t.Errorf("%s: %v, want %q", name, err, test.fails)
			}
			texts[i] = res.IDs
		}
		if !slices.Equal(texts[0], texts[1]) {
			t.Errorf("%s: the backend chose %v, want %v", name, texts[1], texts[0])
		}
		if (*c.reads > 0) != test.reads {
			t.Errorf("%s: logits were read %d times", name, *c.reads)
		}
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	plain := open(t, "", cpu.Options{Threads: 1}, session.Options{})
	p := sample.Defaults()
	p.RepeatPenalty = 1.1
	s, err := sample.New(p, 4096)
	if err != nil {
		t.Fatal(err)
	}
	seq, id := plain.runner.NewSequence(), int32(50)
	for range 70 { // the penalties' window is full
		s.Accept(id)
	}
	next := func() {
		if id, err = seq.Next(id, s); err != nil {
			t.Fatal(err)
		}
		s.Accept(id)
	}
	next()
	if n := testing.AllocsPerRun(20, next); n > 0 {
		t.Errorf("%v allocations per token", n)
	}
}

// A cancelled prompt ends with the layer that is running, not with its step.
func TestInterruptedPrompt(t *testing.T) {
	t.Parallel()
	ids := slices.Repeat(readReference(t).Prompts[0].IDs, 8)
	m := open(t, "", cpu.Options{}, session.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	last := -2
	m.runner.Probe(func(layer int, _ engine.Tensor) {
		last = layer
		if layer == 1 {
			cancel()
		}
	})
	seq := m.runner.NewSequence()
	r, err := seq.Generate(ctx, session.Request{Prompt: ids, Sampler: greedy{}})
	if err != nil || r.Stop != session.StopInterrupted {
		t.Errorf("stopped by %q, %v", r.Stop, err)
	}
	if last != 1 || seq.Len() != 0 || r.PromptTokens != 0 {
		t.Errorf("it ran to layer %d, the sequence holds %d tokens of %d", last, seq.Len(), r.PromptTokens)
	}
	m.runner.Probe(nil)
	if r, err = seq.Generate(context.Background(), session.Request{Prompt: ids[:8], Sampler: greedy{}, Max: 1}); err != nil || len(r.IDs) != 1 {
		t.Errorf("afterwards: %v, %v", r.IDs, err)
	}
}
