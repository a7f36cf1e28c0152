// Package perplexity measures how well a model foretells a text: perplexity by two rules,
// and the Kullback-Leibler divergence from a base model's predictions, kept in the file
// format of llama.cpp's perplexity tool so that either tool reads the other's.
package perplexity

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/session"
)

// Rule says which tokens of a text are scored.
type Rule string

const (
	// Llama is the rule of llama.cpp's perplexity tool: whole windows only, the tokenizer's
	// BOS in place of each window's first token, and only the second half of a window is
	// scored, so that every scored token has a context of at least half the window.
	Llama Rule = "llama"
	// All scores every token of every window but its first, adds no BOS, and counts the last
	// window even if it is shorter.
	All Rule = "all"
)

// Options say how a text is measured.
type Options struct {
	Rule   Rule
	Window int // tokens in a window
	Chunks int // windows at most; 0: all
	BOS    int32
	AddBOS bool // put BOS in place of a window's first token (Llama only)

	// Progress is called after every window.
	Progress func(done, total int, so Result)
	// Score, if not nil, is called with the logits that foretell a scored token, which are
	// good until it returns.
	Score func(token int32, logits []float32) error
}

// Result is a measurement so far.
type Result struct {
	NLL    float64 // sum over scored tokens of -ln p(token), in nats
	NLL2   float64 // sum of the squares
	Scored int
}

// PPL is exp(NLL / Scored).
func (r Result) PPL() float64 {
	mean, _ := r.mean()
	return math.Exp(mean)
}

// StdErr is the standard error of PPL: PPL times the standard error of the mean of -ln p.
func (r Result) StdErr() float64 {
	_, sd := r.mean()
	return r.PPL() * sd
}

func (r Result) mean() (mean, stderr float64) { return meanAndError(r.NLL, r.NLL2, r.Scored) }

func meanAndError(sum, sum2 float64, n int) (mean, stderr float64) {
	if n == 0 {
		return 0, 0
	}
	mean = sum / float64(n)
	if v := sum2/float64(n) - mean*mean; v > 0 && n > 1 {
		stderr = math.Sqrt(v / float64(n-1))
	}
	return mean, stderr
}

// windows cuts ids by the rule; windows(i) is the i-th of n.
func (o *Options) windows(ids []int32) (n int, err error) {
	switch {
	case o.Window < 2:
		return 0, fmt.Errorf("a window of %d tokens; it needs at least 2", o.Window)
	case o.Rule == Llama && o.Window < 4:
		return 0, fmt.Errorf("a window of %d tokens; the llama rule needs at least 4", o.Window)
	case o.Rule == Llama && len(ids) < 2*o.Window:
		return 0, fmt.Errorf("the text has %d tokens; the llama rule needs at least two windows of %d; choose a smaller --ctx or --rule all", len(ids), o.Window)
	case o.Rule == Llama:
		n = len(ids) / o.Window
	case o.Rule == All && len(ids) < 2:
		return 0, errors.New("the text has fewer than two tokens; there is nothing to foretell")
	case o.Rule == All:
		n = (len(ids) + o.Window - 1) / o.Window
	default:
		return 0, fmt.Errorf("rule %q; want %q or %q", o.Rule, Llama, All)
	}
	if o.Chunks > 0 {
		n = min(n, o.Chunks)
	}
	return n, nil
}

// Measure runs ids through the sequence, which must be empty and is empty afterwards.
func Measure(ctx context.Context, seq *session.Sequence, ids []int32, o Options) (Result, error) {
	var r Result
	n, err := o.windows(ids)
	if err != nil {
		return r, err
	}
	window := make([]int32, 0, o.Window)
	for i := range n {
		window = append(window[:0], ids[i*o.Window:min((i+1)*o.Window, len(ids))]...)
		if err := measureWindow(ctx, seq, window, &o, &r); err != nil {
			return r, err
		}
		if o.Progress != nil {
			o.Progress(i+1, n, r)
		}
	}
	return r, nil
}

func measureWindow(ctx context.Context, seq *session.Sequence, window []int32, o *Options, r *Result) error {
	defer seq.Truncate(0)
	first := 0 // the first position whose prediction is scored
	given := window[0]
	if o.Rule == Llama {
		first = len(window) / 2
		if o.AddBOS {
			given = o.BOS
		}
	}
	targets := window[first:]
	inputs := append([]int32{given}, window[1:]...)
	if err := seq.Feed(ctx, inputs[:first], session.None, nil); err != nil {
		return err
	}
	return seq.Feed(ctx, inputs[first:len(inputs)-1], session.All, func(i int, logits []float32) error {
		token := targets[i+1]
		nll := -LogProb(logits, token)
		if math.IsNaN(nll) {
			return fmt.Errorf("position %d: the logits hold NaN", first+i)
		}
		r.NLL += nll
		r.NLL2 += nll * nll
		r.Scored++
		if o.Score != nil {
			return o.Score(token, logits)
		}
		return nil
	})
}

// LogProb is ln softmax(logits)[token].
func LogProb(logits []float32, token int32) float64 {
	return float64(logits[token]) - logSumExp(logits)
}

// logSumExp is ln sum exp(x), without overflow.
func logSumExp(x []float32) float64 {
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v - m))
	}
	return float64(m) + math.Log(sum)
}
