package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/potion-engine/potion/engine/tokenizer"
)

// StopReason says why a generation ended.
type StopReason string

// The reasons.
const (
	StopEOS         StopReason = "eos"         // the model ended its text
	StopString      StopReason = "stop"        // a stop string or token came
	StopLength      StopReason = "length"      // as many tokens as asked for
	StopContext     StopReason = "context"     // the context is full
	StopInterrupted StopReason = "interrupted" // the caller's context was cancelled
)

// Request is one generation. Prompt comes after what the sequence holds already.
type Request struct {
	Prompt  []int32
	Sampler Sampler
	// Tokenizer turns tokens into text. Without one there is no text, no end-of-text token
	// and no stop string.
	Tokenizer *tokenizer.Tokenizer
	Max       int      // tokens at most; 0: until the context is full
	Stops     []string // strings that end the text; they are not part of it
	StopIDs   []int32  // tokens that do, likewise
	IgnoreEOS bool     // go on after the model's end-of-text token
	// Emit is called with every token as it comes, and with the piece of text that is
	// certain now: whole characters, nothing that may turn out to begin a stop string.
	Emit func(id int32, text string) error
}

// Result is what came of a Request.
type Result struct {
	IDs     []int32
	Text    string
	Stop    StopReason
	Stopped string // the stop string that came, if one did

	PromptTokens int // taken in: none if the prompt was interrupted
	PromptTime   time.Duration
	DecodeTime   time.Duration // from the first token on
}

// PromptRate is prompt tokens per second.
func (r *Result) PromptRate() float64 { return rate(r.PromptTokens, r.PromptTime) }

// DecodeRate is tokens per second after the first, which the prompt's pass yields.
func (r *Result) DecodeRate() float64 { return rate(len(r.IDs)-1, r.DecodeTime) }

func rate(n int, t time.Duration) float64 {
	if n <= 0 || t <= 0 {
		return 0
	}
	return float64(n) / t.Seconds()
}

// ErrEmptyPrompt is the error of a generation from nothing.
var ErrEmptyPrompt = errors.New("the prompt is empty; a model needs at least one token to go on from")

// Generate goes on with a text token by token. A cancelled ctx ends it with
// StopInterrupted and no error. Tokens that were sampled last may not be in the sequence
// yet: it holds the prompt and all of Result.IDs but the last.
func (s *Sequence) Generate(ctx context.Context, q Request) (Result, error) {
	g := &generation{seq: s, q: &q}
	if len(q.Prompt) == 0 {
		return g.res, ErrEmptyPrompt
	}
	if q.Tokenizer != nil {
		g.stream = q.Tokenizer.Stream()
		g.stops = tokenizer.NewStops(q.Stops...)
	}
	begin, held := time.Now(), s.Len()
	for _, id := range q.Prompt {
		q.Sampler.Accept(id)
	}
	id, err := s.feedAndChoose(ctx, q.Prompt, q.Sampler)
	g.res.PromptTokens, g.res.PromptTime = s.Len()-held, time.Since(begin)
	if ctx.Err() != nil {
		g.res.Stop = StopInterrupted
		return g.res, nil
	}
	if err != nil {
		return g.res, err
	}
	begin = time.Now()
	err = g.loop(ctx, id)
	g.res.DecodeTime = time.Since(begin)
	g.res.Text = g.text.String()
	return g.res, err
}

// generation is the state of one Generate.
type generation struct {
	seq    *Sequence
	q      *Request
	res    Result
	text   strings.Builder
	stream *tokenizer.Stream
	stops  *tokenizer.Stops
}

// loop goes on from the first token.
func (g *generation) loop(ctx context.Context, id int32) error {
	for {
		done, err := g.take(id)
		if err != nil || done {
			return err
		}
		switch {
		case g.q.Max > 0 && len(g.res.IDs) >= g.q.Max:
			return g.end(StopLength)
		case g.seq.Len() >= g.seq.r.Context():
			return g.end(StopContext)
		case ctx.Err() != nil:
			return g.end(StopInterrupted)
		}
		if id, err = g.seq.Next(id, g.q.Sampler); err != nil {
			return fmt.Errorf("token %d: %w", len(g.res.IDs)+1, err)
		}
	}
}

// take adds a sampled token to the result; done says that it ended the text.
func (g *generation) take(id int32) (done bool, err error) {
	q := g.q
	if q.Tokenizer != nil && !q.IgnoreEOS && q.Tokenizer.IsEOG(id) {
		return true, g.end(StopEOS)
	}
	for _, stop := range q.StopIDs {
		if id == stop {
			return true, g.end(StopString)
		}
	}
	q.Sampler.Accept(id)
	g.res.IDs = append(g.res.IDs, id)
	if q.Tokenizer == nil {
		return false, g.emit(id, "")
	}
	text, stopped := g.stops.Feed(g.stream.Next(id))
	if err := g.emit(id, text); err != nil {
		return true, err
	}
	if stopped {
		g.res.Stop, g.res.Stopped = StopString, g.stops.Matched()
	}
	return stopped, nil
}

// end gives out the text that was held back.
func (g *generation) end(why StopReason) error {
	g.res.Stop = why
	if g.stream == nil {
		return nil
	}
	text, stopped := g.stops.Feed(g.stream.Flush())
	if stopped {
		g.res.Stop, g.res.Stopped = StopString, g.stops.Matched()
	} else {
		text += g.stops.Flush()
	}
	if text == "" {
		return nil
	}
	return g.emit(-1, text)
}

func (g *generation) emit(id int32, text string) error {
	g.text.WriteString(text)
	if g.q.Emit == nil {
		return nil
	}
	return g.q.Emit(id, text)
}
