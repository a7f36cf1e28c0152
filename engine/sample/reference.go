package sample

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// candidate is a token of the reference.
type candidate struct {
	id     int32
	x      float32
	weight uint64
	order  float32 // distance from the mean surprise
}

// Reference is the definition of what [Sampler.Sample] returns, written to be
// read: the token for logits after history when the generator gives r. Devices
// that sample for themselves are held to it. The parameters must be valid, the
// logits neither NaN nor +Inf, and one of them finite.
func Reference(p Params, logits []float32, history []int32, r uint64) int32 {
	x := slices.Clone(logits)
	for id, b := range p.LogitBias {
		x[id] = biased(x[id], b)
	}
	if n := p.PenaltyLastN; n >= 0 && n < len(history) {
		history = history[len(history)-n:]
	}
	counts := map[int32]int{}
	for _, id := range history {
		counts[id]++
	}
	for id, count := range counts {
		x[id] = p.penalised(x[id], count)
	}
	if p.Temperature == 0 {
		return Argmax(x)
	}

	var c []candidate
	for i, v := range x {
		if v >= -math.MaxFloat32 {
			c = append(c, candidate{id: int32(i), x: v})
		}
	}
	byLogit := func(a, b candidate) int { return cmp.Or(cmp.Compare(b.x, a.x), cmp.Compare(a.id, b.id)) }
	slices.SortFunc(c, byLogit)
	if p.TopK > 0 && p.TopK < len(c) {
		c = c[:p.TopK]
	}
	best := float64(c[0].x)
	for i := range c {
		c[i].weight = weight(best - float64(c[i].x))
	}
	if p.TypicalP > 0 && p.TypicalP < 1 {
		moment := uint64(0)
		for _, t := range c {
			moment += surpriseMoment(t.weight, best-float64(t.x))
		}
		mean := float64(moment) / float64(sumWeights(c))
		for i := range c {
			c[i].order = float32(math.Abs(best - float64(c[i].x) - mean))
		}
		slices.SortFunc(c, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id)) })
		c = takeMass(c, p.TypicalP, p.minKeep())
		slices.SortFunc(c, byLogit)
	}
	if p.TopP < 1 {
		c = takeMass(c, p.TopP, p.minKeep())
	}
	if p.MinP > 0 {
		least := float64(p.MinP) * float64(c[0].weight)
		n := 0
		for n < len(c) && (float64(c[n].weight) >= least || n < p.minKeep()) {
			n++
		}
		c = c[:n]
	}

	best = float64(c[0].x)
	for i := range c {
		c[i].weight = weight((best - float64(c[i].x)) / float64(p.Temperature))
	}
	at, _ := bits.Mul64(r, sumWeights(c))
	slices.SortFunc(c, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
	for _, t := range c {
		if at < t.weight {
			return t.id
		}
		at -= t.weight
	}
	panic("sample: the draw is beyond the sum of the weights")
}

func sumWeights(c []candidate) uint64 {
	sum := uint64(0)
	for _, t := range c {
		sum += t.weight
	}
	return sum
}

// takeMass keeps the first candidates that weigh p of the sum together.
func takeMass(c []candidate, p float32, minKeep int) []candidate {
	target := massTarget(p, sumWeights(c))
	sum := uint64(0)
	for i, t := range c {
		if sum += t.weight; sum >= target && i+1 >= minKeep {
			return c[:i+1]
		}
	}
	return c
}
