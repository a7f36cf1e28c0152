// Package session keeps texts going: it holds the KV cache and the activations of a model,
// cuts work into steps, and runs the generation loop.
package session

import (
	"context"
	"fmt"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
)

// Options are a Runner's sizes. Zero means the default.
type Options struct {
	Context   int           // positions of one sequence; default: the model's
	Sequences int           // sequences of full length that fit the cache; default 1
	KV        format.Format // of the KV cache; default F16
	Chunk     int           // rows of a step; default 256 (32 on an emulated device), at most the context
	Logits    int           // rows of logits worked out at a time; default 1
}

// DefaultChunk is how many rows of a prompt go through the model at once: enough that
// every weight is used often once it is read, few enough that activations stay small.
const DefaultChunk = 256

func (o Options) filled(c *model.Config) (Options, error) {
	if o.Context == 0 {
		o.Context = c.Context
	}
	if o.Context < 0 {
		return o, fmt.Errorf("a context of %d tokens", o.Context)
	}
	if c.Learned && o.Context > c.Context {
		return o, fmt.Errorf("a context of %d tokens: this model has learned %d positions and can have no more", o.Context, c.Context)
	}
	if o.Sequences == 0 {
		o.Sequences = 1
	}
	if o.KV == format.Invalid {
		o.KV = format.F16
	}
	if o.Chunk == 0 {
		o.Chunk = DefaultChunk
	}
	o.Chunk = min(o.Chunk, o.Context*o.Sequences)
	if o.Logits == 0 {
		o.Logits = 1
	}
	o.Logits = min(o.Logits, o.Chunk)
	if o.Sequences < 0 || o.Chunk < 0 || o.Logits < 0 || o.Context > 1<<28 || o.Sequences > 1<<16 {
		return o, fmt.Errorf("%d sequences of %d tokens in steps of %d are out of range", o.Sequences, o.Context, o.Chunk)
	}
	return o, nil
}

// MemoryBytes is what a Runner with these options takes on the backend: the KV cache and
// the activations.
func (o Options) MemoryBytes(c *model.Config) (kv, activations int64, err error) {
	o, err = o.filled(c)
	if err != nil {
		return 0, 0, err
	}
	kv = c.KVBytes(pagesFor(o.Context)*engine.PageLen*o.Sequences, o.KV)
	return kv, c.WorkspaceBytes(o.Chunk, o.Logits), nil
}

// Runner runs steps of one or more sequences through a model. It is used from one
// goroutine at a time and allocates nothing once it is warm.
type Runner struct {
	Model *model.Model

	o     Options
	ws    *model.Workspace
	cache *cache

	step     engine.Step
	rows     []int32   // rows whose logits are wanted
	host     []float32 // logits, as read
	one      [1]Work
	oneID    [1]int32
	lastOnly func(work, row int, logits []float32) error
	last     []float32
	picker   *picker // nil: logits are read and sampled here
	waits    bool    // operations are so slow that they must not queue up before a cancelled prompt
}

// slowChunk is DefaultChunk for an emulated device, which takes seconds for many rows.
const slowChunk = 32

// NewRunner makes a Runner for m.
func NewRunner(m *model.Model, o Options) (*Runner, error) {
	c := m.Config
	emulated := m.Backend.Info().Kind == "emulated"
	if o.Chunk == 0 && emulated {
		o.Chunk = slowChunk
	}
	o, err := o.filled(c)
	if err != nil {
		return nil, err
	}
	r := &Runner{Model: m, o: o, waits: emulated}
	if r.cache, err = newCache(m, pagesFor(o.Context)*o.Sequences, o.KV); err != nil {
		return nil, err
	}
	if r.ws, err = m.NewWorkspace(o.Chunk, o.Logits, o.Context); err != nil {
		r.cache.close()
		return nil, err
	}
	if r.picker, err = newPicker(m.Backend); err != nil {
		r.ws.Close()
		r.cache.close()
		return nil, err
	}
	r.step = engine.Step{IDs: make([]int32, 0, o.Chunk), Pos: make([]int32, 0, o.Chunk), Seq: make([]int32, 0, o.Chunk)}
	r.rows = make([]int32, 0, o.Chunk)
	r.host = make([]float32, o.Logits*c.Vocab)
	r.lastOnly = func(_, _ int, logits []float32) error {
		r.last = logits
		return nil
	}
	return r, nil
}

// Close gives the memory back; the model stays.
func (r *Runner) Close() {
	r.picker.close()
	r.ws.Close()
	r.cache.close()
}

// Context is how many tokens a sequence can hold.
func (r *Runner) Context() int { return r.o.Context }

// Options are the sizes in force.
func (r *Runner) Options() Options { return r.o }

// Probe sets what is shown the residual stream between layers; see model.Workspace.
func (r *Runner) Probe(p func(layer int, x engine.Tensor)) { r.ws.Probe = p }

// ProbeAttention sets what receives attention weights; nil ends it. See model.Workspace.
func (r *Runner) ProbeAttention(p *model.AttentionProbe) { r.ws.Attention = p }

// Lens is for use within a probe of the residual stream: what the output layer makes of rows
// of it, at most Options.Logits of them; see model.Lens.
func (r *Runner) Lens(layer int, x engine.Tensor, rows []int32) (engine.Tensor, error) {
	return r.Model.Lens(r.ws, layer, x, rows)
}

// NewSequence begins an empty sequence.
func (r *Runner) NewSequence() *Sequence {
	return &Sequence{r: r, pages: make([]int32, 0, pagesFor(r.o.Context))}
}

// Want says which of a Work's logits are worked out.
type Want uint8

// None, those after the last token, or those after every token.
const (
	None Want = iota
	Last
	All
)

// Work is what one step does for one sequence: it takes IDs in.
type Work struct {
	Seq  *Sequence
	IDs  []int32
	Want Want
}

// Step runs all of work through the model at once; together they have at most
// Options.Chunk tokens. visit, if any logits are wanted, is called with the index in work,
// the index in its IDs, and the logits, which are good until it returns (the last ones until
// the next step). After an error the sequences hold what they held before.
func (r *Runner) Step(work []Work, visit func(work, row int, logits []float32) error) error {
	if err := r.forward(work); err != nil || len(r.step.IDs) == 0 {
		return err
	}
	vocab := r.Model.Config.Vocab
	for from := 0; from < len(r.rows); from += r.o.Logits {
		rows := r.rows[from:min(from+r.o.Logits, len(r.rows))]
		host := r.host[:len(rows)*vocab]
		if err := r.Model.Backend.Read(host, r.Model.Logits(r.ws, rows)); err != nil {
			return err
		}
		for i, row := range rows {
			w, at := r.find(work, int(row))
			if err := visit(w, at, host[i*vocab:(i+1)*vocab]); err != nil {
				return err
			}
		}
	}
	if len(r.rows) == 0 {
		if err := r.Model.Backend.Sync(); err != nil {
			return err
		}
	}
	r.advance(work)
	return nil
}

// forward queues the layers for work.
func (r *Runner) forward(work []Work) error {
	if err := r.prepare(work); err != nil || len(r.step.IDs) == 0 {
		return err
	}
	return r.Model.Forward(r.ws, r.cache.kv, &r.step)
}

// advance makes what was done part of the sequences.
func (r *Runner) advance(work []Work) {
	for _, w := range work {
		w.Seq.n += len(w.IDs)
	}
}

// find says which token of which Work a row of the step is.
func (r *Runner) find(work []Work, row int) (w, at int) {
	for len(work[w].IDs) <= row {
		row -= len(work[w].IDs)
		w++
	}
	return w, row
}

// prepare checks work, makes room for it and fills r.step and r.rows.
func (r *Runner) prepare(work []Work) error {
	t := 0
	for _, w := range work {
		t += len(w.IDs)
		if err := r.check(w); err != nil {
			return err
		}
	}
	if t > r.o.Chunk {
		return fmt.Errorf("a step of %d tokens, at most %d fit", t, r.o.Chunk)
	}
	s := &r.step
	s.IDs, s.Pos, s.Seq, s.Pages, r.rows = s.IDs[:0], s.Pos[:0], s.Seq[:0], s.Pages[:0], r.rows[:0]
	for i, w := range work {
		if err := w.Seq.grow(len(w.IDs)); err != nil {
			for _, u := range work[:i] {
				u.Seq.shrink(pagesFor(u.Seq.n))
			}
			return err
		}
		for j, id := range w.IDs {
			if w.Want == All || w.Want == Last && j == len(w.IDs)-1 {
				r.rows = append(r.rows, int32(len(s.IDs)))
			}
			s.IDs = append(s.IDs, id)
			s.Pos = append(s.Pos, int32(w.Seq.n+j))
			s.Seq = append(s.Seq, int32(i))
		}
		s.Pages = append(s.Pages, w.Seq.pages)
	}
	s.Serial = engine.NextSerial()
	return nil
}

func (r *Runner) check(w Work) error {
	if w.Seq.r != r {
		panic("session: a sequence of another Runner")
	}
	if n := w.Seq.n + len(w.IDs); n > r.o.Context {
		return &ContextError{Tokens: n, Context: r.o.Context, Trained: r.Model.Config.Context}
	}
	for i, id := range w.IDs {
		if id < 0 || int(id) >= r.Model.Config.Vocab {
			return fmt.Errorf("token %d of the step has the id %d; the model's vocabulary has %d", i, id, r.Model.Config.Vocab)
		}
	}
	return nil
}

// ContextError says that a text is longer than the context.
type ContextError struct{ Tokens, Context, Trained int }

func (e *ContextError) Error() string {
	s := fmt.Sprintf("%d tokens do not fit the context of %d", e.Tokens, e.Context)
	if e.Trained > e.Context {
		return fmt.Sprintf("%s; this model allows --ctx up to %d", s, e.Trained)
	}
	return s + "; shorten the text"
}

// Feed takes ids in, in as many steps as it takes, and hands the wanted logits to visit
// with the index in ids. A cancelled ctx ends it between two layers, with its error.
func (s *Sequence) Feed(ctx context.Context, ids []int32, want Want, visit func(i int, logits []float32) error) error {
	return s.feed(ctx, ids, want, func(work []Work, from int) error {
		return s.r.Step(work, func(_, row int, logits []float32) error { return visit(from+row, logits) })
	})
}

// feed cuts ids into steps and does each, whose first token is ids[from].
func (s *Sequence) feed(ctx context.Context, ids []int32, want Want, step func(work []Work, from int) error) error {
	r := s.r
	if n := s.n + len(ids); n > r.o.Context {
		return &ContextError{Tokens: n, Context: r.o.Context, Trained: r.Model.Config.Context}
	}
	r.ws.Check = func() error { return r.interrupted(ctx) }
	defer func() { r.ws.Check = nil }()
	start := s.n
	for from := 0; from < len(ids); from += r.o.Chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+r.o.Chunk, len(ids))
		w := Work{Seq: s, IDs: ids[from:to], Want: want}
		if want == Last && to < len(ids) {
			w.Want = None
		}
		if err := step([]Work{w}, from); err != nil {
			s.Truncate(min(start, s.n))
			return err
		}
	}
	return nil
}

// interrupted is the error of a cancelled ctx. On a slow device it first waits for what is
// queued, because that cannot be called back.
func (r *Runner) interrupted(ctx context.Context) error {
	if r.waits {
		if err := r.Model.Backend.Sync(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Decode takes one token in and returns the logits after it, which are good until the next
// step. It allocates nothing.
func (s *Sequence) Decode(id int32) ([]float32, error) {
	r := s.r
	r.oneID[0] = id
	r.one[0] = Work{Seq: s, IDs: r.oneID[:], Want: Last}
	if err := r.Step(r.one[:], r.lastOnly); err != nil {
		return nil, err
	}
	return r.last, nil
}
