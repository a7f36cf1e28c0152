package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func mustNew(t testing.TB, p Params, vocab int) *Sampler {
	t.Helper()
	s, err := New(p, vocab)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// randomLogits are normal with many ties, zeros of both signs and some -Inf.
func randomLogits(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	scale := []float64{0.1, 1, 4, 20}[rng.IntN(4)]
	for i := range x {
		x[i] = float32(rng.NormFloat64() * scale)
		switch rng.IntN(10) {
		case 0:
			x[i] = float32(math.Round(float64(x[i])))
		case 1:
			x[i] = x[rng.IntN(i+1)]
		case 2:
			if rng.IntN(3) == 0 {
				x[i] = float32(math.Copysign(0, float64(rng.IntN(2))-0.5))
			}
		case 3:
			if rng.IntN(3) == 0 && i > 0 {
				x[i] = float32(math.Inf(-1))
			}
		}
	}
	return x
}

func randomParams(rng *rand.Rand, vocab int) Params {
	pick := func(values ...float32) float32 { return values[rng.IntN(len(values))] }
	p := Params{
		Temperature: pick(0, 0.2, 0.8, 1, 1, 3), TopK: []int{0, 0, 1, 5, 40, vocab, vocab + 1}[rng.IntN(7)],
		TopP: pick(0, 0.1, 0.5, 0.9, 0.95, 1, 1), MinP: pick(0, 0, 0.01, 0.05, 0.5, 1), TypicalP: pick(0, 1, 1, 0.2, 0.7, 0.99),
		RepeatPenalty: pick(0, 1, 1.1, 2, 0.5), FrequencyPenalty: pick(0, 0.5, -0.3), PresencePenalty: pick(0, 1.5, -1),
		PenaltyLastN: []int{0, 1, 7, 64, -1}[rng.IntN(5)], Seed: rng.Uint64(), MinKeep: []int{0, 1, 3, vocab}[rng.IntN(4)],
	}
	if rng.IntN(2) == 0 {
		p.LogitBias = map[int32]float32{int32(rng.IntN(vocab)): pick(5, -5, 100), 0: pick(1, 2)}
		if vocab > 1 {
			p.LogitBias[1] = float32(math.Inf(-1))
		}
	}
	return p
}

// TestEqualsReference runs the fast chain beside its definition.
func TestEqualsReference(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		vocab := []int{1, 2, 3, 31, 100, 1000, 3001}[rng.IntN(7)]
		p := randomParams(rng, vocab)
		s := mustNew(t, p, vocab)
		var r rand.PCG
		r.Seed(p.Seed, stream)
		var history []int32
		for range 4 {
			for range rng.IntN(30) {
				id := int32(rng.IntN(vocab))
				history = append(history, id)
				s.Accept(id)
			}
			x := randomLogits(rng, vocab)
			before := slices.Clone(x)
			got, err := s.Sample(x)
			if err != nil {
				t.Fatal(err)
			}
			draw := uint64(0)
			if p.Temperature > 0 {
				draw = r.Uint64()
			}
			if want := Reference(p, x, history, draw); got != want {
				t.Fatalf("vocab %d, %+v: token %d, the reference has %d", vocab, p, got, want)
			}
			if !slices.EqualFunc(x, before, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Fatal("Sample changed the logits")
			}
		}
	}
}

// TestRepeatable fixes the tokens that a seed gives, so that a change of the
// generator, of exp or of the chain cannot pass unseen.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	x := make([]float32, 1000)
	for i := range x {
		x[i] = float32((i*7919)%1000) / 100
	}
	p := Defaults()
	p.Seed, p.TopK, p.Temperature, p.TypicalP = 42, 0, 1.3, 0.9
	s := mustNew(t, p, len(x))
	run := func() (ids []int32) {
		for range 12 {
			id, err := s.Sample(x)
			if err != nil {
				t.Fatal(err)
			}
			s.Accept(id)
			ids = append(ids, id)
		}
		return ids
	}
	want := []int32{334, 878, 88, 87, 704, 965, 173, 889, 396, 235, 187, 803}
	first := run()
	s.Reset()
	if again := run(); !slices.Equal(first, again) {
		t.Errorf("after Reset %v, before %v", again, first)
	}
	if !slices.Equal(first, want) {
		t.Errorf("got %v, want %v", first, want)
	}
}

// TestFrequencies draws often and compares with the probabilities.
func TestFrequencies(t *testing.T) {
	t.Parallel()
	probs := []float64{0.5, 0.25, 0.15, 0.1}
	x := make([]float32, len(probs))
	for i, p := range probs {
		x[i] = float32(math.Log(p))
	}
	s := mustNew(t, Params{Temperature: 1, TopP: 1, Seed: 7}, len(x))
	const n = 100000
	counts := make([]float64, len(x))
	for range n {
		id, err := s.Sample(x)
		if err != nil {
			t.Fatal(err)
		}
		counts[id]++
	}
	for i, p := range probs {
		if sigma := math.Sqrt(n * p * (1 - p)); math.Abs(counts[i]-n*p) > 4*sigma {
			t.Errorf("token %d drawn %v times, expected %v +- %.0f", i, counts[i], n*p, sigma)
		}
	}
}

func TestGreedy(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(-1))
	tests := []struct {
		name    string
		p       Params
		x       []float32
		history []int32
		want    int32
	}{
		{"lowest id wins ties", Params{}, []float32{1, 3, 3, 2}, nil, 1},
		{"bias", Params{LogitBias: map[int32]float32{3: 5}}, []float32{1, 3, 3, 2}, nil, 3},
		{"forbidden", Params{LogitBias: map[int32]float32{1: inf}}, []float32{1, 3, 3, 2}, nil, 2},
		{"positive logits are divided", Params{RepeatPenalty: 2, PenaltyLastN: 8}, []float32{1, 3, 2, 0}, []int32{1}, 2},
		{"negative logits are multiplied", Params{RepeatPenalty: 2, PenaltyLastN: 8}, []float32{-1, -3, -1.5, -4}, []int32{0}, 2},
		{"presence counts once", Params{PresencePenalty: 1, PenaltyLastN: 8}, []float32{3, 1.5, 0, 0}, []int32{0, 0, 0}, 0},
		{"frequency counts each", Params{FrequencyPenalty: 1, PenaltyLastN: 8}, []float32{3, 1.5, 0, 0}, []int32{0, 0, 0}, 1},
		{"the window forgets", Params{FrequencyPenalty: 9, PenaltyLastN: 2}, []float32{3, 1.5, 0, 0}, []int32{0, 1, 1}, 0},
		{"ids outside are ignored", Params{FrequencyPenalty: 9, PenaltyLastN: 2}, []float32{3, 1, 0, 0}, []int32{-1, 4, 1 << 30}, 0},
	}
	for _, tt := range tests {
		s := mustNew(t, tt.p, len(tt.x))
		for _, id := range tt.history {
			s.Accept(id)
		}
		for range 2 {
			if got, err := s.Sample(tt.x); err != nil || got != tt.want {
				t.Errorf("%s: token %d, %v, want %d", tt.name, got, err, tt.want)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, temperature := range []float32{0, 1} {
		s := mustNew(t, Params{Temperature: temperature, TopP: 1}, 3)
		for want, x := range map[string][]float32{
			"token 1 is NaN":  {1, nan, 2},
			"token 2 is +Inf": {1, 1, inf},
			"every logit":     {-inf, -inf, -inf},
			"2 logits for a":  {1, 2},
		} {
			if _, err := s.Sample(x); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("temperature %v, %v: error %v, want %q", temperature, x, err, want)
			}
		}
		if id, err := s.Sample([]float32{-inf, -inf, 0}); err != nil || id != 2 {
			t.Errorf("after errors: token %d, %v", id, err)
		}
	}
	set := func(f func(p *Params)) Params { p := Defaults(); f(&p); return p }
	for want, p := range map[string]Params{
		"temperature -1 is negative": set(func(p *Params) { p.Temperature = -1 }),
		"temperature NaN":            set(func(p *Params) { p.Temperature = nan }),
		"temperature +Inf":           set(func(p *Params) { p.Temperature = inf }),
		"top-k -1":                   set(func(p *Params) { p.TopK = -1 }),
		"top-p 1.5 is not between":   set(func(p *Params) { p.TopP = 1.5 }),
		"min-p -0.1 is not between":  set(func(p *Params) { p.MinP = -0.1 }),
		"typical-p NaN":              set(func(p *Params) { p.TypicalP = nan }),
		"repeat penalty -1":          set(func(p *Params) { p.RepeatPenalty = -1 }),
		"frequency penalty NaN":      set(func(p *Params) { p.FrequencyPenalty = nan }),
		"presence penalty +Inf":      set(func(p *Params) { p.PresencePenalty = inf }),
		"penalty-last-n -2":          set(func(p *Params) { p.PenaltyLastN = -2 }),
		"min-keep -1":                set(func(p *Params) { p.MinKeep = -1 }),
		"bias for token 100":         set(func(p *Params) { p.LogitBias = map[int32]float32{100: 1} }),
		"bias for token -1":          set(func(p *Params) { p.LogitBias = map[int32]float32{-1: 1} }),
		"bias NaN":                   set(func(p *Params) { p.LogitBias = map[int32]float32{1: nan} }),
	} {
		if _, err := New(p, 100); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if Defaults().Validate(0) == nil || Defaults().Validate(MaxVocab+1) == nil {
		t.Error("a vocabulary of 0 or of too many tokens is accepted")
	}
}

func TestNoAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := randomLogits(rng, 5000)
	p := Defaults()
	p.RepeatPenalty, p.TypicalP, p.LogitBias = 1.1, 0.9, map[int32]float32{3: 1}
	for _, k := range []int{0, 40} {
		p.TopK = k
		s := mustNew(t, p, len(x))
		for range 100 {
			s.Accept(int32(rng.IntN(len(x))))
		}
		if n := testing.AllocsPerRun(20, func() {
			id, err := s.Sample(x)
			if err != nil {
				t.Fatal(err)
			}
			s.Accept(id)
		}); n != 0 {
			t.Errorf("top-k %d: %v allocations a token", k, n)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	for _, vocab := range []int{32000, 262144} {
		rng := rand.New(rand.NewPCG(5, 6))
		x := make([]float32, vocab)
		for i := range x {
			x[i] = float32(rng.NormFloat64() * 3)
		}
		greedy, full, typical := Defaults(), Defaults(), Defaults()
		greedy.Temperature = 0
		full.TopK = 0
		typical.TopK, typical.TypicalP = 0, 0.95
		for _, c := range []struct {
			name string
			p    Params
		}{{"greedy", greedy}, {"defaults", Defaults()}, {"no-top-k", full}, {"typical", typical}} {
			b.Run(fmt.Sprintf("%s/%d", c.name, vocab), func(b *testing.B) {
				s := mustNew(b, c.p, vocab)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Sample(x); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func TestOrderKey(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(1))
	ascending := []float32{-inf, -math.MaxFloat32, -1, -math.SmallestNonzeroFloat32, 0, math.SmallestNonzeroFloat32, 1, math.MaxFloat32, inf}
	for i, x := range ascending {
		if got := keyFloat(orderKey(x)); got != x {
			t.Errorf("%v comes back as %v", x, got)
		}
		if i > 0 && orderKey(x) <= orderKey(ascending[i-1]) {
			t.Errorf("%v is not above %v", x, ascending[i-1])
		}
	}
	if orderKey(float32(math.Copysign(0, -1))) != orderKey(0) {
		t.Error("-0 and 0 are not equal")
	}
}
