package sample

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
)

// stream is PCG's second word of seed: all samplers use one stream.
const stream = 0x9e3779b97f4a7c15

// Sampler draws tokens of one sequence. It is not safe for concurrent use.
type Sampler struct {
	params  Params
	vocab   int
	random  rand.PCG
	history history
	bias    map[int32]float32
	changed []Change // what stages 1 and 2 do to this row

	// The tokens still kept, in ascending order of ids.
	ids     []int32
	logits  []float32
	weights []uint64 // at temperature 1, then at the temperature of the draw
	keys    []uint32 // order of the stage that is running
	best    float32  // the largest logit kept

	buckets [1 << 11]uint64
}

// New returns a sampler for logits of vocab tokens, or the error of
// [Params.Validate].
func New(p Params, vocab int) (*Sampler, error) {
	if err := p.Validate(vocab); err != nil {
		return nil, err
	}
	s := &Sampler{params: p, vocab: vocab, history: newHistory(p, vocab)}
	s.bias = maps.Clone(p.LogitBias)
	s.params.LogitBias = nil
	s.ids = make([]int32, vocab)
	s.logits = make([]float32, vocab)
	s.weights = make([]uint64, vocab)
	s.keys = make([]uint32, vocab)
	s.Reset()
	return s, nil
}

// Accept adds a token of the prompt or of the answer to the history that the
// penalties look at. An id outside the vocabulary has no logit and is ignored.
func (s *Sampler) Accept(id int32) {
	if id >= 0 && int(id) < s.vocab {
		s.history.accept(id)
	}
}

// Reset forgets the history and starts the generator anew.
func (s *Sampler) Reset() {
	s.history.reset()
	s.random.Seed(s.params.Seed, stream)
}

// Sample returns the next token. It leaves logits as they are, and does not
// call Accept. It is an error if their number is not the size of the
// vocabulary, if one is NaN or +Inf, or if all are -Inf.
func (s *Sampler) Sample(logits []float32) (int32, error) {
	if len(logits) != s.vocab {
		return 0, fmt.Errorf("sample: %d logits for a vocabulary of %d", len(logits), s.vocab)
	}
	if err := check(logits); err != nil {
		return 0, err
	}
	if s.params.Temperature == 0 && len(s.bias) == 0 && !s.params.penalises() {
		return greedy(logits)
	}
	x := s.logits
	copy(x, logits)
	s.changed = s.changes(s.changed[:0])
	for i := range s.changed {
		c := &s.changed[i]
		x[c.ID] = c.Apply(x[c.ID])
	}
	if s.params.Temperature == 0 {
		return greedy(x)
	}
	if err := s.start(); err != nil {
		return 0, err
	}
	s.filter()
	return s.draw(), nil
}

func check(logits []float32) error {
	for i, x := range logits {
		if !(x <= math.MaxFloat32) {
			return fmt.Errorf("sample: the logit of token %d is %v: the model's numbers overflowed or its file is damaged", i, x)
		}
	}
	return nil
}

var errNoToken = errors.New("sample: every logit is -Inf: no token is allowed")

func greedy(x []float32) (int32, error) {
	id := Argmax(x)
	if math.IsInf(float64(x[id]), -1) {
		return 0, errNoToken
	}
	return id, nil
}

// start makes the tokens with a finite logit the kept ones and runs top-k.
func (s *Sampler) start() error {
	s.resize(s.vocab)
	least := s.lowerBound(s.params.TopK)
	s.resize(s.vocab)
	n := 0
	s.best = float32(math.Inf(-1))
	for i, x := range s.logits {
		if x < least {
			continue
		}
		s.ids[n], s.logits[n], s.keys[n] = int32(i), x, orderKey(x)
		s.best = max(s.best, x)
		n++
	}
	if n == 0 {
		return errNoToken
	}
	s.resize(n)
	if k := s.params.TopK; k > 0 && k < n {
		s.keep(s.cutCount(k))
	}
	return nil
}

// block is how many logits lowerBound reads for one maximum.
const block = 64

// lowerBound returns a logit that at least k tokens reach, if there are as many
// finite ones: the k-th largest of the maxima of all blocks. Hardly any other
// token reaches it, so that top-k then selects among few.
func (s *Sampler) lowerBound(k int) float32 {
	least := float32(-math.MaxFloat32)
	blocks := len(s.logits) / block
	if k <= 0 || k > blocks {
		return least
	}
	for b := range blocks {
		top := s.logits[b*block]
		for _, x := range s.logits[b*block : (b+1)*block] {
			if x > top {
				top = x
			}
		}
		s.keys[b] = orderKey(top)
	}
	s.ids = s.ids[:blocks]
	return max(keyFloat(s.cutCount(k).key), least)
}

// filter is stages 4 to 6.
func (s *Sampler) filter() {
	p := s.params
	typical := p.TypicalP > 0 && p.TypicalP < 1
	if !typical && p.TopP >= 1 && p.MinP <= 0 || len(s.ids) == 1 {
		return
	}
	s.weigh(1)
	if typical {
		s.typical(p.TypicalP, p.minKeep())
	}
	if p.TopP < 1 {
		s.topP(p.TopP, p.minKeep())
	}
	if p.MinP > 0 {
		s.minP(p.MinP, p.minKeep())
	}
}

// weigh computes the weights at a temperature.
func (s *Sampler) weigh(temperature float32) {
	best, t := float64(s.best), float64(temperature)
	for i, x := range s.logits[:len(s.ids)] {
		s.weights[i] = weight((best - float64(x)) / t)
	}
}

// draw is stage 7.
func (s *Sampler) draw() int32 {
	s.best = s.logits[0] // typical sampling may have dropped the largest
	for _, x := range s.logits[1:len(s.ids)] {
		s.best = max(s.best, x)
	}
	s.weigh(s.params.Temperature)
	sum := s.total()
	at, _ := bits.Mul64(s.random.Uint64(), sum)
	for i, w := range s.weights[:len(s.ids)] {
		if at < w {
			return s.ids[i]
		}
		at -= w
	}
	panic("sample: the draw is beyond the sum of the weights")
}

func (s *Sampler) total() uint64 {
	sum := uint64(0)
	for _, w := range s.weights[:len(s.ids)] {
		sum += w
	}
	return sum
}
