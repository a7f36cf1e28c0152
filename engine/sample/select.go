package sample

import "math"

// orderKey maps floats to integers of the same order; -0 equals 0.
func orderKey(x float32) uint32 {
	b := math.Float32bits(x + 0) // -0 + 0 is +0
	if b>>31 != 0 {
		return ^b
	}
	return b | 1<<31
}

// keyFloat is the inverse of orderKey.
func keyFloat(k uint32) float32 {
	if k>>31 != 0 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

// cut is the least key kept, and how much of the measure the tokens with
// exactly that key must contribute, the lowest ids first.
type cut struct {
	key  uint32
	rest uint64
	mass bool // measured by weight, else by count
}

// find returns the cut that keeps the tokens of the largest keys until their
// count, or their weight, reaches target > 0. It is a radix selection, eleven
// bits at a time from the top: linear in the number of tokens however they lie.
func (s *Sampler) find(target uint64, mass bool) cut {
	keys := s.keys[:len(s.ids)]
	var prefix, mask uint32
	for _, digit := range [...]struct{ shift, width uint }{{21, 11}, {10, 11}, {0, 10}} {
		clear(s.buckets[:])
		low := uint32(1)<<digit.width - 1
		for i, k := range keys {
			if k&mask != prefix {
				continue
			}
			m := uint64(1)
			if mass {
				m = s.weights[i]
			}
			s.buckets[k>>digit.shift&low] += m
		}
		b := low
		for ; b > 0 && s.buckets[b] < target; b-- {
			target -= s.buckets[b]
		}
		prefix |= b << digit.shift
		mask |= low << digit.shift
	}
	return cut{prefix, target, mass}
}

func (s *Sampler) cutCount(n int) cut { return s.find(uint64(n), false) }

// cutMass keeps the weight p*sum, at least the given number of tokens.
func (s *Sampler) cutMass(p float32, sum uint64, minKeep int) cut {
	c := s.find(massTarget(p, sum), true)
	if minKeep > 1 && s.count(c) < minKeep {
		return s.cutCount(min(minKeep, len(s.ids)))
	}
	return c
}

// massTarget is the least integer not below p*sum, and at least 1.
func massTarget(p float32, sum uint64) uint64 {
	return min(max(uint64(math.Ceil(float64(p)*float64(sum))), 1), sum)
}

// count is the number of tokens a cut keeps.
func (s *Sampler) count(c cut) int {
	n := 0
	for i := range s.ids {
		if s.passes(&c, i) {
			n++
		}
	}
	return n
}

// passes reports whether the cut keeps token i; called in order of i, because
// it uses up the rest.
func (s *Sampler) passes(c *cut, i int) bool {
	if s.keys[i] != c.key {
		return s.keys[i] > c.key
	}
	if c.rest == 0 {
		return false
	}
	m := uint64(1)
	if c.mass {
		m = s.weights[i]
	}
	c.rest -= min(m, c.rest)
	return true
}

// keep drops the tokens that the cut does not keep.
func (s *Sampler) keep(c cut) {
	n := 0
	for i := range s.ids {
		if s.passes(&c, i) {
			s.move(n, i)
			n++
		}
	}
	s.resize(n)
}

func (s *Sampler) move(to, from int) {
	s.ids[to], s.keys[to] = s.ids[from], s.keys[from]
	s.logits[to], s.weights[to] = s.logits[from], s.weights[from]
}

// resize sets the number of tokens kept.
func (s *Sampler) resize(n int) {
	s.ids, s.keys, s.weights = s.ids[:n], s.keys[:n], s.weights[:n]
}

func (s *Sampler) keyByLogit() {
	for i, x := range s.logits[:len(s.ids)] {
		s.keys[i] = orderKey(x)
	}
}

// topP is stage 5.
func (s *Sampler) topP(p float32, minKeep int) {
	s.keyByLogit()
	s.keep(s.cutMass(p, s.total(), minKeep))
}

// minP is stage 6: w_i >= p * 2^40 if the best token is still kept, else
// relative to the best weight that is.
func (s *Sampler) minP(p float32, minKeep int) {
	best := uint64(0)
	for _, w := range s.weights[:len(s.ids)] {
		best = max(best, w)
	}
	least := float64(float64(p) * float64(best))
	n := 0
	for _, w := range s.weights[:len(s.ids)] {
		if float64(w) >= least {
			n++
		}
	}
	if n < minKeep {
		s.keyByLogit()
		s.keep(s.cutCount(min(minKeep, len(s.ids))))
		return
	}
	n = 0
	for i, w := range s.weights[:len(s.ids)] {
		if float64(w) >= least {
			s.move(n, i)
			n++
		}
	}
	s.resize(n)
}

// typical is stage 4. The surprise of a token is -ln p_i = d_i + ln sum, the
// mean surprise (the entropy) is sum(p_i d_i) + ln sum: the distance between
// the two is |d_i - mean(d)|, rounded to float32.
func (s *Sampler) typical(p float32, minKeep int) {
	sum, moment := uint64(0), uint64(0)
	for i, w := range s.weights[:len(s.ids)] {
		sum += w
		moment += surpriseMoment(w, s.distance(i))
	}
	mean := float64(moment) / float64(sum)
	for i := range s.ids {
		s.keys[i] = ^orderKey(float32(math.Abs(s.distance(i) - mean)))
	}
	s.keep(s.cutMass(p, sum, minKeep))
}

func (s *Sampler) distance(i int) float64 { return float64(s.best) - float64(s.logits[i]) }

// surpriseMoment is w*d as an integer, so that its sum has no order.
func surpriseMoment(w uint64, d float64) uint64 {
	return uint64(float64(float64(w)*d) + 0.5)
}
