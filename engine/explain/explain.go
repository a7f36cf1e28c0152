// Package explain shows how a model came to its next word: which earlier words each head of
// each layer looked at, and what the model would have said had it stopped after each layer.
//
// It tells the tale of attention as alchemy. Every word carries a tag (key), a potion (value)
// and a recipe (query); its recipe is held against the tags of the words up to itself, and
// their potions are mixed in proportion to the match. The shares shown are the model's
// attention weights, unchanged:
//
//	share[l,h,i,p] = softmax_p(scale * query[l,h,i] . key[l,h,p]),  p <= i
//
// What the model would have said is the logit lens (nostalgebraist 2020): the final norm and
// the output layer applied to the residual stream after a layer.
package explain

import (
	"context"
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
)

// MaxTokens is the longest text that can be explained: attention grows with its square.
const MaxTokens = 512

// Request says what to explain.
type Request struct {
	IDs   []int32
	Token int // whose next word is explained, counted from 0
	Top   int // candidates to name
	// EveryLens asks for the lens of every token, not only of Token.
	EveryLens bool
	// Layer, if not nil, is given the attention of all tokens, layer by layer from 0 on. What
	// it is given is good until it returns.
	Layer func(layer int, a *Attention) error
}

// Explanation is how a model went on after a token.
type Explanation struct {
	Model      Model
	Tokens     []Token
	Token      int           // which of Tokens is explained
	Candidates []Candidate   // for the word after it, the likeliest first
	Shares     [][][]float32 // [L][H][Token+1]: what it took from itself and the tokens before
	Lenses     []Lens        // of Token, or of every token
}

// Model is what an explanation says of the model.
type Model struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	Device       string `json:"device"` // "cpu", "cuda" or "emulated"
	Layers       int    `json:"layers"`
	Heads        int    `json:"heads"`
	Vocab        int    `json:"vocabulary"`
	// Windows says for each layer how many tokens back a token sees, itself included; 0: all.
	Windows []int `json:"windows"`
}

// Token is a piece of the text.
type Token struct {
	ID      int32  `json:"id"`
	Text    string `json:"text"`
	Special bool   `json:"special"`
}

// Candidate is a token that may come next.
type Candidate struct {
	ID          int32   `json:"id"`
	Text        string  `json:"text"`
	Probability float64 `json:"probability"`
}

// Attention is the attention weights of one layer for some tokens.
type Attention struct {
	Rows      []int32 // which tokens
	Heads     int
	Positions int // of each row of shares

	data []float32 // [len(Rows)*Heads, Positions]
}

// Shares is what head h of token Rows[i] takes from each position; 0 where it does not look.
// They add up to 1.
func (a *Attention) Shares(i, h int) []float32 {
	at := (i*a.Heads + h) * a.Positions
	return a.data[at : at+a.Positions]
}

// Mean writes the shares of token Rows[i], averaged over the heads, to dst.
func (a *Attention) Mean(dst []float32, i int) {
	for p := range dst {
		sum := 0.0
		for h := range a.Heads {
			sum += float64(a.Shares(i, h)[p])
		}
		dst[p] = float32(sum / float64(a.Heads))
	}
}

// Vocabulary says what tokens look like; *tokenizer.Tokenizer is one.
type Vocabulary interface {
	Piece(id int32) string
	Special(id int32) bool
}

// Run explains. The runner must take all tokens in one step and have room for them in an
// unused sequence.
func Run(ctx context.Context, r *session.Runner, tok Vocabulary, q Request) (*Explanation, error) {
	n := len(q.IDs)
	switch {
	case n == 0:
		return nil, session.ErrEmptyPrompt
	case n > MaxTokens:
		return nil, fmt.Errorf("the text has %d tokens; at most %d can be explained", n, MaxTokens)
	case n > r.Context():
		return nil, &session.ContextError{Tokens: n, Context: r.Context(), Trained: r.Model.Config.Context}
	case n > r.Options().Chunk:
		return nil, fmt.Errorf("%d tokens in steps of %d: attention is seen whole in one step only", n, r.Options().Chunk)
	case q.Token < 0 || q.Token >= n:
		return nil, fmt.Errorf("there is no token %d: the text has %d", q.Token+1, n)
	case q.Top < 1:
		return nil, fmt.Errorf("%d candidates", q.Top)
	}
	v := &run{ctx: ctx, r: r, tok: tok, q: q, e: &Explanation{Model: describe(r.Model), Token: q.Token}}
	for _, id := range q.IDs {
		v.e.Tokens = append(v.e.Tokens, Token{ID: id, Text: tok.Piece(id), Special: tok.Special(id)})
	}
	if err := v.answers(); err != nil {
		return nil, err
	}
	if err := v.look(); err != nil {
		return nil, err
	}
	v.settle()
	return v.e, nil
}

func describe(m *model.Model) Model {
	c := m.Config
	d := Model{Name: c.Name, Architecture: c.Arch, Device: m.Backend.Info().Kind, Layers: c.Layers, Heads: c.Heads, Vocab: c.Vocab, Windows: make([]int, c.Layers)}
	for i := range d.Windows {
		if i < len(c.Windowed) && c.Windowed[i] {
			d.Windows[i] = c.Window
		}
	}
	return d
}

// run is the state of Run.
type run struct {
	ctx context.Context
	r   *session.Runner
	tok Vocabulary
	q   Request
	e   *Explanation

	rows          []int32                          // tokens whose lens is wanted
	answer        []int32                          // what the model says after each of them in the end
	attention     Attention                        // of the layer at hand
	weights       map[engine.Backend]engine.Tensor // where each backend writes it
	before, after []float32                        // the residual stream before and after the layer, [rows, C]
	err           error                            // the first failure within a probe
}

// answers finds what the model says after the tokens whose lens is wanted, so that the
// lens can follow it through the layers without keeping every layer's logits.
func (v *run) answers() error {
	ids, want := v.q.IDs[:v.q.Token+1], session.Last
	v.rows = []int32{int32(v.q.Token)}
	if v.q.EveryLens {
		ids, want, v.rows = v.q.IDs, session.All, nil
		for i := range ids {
			v.rows = append(v.rows, int32(i))
		}
	}
	seq := v.r.NewSequence()
	defer seq.Truncate(0)
	return seq.Feed(v.ctx, ids, want, func(i int, logits []float32) error {
		top, _, err := v.candidates(logits)
		if err != nil {
			return fmt.Errorf("after token %d: %w", i+1, err)
		}
		v.answer = append(v.answer, top[0].ID)
		if i == v.q.Token {
			v.e.Candidates = top
		}
		return v.ctx.Err()
	})
}

// candidates are the likeliest tokens by logits, and ln sum exp of the logits.
func (v *run) candidates(logits []float32) (c []Candidate, norm float64, err error) {
	top := sample.Top(logits, v.q.Top)
	if len(top) == 0 || !(top[0].Probability > 0) {
		return nil, 0, errNotFinite
	}
	// The likeliest token's probability is never small, so that nothing is lost on this way.
	norm = float64(top[0].Logit) - math.Log(float64(top[0].Probability))
	for _, t := range top {
		c = append(c, Candidate{ID: t.ID, Text: v.tok.Piece(t.ID), Probability: math.Exp(float64(t.Logit) - norm)})
	}
	return c, norm, nil
}

// look runs the text once more, with probes on attention and the residual stream.
func (v *run) look() error {
	m := v.r.Model
	c, a := m.Config, &v.attention
	a.Heads, a.Positions = c.Heads, len(v.q.IDs)
	if v.q.Layer == nil {
		a.Rows = []int32{int32(v.q.Token)}
	} else {
		for i := range v.q.IDs {
			a.Rows = append(a.Rows, int32(i))
		}
	}
	a.data = make([]float32, len(a.Rows)*a.Heads*a.Positions)
	defer v.release()
	if err := v.reserve(); err != nil {
		return err
	}
	v.before, v.after = make([]float32, len(v.rows)*c.Width), make([]float32, len(v.rows)*c.Width)
	v.e.Lenses = make([]Lens, len(v.rows))
	for i, t := range v.rows {
		v.e.Lenses[i].Token = int(t)
	}
	v.r.ProbeAttention(&model.AttentionProbe{
		Rows:    a.Rows,
		Weights: func(layer int) engine.Tensor { return v.weights[m.LayerBackend(layer)] },
		Visit:   func(layer int) { v.watch(func() error { return v.seeAttention(layer) }) },
	})
	v.r.Probe(func(layer int, x engine.Tensor) {
		v.watch(func() error { return v.seeStream(layer, x) })
	})
	defer v.r.ProbeAttention(nil)
	defer v.r.Probe(nil)
	seq := v.r.NewSequence()
	defer seq.Truncate(0)
	if err := v.r.Step([]session.Work{{Seq: seq, IDs: v.q.IDs}}, nil); err != nil {
		return err
	}
	return v.err
}

// reserve makes room for a layer's attention on every backend that holds layers.
func (v *run) reserve() error {
	m, a := v.r.Model, &v.attention
	v.weights = map[engine.Backend]engine.Tensor{}
	for layer := range m.Config.Layers {
		b := m.LayerBackend(layer)
		if _, have := v.weights[b]; have {
			continue
		}
		t, err := b.NewTensor(engine.Float32, len(a.Rows)*a.Heads, a.Positions)
		if err != nil {
			return fmt.Errorf("memory for the attention of %d tokens: %w", len(a.Rows), err)
		}
		v.weights[b] = t
	}
	return nil
}

func (v *run) release() {
	for b, t := range v.weights {
		b.Release(t)
	}
}

// watch does f unless something failed or the work was interrupted: a forward pass cannot be
// broken off, but need not be watched.
func (v *run) watch(f func() error) {
	if v.err == nil {
		v.err = v.ctx.Err()
	}
	if v.err == nil {
		v.err = f()
	}
}

func (v *run) seeAttention(layer int) error {
	a := &v.attention
	b := v.r.Model.LayerBackend(layer)
	if err := b.Read(a.data, v.weights[b]); err != nil {
		return err
	}
	for i := range a.Rows {
		for h := range a.Heads {
			sum := 0.0
			for _, s := range a.Shares(i, h) {
				sum += float64(s)
			}
			if !(math.Abs(sum-1) < 1e-3) {
				return fmt.Errorf("layer %d, head %d, token %d: the attention weights add up to %v, not to 1: the model's numbers are out of range", layer+1, h+1, a.Rows[i]+1, sum)
			}
		}
	}
	at := 0
	if len(a.Rows) > 1 {
		at = v.q.Token
	}
	shares := make([][]float32, a.Heads)
	for h := range shares {
		shares[h] = append(shares[h], a.Shares(at, h)[:v.q.Token+1]...)
	}
	v.e.Shares = append(v.e.Shares, shares)
	if v.q.Layer == nil {
		return nil
	}
	return v.q.Layer(layer, a)
}
