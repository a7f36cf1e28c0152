package explain

import (
	"fmt"
	"math"
	"strings"

	"github.com/potion-engine/potion/engine"
)

// Lens is what the model would have said after a token, had it stopped early.
type Lens struct {
	Token   int     `json:"token"`   // counted from 0
	Guesses []Guess `json:"guesses"` // [L+1]: before the first layer, after the first ...
	// Settled is after how many layers the likeliest token was first the one that it is in the
	// end, and stayed it.
	Settled int `json:"settled_after"`
}

// Guess is one stop of a lens.
type Guess struct {
	Layer int         `json:"after_layer"` // how many layers are done: 0 is the embedding alone
	Top   []Candidate `json:"top"`
	// The probability that it gives to the token that is likeliest in the end, and the rank of
	// that token among all, from 1.
	Answer float64 `json:"answer_probability"`
	Rank   int     `json:"answer_rank"`
	// Change is the size of what the layer added (attention and feed-forward together) against
	// that of all that the token carries after it: |after - before| / |after| of the residual
	// stream; 0 for the embedding.
	Change float64 `json:"change"`
}

// seeStream puts the lens on the residual stream after a layer, or before the first (-1).
func (v *run) seeStream(layer int, x engine.Tensor) error {
	width, m := x.Cols(), v.r.Model
	v.before, v.after = v.after, v.before
	for i, row := range v.rows {
		if err := m.LayerBackend(max(layer, 0)).Read(v.after[i*width:(i+1)*width], x.Part(int(row), int(row)+1)); err != nil {
			return err
		}
	}
	vocab, most := m.Config.Vocab, v.r.Options().Logits
	host := make([]float32, min(most, len(v.rows))*vocab)
	for from := 0; from < len(v.rows); from += most {
		rows := v.rows[from:min(from+most, len(v.rows))]
		logits, err := v.r.Lens(layer, x, rows)
		if err == nil {
			err = m.Backend.Read(host[:len(rows)*vocab], logits)
		}
		if err != nil {
			return err
		}
		for i := range rows {
			if err := v.guess(layer, from+i, host[i*vocab:(i+1)*vocab]); err != nil {
				return fmt.Errorf("after layer %d: %w", layer+1, err)
			}
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// guess adds a stop to the i-th lens.
func (v *run) guess(layer, i int, logits []float32) error {
	top, norm, err := v.candidates(logits)
	if err != nil {
		return err
	}
	answer := v.answer[i]
	g := Guess{Layer: layer + 1, Top: top, Rank: Rank(logits, answer), Answer: math.Exp(float64(logits[answer]) - norm)}
	if layer >= 0 {
		width := len(v.after) / len(v.rows)
		g.Change = change(v.before[i*width:(i+1)*width], v.after[i*width:(i+1)*width])
	}
	v.e.Lenses[i].Guesses = append(v.e.Lenses[i].Guesses, g)
	return nil
}

// Rank is the place of a token among all by its logit, from 1; of equal ones the lower id
// comes first.
func Rank(logits []float32, id int32) int {
	n, own := 1, logits[id]
	for i, x := range logits {
		if x > own || x == own && int32(i) < id {
			n++
		}
	}
	return n
}

// change is |after - before| / |after|.
func change(before, after []float32) float64 {
	var num, den float64
	for i, x := range before {
		d := float64(after[i]) - float64(x)
		num += d * d
		den += float64(after[i]) * float64(after[i])
	}
	if den == 0 {
		return 0
	}
	return math.Sqrt(num / den)
}

func (v *run) settle() {
	for i := range v.e.Lenses {
		l := &v.e.Lenses[i]
		l.Settled = len(l.Guesses) - 1
		for l.Settled > 0 && l.Guesses[l.Settled-1].Top[0].ID == v.answer[i] {
			l.Settled--
		}
	}
}

// lens is that of a token, nil if there is none.
func (e *Explanation) lens(token int) *Lens {
	for i := range e.Lenses {
		if e.Lenses[i].Token == token {
			return &e.Lenses[i]
		}
	}
	return nil
}

// text is the text up to the explained token, as the tokens spell it.
func (e *Explanation) text() string {
	var b strings.Builder
	for _, t := range e.Tokens[:e.Token+1] {
		if !t.Special {
			b.WriteString(t.Text)
		}
	}
	return b.String()
}
