package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

type rotation struct {
	t, heads, dim int
	pairs         int // n, the pairs of a head that turn
	interleaved   bool
	scale         float32
	start         int32   // position of the first row
	base          float64 // 0: 10000
	scattered     bool    // rows of many sequences at unrelated positions
}

func (o rotation) prepare(r *rig) problem {
	x := r.inout(o.t, o.heads*o.dim, r.normal(o.t*o.heads*o.dim, 0, 1))
	freq := make([]float32, o.pairs)
	for i := range freq {
		freq[i] = float32(math.Pow(o.base, -float64(i)/float64(o.pairs)))
	}
	inv := r.input(1, o.pairs, freq)
	pos := make([]int32, o.t)
	for t := range pos {
		pos[t] = o.start + int32(t)
		if o.scattered {
			pos[t] = r.Int32N(4000)
		}
	}
	step := r.newStep(make([]int32, o.t), pos)
	if o.scattered {
		step.Pages = make([][]int32, o.t)
		for t := range step.Seq {
			step.Seq[t] = int32(t)
		}
	}
	spec := &engine.RopeSpec{HeadDim: o.dim, Interleaved: o.interleaved, InvFreq: inv.Tensor, Scale: o.scale}
	single := &engine.Step{Pages: [][]int32{nil}}
	return problem{
		call: func() { r.Rope(x.Tensor, step, spec) },
		want: func() {
			x.want = rope(x.values(), pos, o.dim, widen(freq), o.interleaved, float64(o.scale))
		},
		rows: o.t,
		row: func(t int) {
			// One step whose content and serial number change, as in a decode loop.
			single.IDs, single.Pos, single.Seq = []int32{0}, pos[t:t+1], []int32{0}
			single.Serial = engine.NextSerial()
			r.Rope(x.Part(t, t+1), single, spec)
		},
	}
}

func (o rotation) cost() (bytes, flops int64) {
	pairs := int64(o.t * o.heads * o.pairs)
	return 16 * pairs, 6 * pairs
}

func ropeCases() []Case {
	list := []rotation{
		{t: 1, heads: 1, dim: 2, pairs: 1},
		{t: 3, heads: 4, dim: 64, pairs: 32},
		{t: 8, heads: 9, dim: 64, pairs: 32, base: 100000},
		{t: 33, heads: 3, dim: 80, pairs: 40},
		{t: 2, heads: 4, dim: 256, pairs: 128, base: 1e6},
		{t: 5, heads: 2, dim: 96, pairs: 24},
		{t: 5, heads: 3, dim: 80, pairs: 16},
		{t: 3, heads: 5, dim: 10, pairs: 3},
		{t: 3, heads: 7, dim: 33, pairs: 16},
		{t: 4, heads: 2, dim: 64, pairs: 32, scale: 1.19},
		{t: 4, heads: 2, dim: 64, pairs: 32, start: 4095},
		{t: 4, heads: 2, dim: 128, pairs: 64, start: 100000},
		{t: 4, heads: 2, dim: 64, pairs: 32, start: 131071, base: 500000},
		{t: 9, heads: 2, dim: 64, pairs: 32, scattered: true},
	}
	var cases []Case
	for _, o := range list {
		if o.scale == 0 {
			o.scale = 1
		}
		if o.base == 0 {
			o.base = 10000
		}
		for _, o.interleaved = range []bool{false, true} {
			name := fmt.Sprintf("%d heads of %d/%d pairs/position %d/rows %d", o.heads, o.dim, o.pairs, o.start, o.t)
			if o.interleaved {
				name += "/interleaved"
			}
			if o.scale != 1 {
				name += "/scaled"
			}
			if o.scattered {
				name += "/many sequences"
			}
			cases = append(cases, newCase("Rope", name, format.Invalid, o))
		}
	}
	return cases
}
