// Package parity compares two backends on a whole model: the residual stream after every
// layer, the logits after every token, and the tokens chosen. Package backendtest does the
// same for single operations.
package parity

import (
	"context"
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
)

// Difference is how far numbers are from the reference's.
type Difference struct {
	NMSE  float64 `json:"nmse"`  // sum (got-want)^2 / sum want^2
	Worst float64 `json:"worst"` // the greatest |got-want|
	Row   int     `json:"row"`   // where that is: token
	Col   int     `json:"col"`   // and channel or token id
	Want  float64 `json:"want"`
	Got   float64 `json:"got"`
}

// Report is what came of a comparison. It is written as JSON by potion parity.
type Report struct {
	Tokens int          `json:"tokens"` // prompt and generated
	Embed  Difference   `json:"embed"`  // what goes into the first layer
	Layers []Difference `json:"layers"` // what comes out of each
	Logits Difference   `json:"logits"`
	// First is the first layer whose NMSE is above the limit: -1 the embedding, L the logits
	// only, L+1 none.
	First int     `json:"first_divergence"`
	Limit float64 `json:"limit"`
	Why   string  `json:"limit_reason"`
	// Same counts tokens on which both agree that they are the most likely; Close those on
	// which they differ, but the reference's best two are nearer to each other than twice the
	// greatest difference of logits; Wrong the rest.
	Same  int  `json:"same_argmax"`
	Close int  `json:"close_argmax"`
	Wrong int  `json:"wrong_argmax"`
	Pass  bool `json:"pass"`
}

// Options say how to compare.
type Options struct {
	Prompt []int32
	Tokens int // to generate greedily after the prompt, on the reference backend
	Chunk  int // rows of a step; 0: the default
	// Int8Activations says that the backend under test rounds activations.
	Int8Activations bool
}

// Model runs a checkpoint on both backends with F32 KV pages. The reference writes a text
// greedily; then both read it, in steps of Chunk and the generated part token by token, and
// are compared at every position.
func Model(ctx context.Context, ck model.Checkpoint, reference, tested engine.Backend, o Options) (Report, error) {
	if len(o.Prompt) == 0 {
		return Report{}, session.ErrEmptyPrompt
	}
	want, err := trace(ctx, ck, reference, o, nil)
	if err != nil {
		return Report{}, fmt.Errorf("%s: %w", reference.Info().Name, err)
	}
	got, err := trace(ctx, ck, tested, o, want.ids)
	if err != nil {
		return Report{}, fmt.Errorf("%s: %w", tested.Info().Name, err)
	}
	return compare(ck, want, got, o), nil
}

// traced is what a backend computed.
type traced struct {
	ids    []int32
	stream [][]float32 // [L+1], each [tokens, C]
	logits []float32   // [tokens, V]
}

// trace runs the prompt and then given, or what the backend itself finds most likely.
func trace(ctx context.Context, ck model.Checkpoint, b engine.Backend, o Options, given []int32) (*traced, error) {
	m, err := model.Load(ctx, b, ck, nil)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	c := m.Config
	total := len(o.Prompt) + o.Tokens
	if total > c.Context {
		return nil, &session.ContextError{Tokens: total, Context: c.Context}
	}
	r, err := session.NewRunner(m, session.Options{Context: total, KV: format.F32, Chunk: o.Chunk, Logits: 8})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t := &traced{stream: make([][]float32, c.Layers+1)}
	var failed error
	r.Probe(func(layer int, x engine.Tensor) {
		host := make([]float32, x.Len())
		if err := b.Read(host, x); err != nil && failed == nil {
			failed = err
		}
		t.stream[layer+1] = append(t.stream[layer+1], host...)
	})
	seq := r.NewSequence()
	err = seq.Feed(ctx, o.Prompt, session.All, func(_ int, l []float32) error {
		t.logits = append(t.logits, l...)
		return nil
	})
	t.ids = append(t.ids, o.Prompt...)
	for i := 0; err == nil && failed == nil && i < o.Tokens; i++ {
		id := sample.Argmax(t.logits[len(t.logits)-c.Vocab:])
		if given != nil {
			id = given[len(t.ids)]
		}
		t.ids = append(t.ids, id)
		var l []float32
		if l, err = seq.Decode(id); err == nil {
			t.logits = append(t.logits, l...)
			err = ctx.Err()
		}
	}
	if err == nil {
		err = failed
	}
	return t, err
}

func compare(ck model.Checkpoint, want, got *traced, o Options) Report {
	c := ck.Config()
	r := Report{Tokens: len(want.ids), First: c.Layers + 1}
	r.Limit, r.Why = backendtest.Limit("Model", weightFormat(ck), o.Int8Activations)
	over := func(layer int, d Difference) {
		if !(d.NMSE <= r.Limit) {
			r.First = min(r.First, layer)
		}
	}
	r.Embed = differ(want.stream[0], got.stream[0], c.Width)
	over(-1, r.Embed)
	for i := range c.Layers {
		d := differ(want.stream[i+1], got.stream[i+1], c.Width)
		r.Layers = append(r.Layers, d)
		over(i, d)
	}
	r.Logits = differ(want.logits, got.logits, c.Vocab)
	over(c.Layers, r.Logits)
	for i := range r.Tokens {
		w, g := want.logits[i*c.Vocab:(i+1)*c.Vocab], got.logits[i*c.Vocab:(i+1)*c.Vocab]
		top := sample.Top(w, 2)
		switch {
		case sample.Argmax(g) == top[0].ID:
			r.Same++
		case len(top) > 1 && float64(top[0].Logit-top[1].Logit) <= 2*differ(w, g, c.Vocab).Worst:
			r.Close++
		default:
			r.Wrong++
		}
	}
	r.Pass = r.First > c.Layers && r.Wrong == 0
	return r
}

// weightFormat is the format that most of a checkpoint's bytes are in.
func weightFormat(ck model.Checkpoint) format.Format {
	bytes := map[format.Format]int{}
	best := format.F32
	for _, t := range ck.Config().Tensors() {
		d, err := ck.Tensor(t.Name)
		if err != nil || d == nil {
			continue
		}
		bytes[d.Format] += d.Size()
		if bytes[d.Format] > bytes[best] {
			best = d.Format
		}
	}
	return best
}

// differ compares rows of cols numbers. A NaN or infinity on one side only is an infinite
// difference.
func differ(want, got []float32, cols int) Difference {
	var d Difference
	var num, den float64
	for i, w := range want {
		x, y := float64(w), float64(got[i])
		e := math.Abs(y - x)
		if x == y || math.IsNaN(x) && math.IsNaN(y) {
			e = 0
		} else if math.IsNaN(e) {
			e = math.MaxFloat64
		}
		if e > d.Worst {
			d.Worst, d.Row, d.Col, d.Want, d.Got = e, i/cols, i%cols, x, y
		}
		num += e * e
		den += x * x
	}
	switch {
	case num == 0:
	case den == 0 || math.IsInf(num, 0) || math.IsNaN(den):
		d.NMSE = math.MaxFloat64 // JSON has no infinity
	default:
		d.NMSE = min(num/den, math.MaxFloat64)
	}
	return d
}
