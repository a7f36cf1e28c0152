package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// span is one sequence's part of a step: past positions that are in the cache already,
// and the rows that follow them.
type span struct{ past, rows int }

// cache is a KV of the backend beside what it holds by the oracle.
type cache struct {
	kv           engine.KV
	pages        [][]int32     // of each sequence
	keys, values [][][]float64 // [sequence][position][G*D], as stored
}

// sequences makes a KV cache that holds every span's past and rows. Pages are handed
// out in random order, and all of them held other tokens before: stale numbers of the
// given size, NaN if that is NaN.
func (r *rig) sequences(spec engine.KVSpec, spans []span, stale float64) *cache {
	c := &cache{}
	spec.Pages = 2 // more than needed
	for _, s := range spans {
		spec.Pages += pagesFor(s)
	}
	kv, err := r.NewKV(spec)
	if err != nil {
		r.fail(err)
	}
	r.free = append(r.free, kv.Free)
	c.kv = kv

	all := make([]int32, spec.Pages)
	for i, p := range r.Perm(spec.Pages) {
		all[i] = int32(p)
	}
	width := spec.Heads * spec.HeadDim
	n := spec.Pages * engine.PageLen
	r.store(kv, all, 0, r.normal(n*width, stale, 1), r.normal(n*width, stale, 1), n)
	for _, s := range spans {
		pages := all[:pagesFor(s)]
		all = all[len(pages):]
		n := s.past + s.rows
		k, v := r.normal(n*width, 0, 1), r.normal(n*width, 0.3, 1)
		r.store(kv, pages, 0, k, v, n)
		c.pages = append(c.pages, pages)
		c.keys = append(c.keys, stored(spec, k))
		c.values = append(c.values, stored(spec, v))
	}
	return c
}

func pagesFor(s span) int { return (s.past + s.rows + engine.PageLen - 1) / engine.PageLen }

// stored gives the rows of x as the cache gives them back.
func stored(spec engine.KVSpec, x []float32) [][]float64 {
	return slices.Collect(slices.Chunk(asStored(spec.Format, widen(x), spec.HeadDim), spec.Heads*spec.HeadDim))
}

// store writes n rows of k and v to the positions from start on, in chunks of odd length.
func (r *rig) store(kv engine.KV, pages []int32, start int, k, v []float32, n int) {
	const chunk = 237
	width := len(k) / n
	kt, vt := r.tensor(engine.Float32, min(n, chunk), width), r.tensor(engine.Float32, min(n, chunk), width)
	for i := 0; i < n; i += chunk {
		rows := min(chunk, n-i)
		kp, vp := kt.Part(0, rows), vt.Part(0, rows)
		r.Write(kp, k[i*width:(i+rows)*width])
		r.Write(vp, v[i*width:(i+rows)*width])
		pos := make([]int32, rows)
		for j := range pos {
			pos[j] = int32(start + i + j)
		}
		step := r.newStep(make([]int32, rows), pos)
		step.Pages = [][]int32{pages}
		r.Store(kv, kp, vp, step)
	}
}

// step is the rows of all spans.
func (c *cache) step(spans []span) *engine.Step {
	s := &engine.Step{Pages: c.pages, Serial: engine.NextSerial()}
	for i, sp := range spans {
		for p := sp.past; p < sp.past+sp.rows; p++ {
			s.IDs = append(s.IDs, 0)
			s.Pos = append(s.Pos, int32(p))
			s.Seq = append(s.Seq, int32(i))
		}
	}
	return s
}

type attending struct {
	name            string
	heads, kv, dim  int
	pages           format.Format
	spans           []span
	window          int
	softCap, scale  float32 // scale 0: 1/sqrt(D)
	weights         []int32 // rows whose attention weights are asked for
	stale           float64
	queryDeviation  float64 // 0: 1
	badRow          bool    // row 1 of q has a NaN
	moreWeightsCols int     // columns of the weights beyond the last position
}

func (a attending) scaleOrDefault() float32 {
	if a.scale != 0 {
		return a.scale
	}
	return float32(1 / math.Sqrt(float64(a.dim)))
}

func (a attending) prepare(r *rig) problem {
	c := r.sequences(engine.KVSpec{Heads: a.kv, HeadDim: a.dim, Format: a.pages}, a.spans, a.stale)
	step := c.step(a.spans)
	t, width := step.T(), a.heads*a.dim
	data := r.normal(t*width, 0, max(a.queryDeviation, 1))
	if a.badRow {
		for i := width; i < 2*width; i += a.dim {
			data[i] = float32(math.NaN()) // every head
		}
	}
	q, y := r.input(t, width, data), r.output(t, width)
	spec := &engine.AttendSpec{Heads: a.heads, Scale: a.scaleOrDefault(), Window: a.window, SoftCap: a.softCap}
	weights := &array{}
	if a.weights != nil {
		weights = r.output(len(a.weights)*a.heads, int(slices.Max(step.Pos))+1+a.moreWeightsCols)
		spec.Weights, spec.WeightRows = weights.Tensor, a.weights
	}
	single := &engine.Step{}
	p := problem{
		call: func() { r.Attend(y.Tensor, q.Tensor, c.kv, step, spec) },
		want: func() { y.want, weights.want = a.solve(q.values(), c, step, weights.Cols()) },
	}
	if a.weights != nil {
		return p
	}
	p.rows = t
	p.row = func(t int) {
		single.IDs, single.Pos, single.Seq = step.IDs[t:t+1], step.Pos[t:t+1], []int32{0}
		single.Pages = c.pages[step.Seq[t]:][:1]
		single.Serial = engine.NextSerial()
		r.Attend(y.Part(t, t+1), q.Part(t, t+1), c.kv, single, spec)
	}
	return p
}

// solve is what the oracle says to the whole step.
func (a attending) solve(q []float64, c *cache, step *engine.Step, cols int) (y, weights []float64) {
	width := a.heads * a.dim
	byRow := make([][][]float64, step.T())
	for t, p := range step.Pos {
		seq := step.Seq[t]
		row := attention{
			heads: a.heads, kvHeads: a.kv, dim: a.dim,
			scale: float64(a.scaleOrDefault()), softCap: float64(a.softCap), window: a.window, pos: int(p),
			key:   func(p int) []float64 { return c.keys[seq][p] },
			value: func(p int) []float64 { return c.values[seq][p] },
		}
		mixed, seen := row.attend(q[t*width : (t+1)*width])
		y = append(y, mixed...)
		byRow[t] = seen
	}
	if a.weights == nil {
		return y, nil
	}
	for _, t := range a.weights {
		for _, head := range byRow[t] {
			weights = append(weights, head...)
			weights = append(weights, make([]float64, cols-len(head))...)
		}
	}
	return y, weights
}

// cost counts every key and value that a sequence sees once, however many rows see it.
func (a attending) cost() (bytes, flops int64) {
	width := int64(a.heads * a.dim)
	for _, s := range a.spans {
		seen := s.past + s.rows
		if a.window > 0 {
			seen = min(seen, a.window+s.rows-1)
		}
		bytes += 2*int64(seen*a.kv*a.pages.RowBytes(a.dim)) + 8*int64(s.rows)*width
		for n := s.past + 1; n <= s.past+s.rows; n++ {
			mixed := n
			if a.window > 0 {
				mixed = min(n, a.window)
			}
			flops += 4 * int64(mixed) * width
		}
	}
	return bytes, flops
}

func attendCases() []Case {
	var cases []Case
	for _, f := range []format.Format{format.F32, format.F16, format.Q8_0} {
		for _, a := range attendings() {
			if f.CheckCols(a.dim) != nil {
				continue
			}
			a.pages = f
			name := fmt.Sprintf("%v/%s/%d heads on %d of %d", f, a.name, a.heads, a.kv, a.dim)
			cases = append(cases, newCase("Attend", name, f, a))
		}
	}
	return cases
}

func attendings() []attending {
	decode, chunk := []span{{40, 1}}, []span{{0, 37}}
	mixed := []span{{33, 1}, {0, 19}, {64, 1}, {31, 2}, {5, 33}, {0, 1}}
	list := []attending{
		{name: "the first token", heads: 2, kv: 1, dim: 64, spans: []span{{0, 1}}},
		{name: "a full page", heads: 2, kv: 2, dim: 32, spans: []span{{31, 1}}},
		{name: "one past a page", heads: 2, kv: 2, dim: 32, spans: []span{{32, 1}}},
		{name: "context 300", heads: 4, kv: 2, dim: 64, spans: []span{{299, 1}}},
		{name: "context 1500", heads: 4, kv: 2, dim: 64, spans: []span{{1497, 3}}},
		{name: "chunk after 270", heads: 4, kv: 1, dim: 64, spans: []span{{270, 33}}},
		{name: "mixed step", heads: 4, kv: 2, dim: 64, spans: mixed},
		{name: "mixed step", heads: 6, kv: 6, dim: 32, spans: mixed},
		{name: "eight decodes", heads: 4, kv: 1, dim: 32, spans: []span{{7, 1}, {32, 1}, {0, 1}, {99, 1}, {31, 1}, {64, 1}, {200, 1}, {1, 1}}},

		{name: "window 1", heads: 4, kv: 2, dim: 32, spans: mixed, window: 1},
		{name: "window 7", heads: 4, kv: 2, dim: 32, spans: mixed, window: 7},
		{name: "window 32", heads: 4, kv: 2, dim: 32, spans: mixed, window: 32},
		{name: "window 100 of 300", heads: 4, kv: 4, dim: 64, spans: []span{{290, 10}}, window: 100},
		{name: "window longer than all", heads: 4, kv: 4, dim: 32, spans: mixed, window: 1000},
		{name: "soft cap 50", heads: 4, kv: 2, dim: 32, spans: mixed, softCap: 50, queryDeviation: 20},
		{name: "soft cap 2 and window 20", heads: 4, kv: 2, dim: 32, spans: mixed, softCap: 2, window: 20},
		{name: "scale 0.25", heads: 4, kv: 2, dim: 256, spans: decode, scale: 0.25},
		{name: "scale negative", heads: 2, kv: 2, dim: 32, spans: chunk, scale: -0.1},
		{name: "sharp", heads: 4, kv: 2, dim: 64, spans: mixed, queryDeviation: 30},

		{name: "weights of some rows", heads: 4, kv: 2, dim: 32, spans: mixed, weights: []int32{0, 20, 56, 19}},
		{name: "weights with a window", heads: 4, kv: 2, dim: 32, spans: mixed, weights: []int32{56, 1}, window: 9, moreWeightsCols: 5},
		{name: "weights of the last row", heads: 2, kv: 1, dim: 64, spans: []span{{100, 3}}, weights: []int32{2}},

		{name: "stale NaN in pages", heads: 4, kv: 2, dim: 32, spans: mixed, stale: math.NaN()},
		{name: "stale NaN in pages", heads: 4, kv: 2, dim: 64, spans: decode, stale: math.NaN()},
		{name: "NaN in one row", heads: 4, kv: 2, dim: 32, spans: mixed, badRow: true},
	}
	for _, ratio := range []int{1, 2, 4, 8} {
		for _, kv := range []int{1, 3} {
			list = append(list,
				attending{name: "decode", heads: ratio * kv, kv: kv, dim: 32, spans: decode},
				attending{name: "chunk", heads: ratio * kv, kv: kv, dim: 32, spans: chunk})
		}
	}
	for _, dim := range []int{1, 7, 16, 24, 40, 64, 80, 96, 128, 256} {
		list = append(list,
			attending{name: "head size, decode", heads: 4, kv: 2, dim: dim, spans: decode},
			attending{name: "head size, chunk", heads: 2, kv: 1, dim: dim, spans: chunk})
	}
	return list
}
