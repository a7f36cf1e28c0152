package main

import (
	"fmt"
	"io"
	"math"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/explain"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/session"
)

func predictCommand() *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Usage:     "show what a model expects to come next",
		ArgsUsage: "TEXT",
		Description: `Prints the likeliest tokens after TEXT with their probabilities, or with --all, for every token
of TEXT but the first, how likely the model found it: its probability, its rank among all tokens
and its surprisal, -log2 p in bits (--unit nats: -ln p). Examples:

   potion predict "Sarah lies still on the bed, feeling"
   potion predict --all "Sarah lies still on the bed, feeling very tired."
   potion predict --all --json --file story.txt | jq .mean_bits`,
		Flags: append(deviceFlags(format.F32, exactActivations),
			fileFlag(),
			&cli.StringFlag{Name: "ids", Usage: "token ids in place of TEXT: `1,2,3`"},
			&cli.BoolFlag{Name: "parse-special", Usage: "take special tokens that are written in TEXT for what they mean"},
			&cli.BoolFlag{Name: "all", Usage: "what the model expected at every place of TEXT, and what came"},
			&cli.IntFlag{Name: "top", Usage: "likeliest tokens to name", DefaultText: "10, with --all 1"},
			&cli.StringFlag{Name: "unit", Value: "bits", Usage: "of surprisal in the table: bits or nats"},
			jsonFlag("print one JSON object: candidates, or with --all places, with probabilities and surprisal in bits and nats"),
		),
		Action: predict,
	}
}

// predicted is predict --json.
type predicted struct {
	Tokens      int              `json:"tokens"` // of the text
	Candidates  []predictedToken `json:"candidates"`
	EntropyBits float64          `json:"entropy_bits"`
	EntropyNats float64          `json:"entropy_nats"`
	Device      string           `json:"device"`
}

// predictedToken is a token with how likely it is.
type predictedToken struct {
	ID            int32   `json:"id"`
	Text          string  `json:"text"`
	Rank          int     `json:"rank"` // from 1
	Probability   float64 `json:"probability"`
	SurprisalBits float64 `json:"surprisal_bits"`
	SurprisalNats float64 `json:"surprisal_nats"`
}

// predictedAll is predict --all --json.
type predictedAll struct {
	Tokens     int              `json:"tokens"`
	Places     []predictedPlace `json:"places"`
	MeanBits   float64          `json:"mean_bits"`
	MeanNats   float64          `json:"mean_nats"`
	Perplexity float64          `json:"perplexity"` // exp(mean_nats)
	Device     string           `json:"device"`
}

type predictedPlace struct {
	Position int `json:"position"` // in the text, from 0
	predictedToken
	EntropyBits float64             `json:"entropy_bits"`
	Expected    []explain.Candidate `json:"expected"`
}

func predict(c *cli.Context) error {
	top, unit := 10, c.String("unit")
	if c.Bool("all") {
		top = 1
	}
	if c.IsSet("top") {
		top = c.Int("top")
	}
	switch {
	case top < 1 || top > maxVocabularyShown:
		return usage("--top %d: want 1 to %d", top, maxVocabularyShown)
	case unit != "bits" && unit != "nats":
		return usage("--unit %s: want bits or nats", unit)
	}
	in, err := readInput(c)
	if err != nil {
		return err
	}
	m, err := openModel(c, session.Options{Logits: 8})
	if err != nil {
		return err
	}
	defer m.Close()
	ids, tok, err := in.tokens(c, m)
	if err != nil {
		return err
	}
	if c.Bool("all") {
		return predictAll(c, m, tok, ids, top)
	}
	return predictNext(c, m, tok, ids, top)
}

// maxVocabularyShown bounds --top of predict.
const maxVocabularyShown = 1000

func predictNext(c *cli.Context, m *opened, tok explain.Vocabulary, ids []int32, top int) error {
	p := predicted{Tokens: len(ids), Device: m.backend.Info().Kind}
	err := m.runner.NewSequence().Feed(c.Context, ids, session.Last, func(_ int, logits []float32) error {
		d, err := explain.Distribute(logits, top, tok)
		for i, t := range d.Top {
			p.Candidates = append(p.Candidates, predictedOf(t.ID, t.Text, i+1, math.Log(t.Probability)))
		}
		p.EntropyBits, p.EntropyNats = d.Entropy/math.Ln2, d.Entropy
		return err
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, p)
	}
	unit := c.String("unit")
	t := newTable("", "", "token", "id", "probability", unit)
	rightFrom(t, 3, 5)
	for _, x := range p.Candidates {
		t.AppendRow(table.Row{x.Rank, quoted(x.Text), x.ID, chance(x.Probability), fmt.Sprintf("%.2f", x.in(unit))})
	}
	entropy := p.EntropyBits
	if unit == "nats" {
		entropy = p.EntropyNats
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s\nthe choice is worth %.2f %s on average (entropy)\n", t.Render(), entropy, unit)
	return err
}

// predictedOf is a token whose probability has the logarithm ln.
func predictedOf(id int32, text string, rank int, ln float64) predictedToken {
	// JSON has no infinity; a token that cannot come at all is as surprising as numbers go.
	nats := min(max(-ln, 0), math.MaxFloat64/2)
	return predictedToken{ID: id, Text: text, Rank: rank, Probability: math.Exp(ln), SurprisalBits: nats / math.Ln2, SurprisalNats: nats}
}

func (p *predictedToken) in(unit string) float64 {
	if unit == "nats" {
		return p.SurprisalNats
	}
	return p.SurprisalBits
}

func predictAll(c *cli.Context, m *opened, tok explain.Vocabulary, ids []int32, top int) error {
	p := predictedAll{Tokens: len(ids), Device: m.backend.Info().Kind}
	err := explain.Surprises(c.Context, m.runner, tok, ids, top, func(s explain.Surprise) error {
		p.Places = append(p.Places, predictedPlace{
			Position: s.Position, predictedToken: predictedOf(s.ID, tok.Piece(s.ID), s.Rank, s.LogP),
			EntropyBits: s.Expectation.Entropy / math.Ln2, Expected: s.Expectation.Top,
		})
		p.MeanNats += (p.Places[len(p.Places)-1].SurprisalNats - p.MeanNats) / float64(len(p.Places))
		return nil
	})
	if err != nil {
		return err
	}
	p.MeanBits, p.Perplexity = p.MeanNats/math.Ln2, min(math.Exp(p.MeanNats), math.MaxFloat64)
	if c.Bool("json") {
		return printJSON(c.App.Writer, p)
	}
	return printSurprises(c.App.Writer, &p, c.String("unit"))
}

func printSurprises(w io.Writer, p *predictedAll, unit string) error {
	t := newTable("", "", "came", "id", "probability", "rank", unit, "expected")
	rightFrom(t, 3, 6)
	for _, x := range p.Places {
		expected := ""
		for i, e := range x.Expected {
			if i > 0 {
				expected += "\n"
			}
			expected += quoted(e.Text) + " " + chance(e.Probability)
		}
		t.AppendRow(table.Row{x.Position + 1, quoted(x.Text), x.ID, chance(x.Probability), thousands(int64(x.Rank)), fmt.Sprintf("%.2f", x.in(unit)), expected})
	}
	mean := p.MeanBits
	if unit == "nats" {
		mean = p.MeanNats
	}
	_, err := fmt.Fprintf(w, "%s\n%.3f %s a token on average, perplexity %.3f\n", t.Render(), mean, unit, p.Perplexity)
	return err
}

// quoted is a token's text as it can be printed.
func quoted(s string) string { return `"` + shown(s) + `"` }

// chance is a probability for a table.
func chance(p float64) string {
	if p < 0.0001 {
		return fmt.Sprintf("%.1e", p)
	}
	return fmt.Sprintf("%.2f%%", 100*p)
}
