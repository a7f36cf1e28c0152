package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// blockRows is how many rows of one sequence go through a page together, so that it is
// loaded and unpacked once for all of them and for all heads that share it.
const blockRows = 8

// chunkLen is how many positions are gone through before what they gave is added to the rest.
// Few rows have their chunks shared out among the threads; that many rows do the same
// makes their results equal to the bit.
const chunkLen = 4 * engine.PageLen

// Attend works out each chunk relative to its greatest score, and puts the chunks together
// as the online softmax of Milakov and Gimelshein (2018) does. A chunk changes a row's
// result in the same way whatever rows are computed beside it.
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
		parts:   a.parts,
	}
	clear(a.weights)
	positions := a.cut()
	items := len(a.blocks) * c.spec.Heads
	if items < 2*b.pool.threads() && a.chunks > 1 {
		a.split = a.chunks
	}
	// With less work still to share than threads, the heads of a group are done apart.
	if items*max(a.split, 1) < b.pool.threads() {
		a.heads = 1
	}
	a.reserve()
	items = len(a.blocks) * spec.Heads / a.heads * max(a.split, 1)
	b.run(a, items, 2*positions*spec.Heads*c.spec.HeadDim/items/vectorGain)
	if a.split > 0 {
		a.join()
	}
}

// attendTask is the arguments of Attend; an item is a block of rows with a group of
// heads that share keys and values, or one chunk of their positions.
type attendTask struct {
	*Backend
	kv      *kvCache
	step    *engine.Step
	spec    *engine.AttendSpec
	y, q    []float32
	weights []float32
	blocks  []rowBlock
	heads   int       // query heads of an item
	chunks  int       // the most that a block has
	split   int       // 0, or chunks, if each is an item
	parts   []float32 // the sums of the items then
}

// itemNumbers is the numbers in the sums of an item.
func (a *attendTask) itemNumbers() int {
	return blockRows * a.heads * (a.kv.spec.HeadDim + 2)
}

// reserve makes room for the sums of every worker and, if they are split, of every chunk.
func (a *attendTask) reserve() {
	page := engine.PageLen * a.kv.spec.HeadDim
	a.Backend.reserve(page + blockRows*a.heads*chunkLen + 2*a.itemNumbers())
	groups := a.spec.Heads / a.heads
	if n := len(a.blocks) * groups * a.split * a.itemNumbers(); len(a.parts) < n {
		a.parts = make([]float32, n)
	}
}

// part is the sums of a chunk of an item, if chunks are shared out.
func (a *attendTask) part(item, chunk, rows int) attendSums {
	n := a.itemNumbers()
	at := (item*a.split + chunk) * n
	return sumsIn(a.parts[at:at+n], rows, a.kv.spec.HeadDim)
}

// rowBlock is rows [from, to) of a step, all of one sequence.
type rowBlock struct{ from, to int }

// cut cuts the step into blocks and counts the positions that its rows see.
func (a *attendTask) cut() (positions int) {
	for t, seq := range a.step.Seq {
		lo, hi := a.sees(t)
		positions += hi - lo
		a.chunks = max(a.chunks, (hi-1)/chunkLen+1)
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
	for i := from; i < to; i++ {
		if a.split > 0 {
			r := a.item(worker, i/a.split)
			r.sums = a.part(i/a.split, i%a.split, r.rows())
			r.chunk(i % a.split)
			continue
		}
		r := a.item(worker, i)
		for c := r.first / chunkLen; c*chunkLen < r.last; c++ {
			r.chunk(c)
			r.total.add(a.kernels, &r.sums)
		}
		r.finish()
	}
}

// join puts the chunks of all items together, in order.
func (a *attendTask) join() {
	for i := range len(a.blocks) * a.spec.Heads / a.heads {
		r := a.item(0, i)
		for c := r.first / chunkLen; c*chunkLen < r.last; c++ {
			part := a.part(i, c, r.rows())
			r.total.add(a.kernels, &part)
		}
		r.finish()
	}
}

// attendSums is what some positions give to rows of queries: the greatest score, the sum
// of exp(score - top), and the values, each times its exp(score - top).
type attendSums struct {
	tops, sums []float32
	values     []float32 // [rows, D]
}

// sumsIn lays the sums of rows into memory.
func sumsIn(floats []float32, rows, d int) attendSums {
	return attendSums{tops: floats[:rows], sums: floats[rows : 2*rows], values: floats[2*rows:][:rows*d]}
}

func (s *attendSums) clear() {
	for i := range s.tops {
		s.tops[i] = float32(math.Inf(-1))
	}
	clear(s.sums)
	clear(s.values)
}

func (s *attendSums) of(i int) []float32 {
	d := len(s.values) / len(s.tops)
	return s.values[i*d : (i+1)*d]
}

// raise makes top the greatest score of row i, if it is greater: what there is shrinks.
func (s *attendSums) raise(k *kernels, i int, top float32) {
	if !(top > s.tops[i]) {
		return
	}
	shrink := float32(exp(float64(s.tops[i]) - float64(top)))
	s.tops[i] = top
	s.sums[i] *= shrink
	k.scale(s.of(i), shrink)
}

// add adds the sums of other positions, which it changes.
func (s *attendSums) add(k *kernels, more *attendSums) {
	for i := range s.tops {
		if more.sums[i] == 0 {
			continue
		}
		s.raise(k, i, more.tops[i])
		more.raise(k, i, s.tops[i])
		s.sums[i] += more.sums[i]
		values := s.of(i)
		k.add(values, values, more.of(i), 0)
	}
}

// attendRun is the work on one item.
type attendRun struct {
	*attendTask
	rowBlock
	head        int // the first of the item's query heads
	group       int // the head of keys and values
	first, last int // positions that any of the rows sees

	page        []float32  // unpacked
	scores      []float32  // of a chunk, [rows][heads][chunkLen]
	sums, total attendSums // of a chunk, and of those before it; a row for each row and head
}

// item begins the work on an item, in a worker's scratch.
func (a *attendTask) item(worker, i int) attendRun {
	groups := a.spec.Heads / a.heads
	r := attendRun{attendTask: a, rowBlock: a.blocks[i/groups], head: i % groups * a.heads}
	r.group = r.head / (a.spec.Heads / a.kv.spec.Heads)
	r.first, r.last = r.sees(r.from)
	for t := r.from + 1; t < r.to; t++ {
		lo, hi := r.sees(t)
		r.first, r.last = min(r.first, lo), max(r.last, hi)
	}
	page, n, floats := engine.PageLen*a.kv.spec.HeadDim, a.itemNumbers(), a.scratch[worker].floats
	r.page, floats = floats[:page], floats[page:]
	r.scores, floats = floats[:r.rows()*chunkLen], floats[r.rows()*chunkLen:]
	r.sums, r.total = sumsIn(floats[:n], r.rows(), a.kv.spec.HeadDim), sumsIn(floats[n:2*n], r.rows(), a.kv.spec.HeadDim)
	r.total.clear()
	return r
}

// rows is how many rows of queries there are, each of one head.
func (r *attendRun) rows() int { return (r.to - r.from) * r.heads }

// chunk is the positions of a chunk that any row of the block sees: the scores of all of
// its pages, then their weights, then the values of all pages.
func (r *attendRun) chunk(c int) {
	r.sums.clear()
	first := max(r.first, c*chunkLen) / engine.PageLen * engine.PageLen
	last := min(r.last, (c+1)*chunkLen)
	if first >= last {
		return // the window is past it
	}
	d := r.kv.spec.HeadDim
	r.pages(first, last, r.kv.keys, func(t, base, lo, hi int, keys []float32) {
		at := (t*r.spec.Heads + r.head) * d
		q, scores := r.q[at:at+r.heads*d], r.scoresAt(t, 0, base-c*chunkLen)
		if r.kv.turned() {
			r.kernels.scores(scores, chunkLen, q, d, keys)
		} else {
			r.kernels.panel(scores, chunkLen, q, keys, d)
		}
	})
	for t := r.from; t < r.to; t++ {
		lo, hi := r.sees(t)
		if lo, hi = max(lo, first), min(hi, last); lo < hi {
			for h := range r.heads {
				r.weigh(t, h, lo, r.scoresAt(t, h, lo-c*chunkLen)[:hi-lo])
			}
		}
	}
	r.pages(first, last, r.kv.values, func(t, base, lo, hi int, values []float32) {
		i := (t - r.from) * r.heads
		r.kernels.mix(r.sums.values[i*d:(i+r.heads)*d], d, r.scoresAt(t, 0, base+lo-c*chunkLen), chunkLen, values[lo*d:hi*d])
	})
}

// pages calls visit with the keys or values of each page from position first to last, and
// with each row that sees positions [base+lo, base+hi) of it. The next page is asked for
// while one is worked on: they lie anywhere, and each is too short to be foreseen.
func (r *attendRun) pages(first, last int, of func(page, head, n int) []byte, visit func(t, base, lo, hi int, numbers []float32)) {
	table := r.step.Pages[r.step.Seq[r.from]]
	packed := of(int(table[first/engine.PageLen]), r.group, min(engine.PageLen, last-first))
	for base := first; base < last; base += engine.PageLen {
		n := min(engine.PageLen, last-base)
		numbers := r.kv.floats(r.kernels, r.page, packed)
		if next := base + engine.PageLen; next < last {
			packed = of(int(table[next/engine.PageLen]), r.group, min(engine.PageLen, last-next))
			r.kernels.prefetch(packed)
		}
		for t := r.from; t < r.to; t++ {
			lo, hi := r.sees(t)
			if lo, hi = max(lo-base, 0), min(hi-base, n); lo < hi {
				visit(t, base, lo, hi, numbers)
			}
		}
	}
}

// scoresAt is the scores of row t and head h of the item, from a position of the chunk on.
func (r *attendRun) scoresAt(t, h, at int) []float32 {
	return r.scores[((t-r.from)*r.heads+h)*chunkLen+at:]
}

// sumLen is how many products of a query and a key are summed up before they are added to
// the others: the error of a score, which may be great, becomes one of its exponential.
const sumLen = 16

// scores moves 4*len(keys) bytes for each query and does 2 flops for each number.
func scores(y []float32, step int, q []float32, d int, keys []float32) {
	for t := range len(q) / d {
		page := y[t*step:][:engine.PageLen]
		clear(page)
		for i := 0; i < d; i += sumLen {
			n := min(sumLen, d-i)
			mixRow(page, q[t*d+i:][:n], keys[i*engine.PageLen:(i+n)*engine.PageLen])
		}
	}
}

// weigh turns products of queries and keys into weights, relative to the greatest of them.
func (r *attendRun) weigh(t, h, pos int, scores []float32) {
	i := (t-r.from)*r.heads + h
	r.kernels.scale(scores, r.spec.Scale)
	if r.spec.SoftCap > 0 {
		r.kernels.softCap(scores, scores, nil, r.spec.SoftCap)
	}
	if w := r.weightRow(t, h); w != nil {
		copy(w[pos:], scores)
	}
	top := r.kernels.maximum(scores)
	if math.IsInf(float64(top), -1) {
		clear(scores) // exp(-Inf) is nothing, whatever the other scores are
		return
	}
	r.sums.tops[i] = top
	r.sums.sums[i] = float32(r.kernels.expSum(scores, scores, top))
}

// finish divides by the sums of weights.
func (r *attendRun) finish() {
	d := r.kv.spec.HeadDim
	for t := r.from; t < r.to; t++ {
		lo, hi := r.sees(t)
		for h := range r.heads {
			i := (t-r.from)*r.heads + h
			at := (t*r.spec.Heads + r.head + h) * d
			copy(r.y[at:at+d], r.total.of(i))
			r.kernels.scale(r.y[at:at+d], 1/r.total.sums[i])
			if w := r.weightRow(t, h); w != nil {
				expSum(w[lo:hi], w[lo:hi], r.total.tops[i])
				for p := lo; p < hi; p++ {
					w[p] /= r.total.sums[i]
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
