// Package bench measures how fast a model runs: prompt and decode rates at a context depth
// and for several sequences at once, with statistics, the bytes and operations that the
// work comes to, and the peak that the same threads reach.
package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/session"
)

// Test is one kind of work. Either Prompt or Gen is 0.
type Test struct {
	Prompt int // tokens of a prompt, read in one go
	Gen    int // tokens decoded one by one
	Depth  int // tokens that stand in the context before
	Batch  int // sequences decoded side by side in one step; 1 with a prompt
}

// Name is the test's name as llama-bench writes it: pp512, tg128, tg128 @ d1024, and
// tg128 x4 for a batch of four.
func (t Test) Name() string {
	s := fmt.Sprintf("tg%d", t.Gen)
	if t.Prompt > 0 {
		s = fmt.Sprintf("pp%d", t.Prompt)
	}
	if t.Batch > 1 {
		s += fmt.Sprintf(" x%d", t.Batch)
	}
	if t.Depth > 0 {
		s += fmt.Sprintf(" @ d%d", t.Depth)
	}
	return s
}

// Context is how many positions a sequence of the test needs.
func (t Test) Context() int { return t.Depth + t.Prompt + t.Gen }

// Tokens is how many tokens one run of the test takes in, over all sequences.
func (t Test) Tokens() int { return t.Prompt + t.Gen*t.Batch }

// Cost is what one run of a test reads and computes at the least.
type Cost struct {
	Steps       int
	WeightBytes int64   // every step reads all weights once
	KVBytes     int64   // keys and values that the steps look at
	Flops       float64 // multiply-adds of weights and attention; one counts as two
}

// Cost is worked out from the shapes: 2 operations for each weight and row (of the output
// layer only where logits are wanted), and 4 * H * D for each position that a row sees.
// read is model.Model.ReadBytes, chunk the rows of a step.
func (t Test) Cost(c *model.Config, read int64, kv format.Format, chunk int) Cost {
	steps, rows := t.Gen, t.Gen*t.Batch
	logits := rows
	if t.Prompt > 0 {
		steps, rows, logits = (t.Prompt+chunk-1)/chunk, t.Prompt, 1
	}
	cost := Cost{Steps: steps, WeightBytes: int64(steps) * read}
	q, g := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	hidden := 3
	if c.FFN == model.GELU {
		hidden = 2
	}
	perRow := c.Layers * c.Width * (2*q + 2*g + hidden*c.Hidden)
	cost.Flops = 2 * (float64(perRow)*float64(rows) + float64(c.Width)*float64(c.Vocab)*float64(logits))
	positionBytes := int64(2 * c.KVHeads * kv.RowBytes(c.HeadDim))
	for i := range t.Prompt + t.Gen {
		seen := positionsSeen(c, t.Depth+i)
		cost.Flops += 4 * float64(q) * float64(seen) * float64(t.Batch)
		// A chunk of a prompt reads what its last row sees; a decode step is a chunk of one.
		if t.Gen > 0 || (i+1)%chunk == 0 || i+1 == t.Prompt {
			cost.KVBytes += seen * positionBytes * int64(t.Batch)
		}
	}
	return cost
}

// positionsSeen is how many positions, its own included, a row at pos sees, added up over
// the layers.
func positionsSeen(c *model.Config, pos int) int64 {
	n := int64(c.Layers) * int64(pos+1)
	if c.Window <= 0 || pos < c.Window {
		return n
	}
	for i := range c.Windowed {
		if c.Windowed[i] {
			n -= int64(pos + 1 - c.Window)
		}
	}
	return n
}

// Limits say when enough runs were timed.
type Limits struct {
	Repetitions int           // at least this many
	Spread      float64       // then go on until Stats.Spread is at most this,
	Time        time.Duration // or until this much time has gone by
}

// Measurement is the outcome of a test.
type Measurement struct {
	Samples []time.Duration // one per run
	Stats   Stats           // of the samples in seconds

	JoulesPerToken *float64 // over all timed runs; nil where it is not known
}

// Measure runs t on r: one run to warm up, then timed runs within the limits. Token ids
// are random but the same for the same seed. r must hold t.Batch sequences of t.Context()
// tokens and take t.Batch rows in a step. meter, if not nil, counts the energy of the timed
// runs; progress, if not nil, is told after every run.
func Measure(ctx context.Context, r *session.Runner, t Test, l Limits, seed uint64, meter Meter, progress func(Stats)) (Measurement, error) {
	w := newWorkload(r, t, seed)
	defer w.free()
	var m Measurement
	if err := w.prepare(ctx); err != nil {
		return m, err
	}
	if _, err := w.run(ctx, min(t.Gen, warmTokens)); err != nil {
		return m, err
	}
	used := 0.0
	if meter != nil {
		var err error
		if used, err = meter.Joules(); err != nil {
			meter = nil
		}
	}
	var seconds []float64
	for begin := time.Now(); ; {
		d, err := w.run(ctx, t.Gen)
		if err != nil {
			return m, err
		}
		m.Samples = append(m.Samples, d)
		seconds = append(seconds, d.Seconds())
		m.Stats = Summarize(seconds)
		if progress != nil {
			progress(m.Stats)
		}
		if len(seconds) >= l.Repetitions && (m.Stats.Spread <= l.Spread || time.Since(begin) >= l.Time) {
			m.JoulesPerToken = energyOf(meter, used, time.Since(begin), len(seconds)*t.Tokens())
			return m, nil
		}
	}
}

// warmTokens is how many tokens are decoded to warm up: enough to have every weight and
// every buffer in place.
const warmTokens = 16

// workload is a test with its sequences in the cache.
type workload struct {
	r    *session.Runner
	t    Test
	rng  *rand.Rand
	work []session.Work
	ids  []int32 // those of work
	text []int32 // depth or prompt
}

func newWorkload(r *session.Runner, t Test, seed uint64) *workload {
	w := &workload{r: r, t: t, rng: rand.New(rand.NewPCG(seed, 0)), ids: make([]int32, t.Batch), text: make([]int32, max(t.Depth, t.Prompt))}
	for i := range t.Batch {
		w.work = append(w.work, session.Work{Seq: r.NewSequence(), IDs: w.ids[i : i+1], Want: session.Last})
	}
	return w
}

func (w *workload) free() {
	for _, x := range w.work {
		x.Seq.Free()
	}
}

// fill writes random tokens.
func (w *workload) fill(ids []int32) {
	for i := range ids {
		ids[i] = w.rng.Int32N(int32(w.r.Model.Config.Vocab))
	}
}

// prepare fills the context of every sequence up to the test's depth.
func (w *workload) prepare(ctx context.Context) error {
	for _, x := range w.work {
		w.fill(w.text[:w.t.Depth])
		if err := x.Seq.Feed(ctx, w.text[:w.t.Depth], session.None, nil); err != nil {
			return err
		}
	}
	return nil
}

// run does the test once, with gen tokens to decode, and leaves the sequences as prepare
// left them.
func (w *workload) run(ctx context.Context, gen int) (time.Duration, error) {
	prompt := w.text[:w.t.Prompt]
	w.fill(prompt)
	begin := time.Now()
	if len(prompt) > 0 {
		if err := w.work[0].Seq.Feed(ctx, prompt, session.Last, func(int, []float32) error { return nil }); err != nil {
			return 0, err
		}
	}
	for range gen {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		w.fill(w.ids)
		if err := w.r.Step(w.work, func(int, int, []float32) error { return nil }); err != nil {
			return 0, err
		}
	}
	d := time.Since(begin)
	for _, x := range w.work {
		x.Seq.Truncate(w.t.Depth)
	}
	return d, nil
}
