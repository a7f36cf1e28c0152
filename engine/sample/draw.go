package sample

import "math"

// Draw is the choice of one token in numbers, for whoever has the logits where they were
// computed: stages 1 and 2 for the few tokens that they concern, the parameters of stages
// 3, 5, 6 and 7, and the number that the generator gave. The token is that of [Reference]
// for the parameters and the history that the Draw was made of.
type Draw struct {
	Temperature float32 // 0 is greedy; the rest, but Changes, does not count then
	TopK        int     // 0 keeps all
	TopP        float32 // 1 is off
	MinP        float32 // 0 is off
	Random      uint64
	Changes     []Change // in any order, at most one of a token
}

// Change is stages 1 and 2 for one token:
//
//	x = min(x + Bias, max)
//	x = x / Repeat if x > 0, else x * Repeat
//	x = min(x - Penalty, max)
//
// each rounded to float32, with the greatest float32 as max.
type Change struct {
	ID      int32
	Bias    float32 // not NaN or +Inf
	Repeat  float32 // positive and finite
	Penalty float32 // finite
}

// Apply is stages 1 and 2 for the logit x of the token.
func (c *Change) Apply(x float32) float32 {
	x = biased(x, c.Bias)
	if x > 0 {
		x = float32(x / c.Repeat)
	} else {
		x = float32(x * c.Repeat)
	}
	return min(float32(x-c.Penalty), math.MaxFloat32)
}

// Draw writes to d what the next choice is made of, and takes the generator's number for
// it, as Sample does. It reports false, and takes nothing, where a stage is on that a Draw
// cannot say: typical-p, or more than one token that must be kept. What Changes held is
// overwritten; it allocates only while Changes grows.
func (s *Sampler) Draw(d *Draw) bool {
	p := &s.params
	if p.TypicalP > 0 && p.TypicalP < 1 || p.minKeep() > 1 {
		return false
	}
	d.Temperature, d.TopK, d.TopP, d.MinP, d.Random = p.Temperature, p.TopK, p.TopP, p.MinP, 0
	d.Changes = s.changes(d.Changes[:0])
	if p.Temperature > 0 {
		d.Random = s.random.Uint64()
	}
	return true
}

// changes appends what stages 1 and 2 do to each token that they concern.
func (s *Sampler) changes(to []Change) []Change {
	repeat := s.params.repeat()
	for id, count := range s.history.each {
		to = append(to, Change{ID: id, Bias: s.bias[id], Repeat: repeat, Penalty: s.params.penalty(count)})
	}
	for id, bias := range s.bias {
		if !s.history.has(id) {
			to = append(to, Change{ID: id, Bias: bias, Repeat: 1})
		}
	}
	return to
}
