package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// blockRows is how many rows of one sequence go through a page together, so that it is
// loaded and unpacked once for all of them and for all heads that share it.
const blockRows = 8

// Attend goes through the pages of a sequence once, with the greatest score and the sum
// of weights so far (the online softmax of Milakov and Gimelshein 2018). A page changes
// a row's result in the same way whatever rows are computed beside it.
//
// For one row it moves 2*P*G*D numbers of the cache, and does 4*P*H*D flops.
func (b *Backend) Attend(y, q engine.Tensor, kv engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	engine.CheckAttend(y, q, kv, step, spec)
	c := ownKV("Attend", kv)
	a := &b.attend
	*a = attendTask{
		Backend: b, kv: c, step: step, spec: spec,
		y: f32("Attend", "y", y), q: f32("Attend", "q", q),
		weights: optional("Attend", "Weights", spec.Weights),
		blocks:  a.blocks[:0],
		heads:   spec.Heads / c.spec.Heads,
	}
	clear(a.weights)
	positions := a.cut()
	// With fewer blocks and groups than threads, the heads of a group are done apart.
	if len(a.blocks)*c.spec.Heads < b.pool.threads() {
		a.heads = 1
	}
	b.reserve((2*c.spec.HeadDim+a.heads)*engine.PageLen + blockRows*a.heads)
	for i := range b.scratch {
		if s := &b.scratch[i]; len(s.sums) < blockRows*a.heads {
			s.sums = make([]float64, blockRows*a.heads)
		}
	}
	items := len(a.blocks) * spec.Heads / a.heads
	b.run(a, items, 2*positions*spec.Heads*c.spec.HeadDim/items)
}

// attendTask is the arguments of Attend; an item is a block of rows with a group of
// heads that share keys and values.
type attendTask struct {
	*Backend
	kv      *kvCache
	step    *engine.Step
	spec    *engine.AttendSpec
	y, q    []float32
	weights []float32
	blocks  []rowBlock
	heads   int // query heads of an item
}

// rowBlock is rows [from, to) of a step, all of one sequence.
type rowBlock struct{ from, to int }

// cut cuts the step into blocks and counts the positions that its rows see.
func (a *attendTask) cut() (positions int) {
	for t, seq := range a.step.Seq {
		lo, hi := a.sees(t)
		positions += hi - lo
		if n := len(a.blocks); n > 0 {
			if b := &a.blocks[n-1]; a.step.Seq[b.from] == seq && b.to-b.from < blockRows {
				b.to = t + 1
				continue
			}
		}
		a.blocks = append(a.blocks, rowBlock{t, t + 1})
	}
	return positions
}

// sees is the positions [lo, hi) that row t attends to.
func (a *attendTask) sees(t int) (lo, hi int) {
	hi = int(a.step.Pos[t]) + 1
	if a.spec.Window > 0 {
		lo = max(0, hi-a.spec.Window)
	}
	return lo, hi
}

func (a *attendTask) run(worker, from, to int) {
	groups := a.spec.Heads / a.heads
	for i := from; i < to; i++ {
		r := attendRun{attendTask: a, rowBlock: a.blocks[i/groups], head: i % groups * a.heads}
		r.memory(&a.scratch[worker])
		r.pages()
		r.finish()
	}
}

// attendRun is the work on one item. Sums of values grow in y itself.
type attendRun struct {
	*attendTask
	rowBlock
	head int // the first of the item's query heads

	keys, values []float32 // a page, unpacked
	scores       []float32 // of one row and all heads with a page, [heads][PageLen]
	tops         []float32 // the greatest score so far, by row and head
	sums         []float64 // the sum of exp(score - top) so far, likewise
}

// memory lays the item's arrays into a worker's scratch.
func (r *attendRun) memory(s *scratch) {
	page := engine.PageLen * r.kv.spec.HeadDim
	n := (r.to - r.from) * r.heads
	floats := s.floats
	r.keys, floats = floats[:page], floats[page:]
	r.values, floats = floats[:page], floats[page:]
	r.scores, floats = floats[:r.heads*engine.PageLen], floats[r.heads*engine.PageLen:]
	r.tops, r.sums = floats[:n], s.sums[:n]
	for i := range n {
		r.tops[i], r.sums[i] = float32(math.Inf(-1)), 0
	}
	for t := r.from; t < r.to; t++ {
		for h := range r.heads {
			clear(r.of(r.y, t, h))
		}
	}
}

// of is row t, head h of the item in y or q.
func (r *attendRun) of(x []float32, t, h int) []float32 {
	d := r.kv.spec.HeadDim
	at := (t*r.spec.Heads + r.head + h) * d
	return x[at : at+d]
}

// headsOf is row t of all the item's heads in y or q.
func (r *attendRun) headsOf(x []float32, t int) []float32 {
	d := r.kv.spec.HeadDim
	at := (t*r.spec.Heads + r.head) * d
	return x[at : at+r.heads*d]
}

// pages goes through all pages that any row of the block sees.
func (r *attendRun) pages() {
	first, last := r.sees(r.from)
	for t := r.from + 1; t < r.to; t++ {
		lo, hi := r.sees(t)
		first, last = min(first, lo), max(last, hi)
	}
	d := r.kv.spec.HeadDim
	group := r.head / (r.spec.Heads / r.kv.spec.Heads)
	table := r.step.Pages[r.step.Seq[r.from]]
	for base := first / engine.PageLen * engine.PageLen; base < last; base += engine.PageLen {
		page, n := int(table[base/engine.PageLen]), min(engine.PageLen, last-base)
		keys := r.kv.floats(r.kernels, r.keys, r.kv.keys(page, group, n))
		values := r.kv.floats(r.kernels, r.values, r.kv.values(page, group, n))
		for t := r.from; t < r.to; t++ {
			lo, hi := r.sees(t)
			lo, hi = max(lo-base, 0), min(hi-base, n)
			if lo >= hi {
				continue
			}
			r.page(t, base+lo, keys[lo*d:hi*d], values[lo*d:hi*d])
		}
	}
}

// page adds some neighbouring positions, from pos on, to the heads of row t.
func (r *attendRun) page(t, pos int, keys, values []float32) {
	d := r.kv.spec.HeadDim
	n := len(keys) / d
	r.kernels.panel(r.scores, engine.PageLen, r.headsOf(r.q, t), keys, d)
	for h := range r.heads {
		r.weigh(t, h, pos, r.scores[h*engine.PageLen:][:n])
	}
	r.kernels.mix(r.headsOf(r.y, t), d, r.scores, engine.PageLen, values)
}

// weigh turns products of queries and keys into weights, relative to the greatest score so
// far. A greater one makes the earlier weights and sums shrink.
func (r *attendRun) weigh(t, h, pos int, scores []float32) {
	i := (t-r.from)*r.heads + h
	r.kernels.scale(scores, r.spec.Scale)
	if r.spec.SoftCap > 0 {
		softCap(scores, scores, nil, r.spec.SoftCap)
	}
	if w := r.weightRow(t, h); w != nil {
		copy(w[pos:], scores)
	}
	top := r.kernels.maximum(scores)
	if math.IsInf(float64(top), -1) {
		clear(scores) // exp(-Inf) is nothing, whatever the other scores are
		return
	}
	if top > r.tops[i] {
		shrink := exp(float64(r.tops[i]) - float64(top))
		r.tops[i] = top
		r.sums[i] *= shrink
		r.kernels.scale(r.of(r.y, t, h), float32(shrink))
	}
	r.sums[i] += r.kernels.expSum(scores, scores, r.tops[i])
}

// finish divides by the sums of weights.
func (r *attendRun) finish() {
	for t := r.from; t < r.to; t++ {
		lo, hi := r.sees(t)
		for h := range r.heads {
			i := (t-r.from)*r.heads + h
			inverse := float32(1 / r.sums[i])
			r.kernels.scale(r.of(r.y, t, h), inverse)
			if w := r.weightRow(t, h); w != nil {
				expSum(w[lo:hi], w[lo:hi], r.tops[i])
				for p := lo; p < hi; p++ {
					w[p] = float32(float64(w[p]) / r.sums[i])
				}
				r.repeatWeights(t, h, w)
			}
		}
	}
}

// weightRow is where the weights of row t and head h of the item were asked for, or nil.
func (r *attendRun) weightRow(t, h int) []float32 {
	for i, row := range r.spec.WeightRows {
		if int(row) == t {
			return r.weightsAt(i, h)
		}
	}
	return nil
}

// repeatWeights copies w to further places where the same row was asked for.
func (r *attendRun) repeatWeights(t, h int, w []float32) {
	for i, row := range r.spec.WeightRows {
		if int(row) == t {
			copy(r.weightsAt(i, h), w)
		}
	}
}

func (r *attendRun) weightsAt(i, h int) []float32 {
	cols := r.spec.Weights.Cols()
	at := (i*r.spec.Heads + r.head + h) * cols
	return r.weights[at : at+cols]
}
