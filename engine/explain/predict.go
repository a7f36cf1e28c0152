package explain

import (
	"context"
	"errors"
	"math"

	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
)

// Distribution is what a model expects to come next.
type Distribution struct {
	Top     []Candidate
	Entropy float64 // - sum p ln p, in nats: how undecided the model is
}

// Distribute works out the probabilities p_i = exp(x_i) / sum exp(x) of logits, and names the
// top likeliest tokens.
func Distribute(logits []float32, top int, tok Vocabulary) (Distribution, error) {
	norm := sample.LogSumExp(logits)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return Distribution{}, errNotFinite
	}
	var d Distribution
	for _, x := range logits {
		if ln := float64(x) - norm; !math.IsInf(ln, -1) {
			d.Entropy -= math.Exp(ln) * ln
		}
	}
	for _, t := range sample.Top(logits, top) {
		d.Top = append(d.Top, Candidate{ID: t.ID, Text: tok.Piece(t.ID), Probability: math.Exp(float64(t.Logit) - norm)})
	}
	return d, nil
}

var errNotFinite = errors.New("the logits are not finite, so there are no probabilities")

// Surprise is how a token of a text came to the model.
type Surprise struct {
	Position    int     // in the text, from 0
	ID          int32   // of the token that came
	LogP        float64 // ln of its probability; its surprisal is -LogP nats
	Rank        int     // its place among all tokens, from 1
	Expectation Distribution
}

// Surprises runs a text through the model and hands every token but the first, which nothing
// foretells, to visit.
func Surprises(ctx context.Context, r *session.Runner, tok Vocabulary, ids []int32, top int, visit func(Surprise) error) error {
	if len(ids) < 2 {
		return errors.New("nothing is foretold in a text of one token; give a longer one")
	}
	// The last token foretells what is not in the text.
	return r.NewSequence().Feed(ctx, ids[:len(ids)-1], session.All, func(i int, logits []float32) error {
		d, err := Distribute(logits, top, tok)
		if err != nil {
			return err
		}
		id := ids[i+1]
		return visit(Surprise{
			Position: i + 1, ID: id, Expectation: d,
			LogP: float64(logits[id]) - sample.LogSumExp(logits), Rank: Rank(logits, id),
		})
	})
}
