package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// ropeStoring is RopeStore. What it keeps of k shows in what Attend makes of the cache then,
// what it keeps of v in what a window of one position sees.
type ropeStoring struct {
	heads, kv, dim int
	pages          format.Format
	spans          []span
	norm           bool
	pairs          int // n, the pairs of a head that turn; 0: no rotation
	interleaved    bool
	scale          float32
	plain          bool
	half           bool // Attend may round what it unpacks to half precision
}

func (o ropeStoring) prepare(r *rig) problem {
	c := r.sequences(engine.KVSpec{Heads: o.kv, HeadDim: o.dim, Format: o.pages}, o.spans, 0)
	step := c.step(o.spans)
	t, width := step.T(), o.kv*o.dim
	q := r.inout(t, o.heads*o.dim, r.normal(t*o.heads*o.dim, 0, 1))
	k, v := r.spent(t, width, r.normal(t*width, 0, 1)), r.input(t, width, r.normal(t*width, 0, 1))
	mixed, alone := r.output(t, o.heads*o.dim), r.output(t, width)
	alone.exact = !o.half || o.pages.BlockLen() == 1
	spec, turn := o.spec(r)
	all := &engine.AttendSpec{Heads: o.heads, Scale: float32(1 / math.Sqrt(float64(o.dim)))}
	itself := &engine.AttendSpec{Heads: o.kv, Scale: 1, Window: 1}
	read := func(from, to int, s *engine.Step) {
		r.Attend(alone.Part(from, to), v.Part(from, to), c.kv, s, itself)
		r.Attend(mixed.Part(from, to), q.Part(from, to), c.kv, s, all)
	}
	single := &engine.Step{}
	return problem{
		call: func() {
			r.fused(o.plain).RopeStore(c.kv, q.Tensor, k.Tensor, v.Tensor, step, spec)
			read(0, t, step)
		},
		want: func() {
			q.want = turn(q.values(), step.Pos, 0)
			alone.want = asStored(o.pages, v.values(), o.dim)
			o.keep(c, step, asStored(o.pages, turn(k.values(), step.Pos, 1), o.dim), alone.want)
			mixed.want, _ = attending{heads: o.heads, kv: o.kv, dim: o.dim}.solve(q.want, c, step, 0)
		},
		rows: t,
		row: func(t int) {
			single.IDs, single.Pos, single.Seq = step.IDs[t:t+1], step.Pos[t:t+1], []int32{0}
			single.Pages = c.pages[step.Seq[t]:][:1]
			single.Serial = engine.NextSerial()
			r.fused(o.plain).RopeStore(c.kv, q.Part(t, t+1), k.Part(t, t+1), v.Part(t, t+1), single, spec)
			read(t, t+1, single)
		},
	}
}

// spec makes what RopeStore is told, and the formula: which is 0 for queries, 1 for keys.
func (o ropeStoring) spec(r *rig) (*engine.RopeStoreSpec, func(x []float64, pos []int32, which int) []float64) {
	spec := &engine.RopeStoreSpec{Eps: normEps}
	gains := [2]*array{{}, {}}
	if o.norm {
		for i := range gains {
			gains[i] = r.input(1, o.dim, r.normal(o.dim, 1, 0.3))
		}
		spec.QNorm, spec.KNorm = gains[0].Tensor, gains[1].Tensor
	}
	freq := make([]float32, o.pairs)
	for i := range freq {
		freq[i] = float32(math.Pow(10000, -float64(i)/float64(o.pairs)))
	}
	if o.pairs > 0 {
		spec.Rope = &engine.RopeSpec{HeadDim: o.dim, Interleaved: o.interleaved, InvFreq: r.input(1, o.pairs, freq).Tensor, Scale: o.scale}
	}
	return spec, func(x []float64, pos []int32, which int) []float64 {
		if o.norm {
			x = rmsNorm(x, gains[which].values(), float64(spec.Eps))
		}
		if o.pairs > 0 {
			x = rope(x, pos, o.dim, widen(freq), o.interleaved, float64(o.scale))
		}
		return slices.Clone(x)
	}
}

// keep puts rows of the step into the oracle's cache.
func (o ropeStoring) keep(c *cache, step *engine.Step, keys, values []float64) {
	width := o.kv * o.dim
	for t, p := range step.Pos {
		seq := step.Seq[t]
		c.keys[seq][p] = keys[t*width : (t+1)*width]
		c.values[seq][p] = values[t*width : (t+1)*width]
	}
}

// cost is that of RopeStore and of Attend, which reads the cache.
func (o ropeStoring) cost() (bytes, flops int64) {
	bytes, flops = attending{heads: o.heads, kv: o.kv, dim: o.dim, pages: o.pages, spans: o.spans}.cost()
	for _, s := range o.spans {
		t := int64(s.rows)
		bytes += t * int64(8*o.heads*o.dim+o.kv*(8*o.dim+2*o.pages.RowBytes(o.dim)))
		flops += 6 * t * int64((o.heads+o.kv)*o.pairs)
	}
	return bytes, flops
}

func ropeStoreCases() []Case {
	mixed := []span{{33, 1}, {0, 9}, {31, 2}, {5, 28}}
	one := []span{{40, 1}}
	list := []ropeStoring{
		{heads: 4, kv: 2, dim: 64, pairs: 32, spans: one},
		{heads: 4, kv: 2, dim: 64, pairs: 32, spans: one, norm: true},
		{heads: 4, kv: 2, dim: 64, spans: one},
		{heads: 4, kv: 1, dim: 64, spans: one, norm: true},
		{heads: 4, kv: 2, dim: 64, pairs: 32, spans: []span{{31, 3}}, norm: true},
		{heads: 4, kv: 2, dim: 32, pairs: 16, spans: mixed},
		{heads: 4, kv: 2, dim: 32, pairs: 16, spans: mixed, norm: true},
		{heads: 3, kv: 3, dim: 32, spans: mixed},
		{heads: 8, kv: 1, dim: 96, pairs: 48, spans: one, norm: true},
		{heads: 2, kv: 2, dim: 80, pairs: 40, spans: one},
		{heads: 2, kv: 1, dim: 80, pairs: 16, spans: one, norm: true},
		{heads: 2, kv: 1, dim: 128, pairs: 64, spans: one, norm: true},
		{heads: 2, kv: 1, dim: 128, pairs: 24, spans: []span{{2, 3}}},
		{heads: 4, kv: 1, dim: 256, pairs: 128, spans: one, norm: true},
		{heads: 2, kv: 1, dim: 256, pairs: 128, spans: []span{{0, 3}}},
		{heads: 6, kv: 3, dim: 33, pairs: 16, spans: []span{{0, 3}}, norm: true},
		{heads: 2, kv: 2, dim: 10, pairs: 3, spans: []span{{30, 3}}, norm: true},
		{heads: 2, kv: 2, dim: 1, spans: []span{{30, 3}}},
		{heads: 2, kv: 1, dim: 512, pairs: 256, spans: []span{{3, 1}}, norm: true},
		{heads: 40, kv: 10, dim: 32, pairs: 16, spans: []span{{3, 1}, {64, 1}}},
		{heads: 4, kv: 2, dim: 64, pairs: 32, spans: one, scale: 1.19},
		{heads: 4, kv: 2, dim: 64, pairs: 32, spans: mixed[:2], norm: true, plain: true},
	}
	var cases []Case
	for _, f := range []format.Format{format.F32, format.F16, format.Q8_0} {
		for _, o := range list {
			if f.CheckCols(o.dim) != nil {
				continue
			}
			if o.scale == 0 {
				o.scale = 1
			}
			o.pages = f
			for _, o.interleaved = range []bool{false, true} {
				if o.interleaved && o.pairs == 0 {
					continue
				}
				cases = append(cases, newCase("RopeStore", o.name(), f, o))
			}
		}
	}
	return cases
}

func (o ropeStoring) name() string {
	name := fmt.Sprintf("%v/%d heads on %d of %d/%d pairs/%d sequences", o.pages, o.heads, o.kv, o.dim, o.pairs, len(o.spans))
	for _, part := range []struct {
		say  bool
		what string
	}{
		{o.spans[0].rows > 1, "several rows"}, {o.norm, "normed"}, {o.interleaved, "interleaved"},
		{o.scale != 1, "scaled"}, {o.plain, "plain verbs"},
	} {
		if part.say {
			name += "/" + part.what
		}
	}
	return name
}
