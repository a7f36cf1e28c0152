package sample

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// llamaCase is a case of llama.cpp's tests/test-sampling.cpp.
type llamaCase struct {
	Sampler                     string
	Probs, Expected             []float64
	T, P                        float64
	Delta                       float64
	K                           int
	LastTokens                  []int32 `json:"last_tokens"`
	Repeat, Frequency, Presence float32
	Vocab                       int `json:"n_vocab"`
	Sequence                    string
	TopK                        int     `json:"top_k"`
	TopP                        float32 `json:"top_p"`
	MinP                        float32 `json:"min_p"`
}

// notOurs are samplers that this package does not have.
var notOurs = map[string]string{
	"xtc":         "XTC is not among the samplers",
	"dry":         "the DRY penalty is not among the samplers",
	"top_n_sigma": "top-n-sigma is not among the samplers",
}

func TestLlamaCpp(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("POTION_TESTDATA")
	if dir == "" {
		t.Skip("POTION_TESTDATA is not set: the shared test data is not here")
	}
	data, err := os.ReadFile(filepath.Join(dir, "sampling", "llamacpp_test_sampling.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []llamaCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	skipped := map[string]int{}
	for i, c := range file.Cases {
		if _, ok := notOurs[c.Sampler]; ok {
			skipped[c.Sampler]++
			continue
		}
		if c.Sampler == "sampler_queue" {
			checkQueue(t, i, c)
		} else {
			checkStage(t, i, c)
		}
	}
	for name, n := range skipped {
		t.Logf("%d cases not run: %s", n, notOurs[name])
	}
}

// kept starts a chain on ln(probs) so that single stages can be run.
func kept(t *testing.T, p Params, logits []float32, history []int32) *Sampler {
	s := mustNew(t, p, len(logits))
	for _, id := range history {
		s.Accept(id)
	}
	copy(s.logits, logits)
	for _, c := range s.changes(nil) {
		s.logits[c.ID] = c.Apply(s.logits[c.ID])
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	s.weigh(1)
	return s
}

func (s *Sampler) probabilities(temperature float32) []float64 {
	s.weigh(temperature)
	p := make([]float64, len(s.ids))
	for i, w := range s.weights[:len(s.ids)] {
		p[i] = float64(w) / float64(s.total())
	}
	return p
}

func checkStage(t *testing.T, index int, c llamaCase) {
	logits := make([]float32, len(c.Probs))
	for i, p := range c.Probs {
		logits[i] = float32(math.Log(p))
	}
	p := Params{TopP: 1, RepeatPenalty: c.Repeat, FrequencyPenalty: c.Frequency, PresencePenalty: c.Presence, PenaltyLastN: len(c.LastTokens), TopK: c.K}
	s := kept(t, p, logits, c.LastTokens)
	temperature := float32(1)
	switch c.Sampler {
	case "temp", "temp_ext":
		if c.Delta != 0 {
			t.Errorf("case %d: dynamic temperature is not among the samplers", index)
		}
		temperature = float32(c.T)
	case "top_p":
		if c.P < 1 {
			s.topP(float32(c.P), 1)
		}
	case "min_p":
		s.minP(float32(c.P), 1)
	case "typical":
		s.typical(float32(c.P), 1)
	case "top_k", "penalties":
	default:
		t.Fatalf("case %d: unknown sampler %q", index, c.Sampler)
	}
	var got []float64
	if temperature == 0 { // greedy leaves the best token alone
		got = make([]float64, len(logits))
		got[Argmax(logits)] = 1
	} else {
		got = s.probabilities(temperature)
	}
	want := slices.Clone(c.Expected)
	if c.Sampler == "typical" { // given without the softmax over what is kept
		sum := 0.0
		for _, w := range want {
			sum += w
		}
		for i := range want {
			want[i] /= sum
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-5 }) {
		t.Errorf("case %d, %s: got %v, want %v", index, c.Sampler, got, want)
	}
}

// checkQueue runs stages on logits ln(id), whose kept tokens are always the ids
// from some least one up.
func checkQueue(t *testing.T, index int, c llamaCase) {
	logits := make([]float32, c.Vocab)
	for i := range logits {
		logits[i] = float32(math.Log(float64(i)))
	}
	s := kept(t, Params{TopP: 1}, logits, nil)
	least := 1 // token 0 has the logit -Inf
	for _, stage := range strings.Split(c.Sequence, "") {
		switch stage {
		case "k":
			s.keyByLogit()
			s.keep(s.cutCount(min(c.TopK, len(s.ids))))
			least = max(least, c.Vocab-c.TopK)
		case "p":
			if c.TopP < 1 {
				s.topP(c.TopP, 1)
				sum, have := 0, 0
				for id := least; id < c.Vocab; id++ {
					sum += id
				}
				from := c.Vocab
				for float64(have) < float64(c.TopP)*float64(sum) || from == c.Vocab {
					from--
					have += from
				}
				least = from
			}
		case "m":
			s.minP(c.MinP, 1)
			least = max(least, int(math.Ceil(float64(c.MinP)*float64(c.Vocab-1))))
		}
		// A float32 logit is off by up to 5e-7, which can move the border by one.
		if got := int(slices.Min(s.ids)); got < least-1 || got > least+1 || len(s.ids) != c.Vocab-got {
			t.Errorf("case %d, %q after %s: %d tokens from %d, want from %d", index, c.Sequence, stage, len(s.ids), got, least)
		}
		least = int(slices.Min(s.ids))
	}
}
