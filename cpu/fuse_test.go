package cpu

import (
	"fmt"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// The fused verbs give the bits of the plain ones, which are their specification, with any
// number of threads.
func TestFusedGivesTheBitsOfUnfused(t *testing.T) {
	t.Parallel()
	for l := generic; l <= bestLevel(); l++ {
		for _, a := range []Activations{Float32, Int16, Int8} {
			t.Run(fmt.Sprintf("%v activations=%d", l, a), func(t *testing.T) {
				t.Parallel()
				plain := newAt(l, Options{Threads: 1, Activations: a})
				defer plain.Close()
				for _, rows := range []int{1, 3, 7} {
					want := fusedResults(t, plain, engine.Unfused{Ops: plain}, rows)
					for _, threads := range []int{1, 2, 5} {
						b := newAt(l, Options{Threads: threads, Activations: a})
						got := fusedResults(t, b, b, rows)
						for i := range want {
							if !slices.Equal(got[i], want[i]) {
								t.Errorf("%d rows, %d threads: result %d differs", rows, threads, i)
							}
						}
						b.Close()
					}
				}
			})
		}
	}
}

// fusedResults is what the fused verbs leave, by f on backend b.
func fusedResults(t *testing.T, b *Backend, f engine.Fused, rows int) (results [][]float32) {
	t.Helper()
	const width, hidden, heads, groups, d = 256, 512, 4, 2, 64
	r := seeded(40)
	tensor := func(cols int) engine.Tensor { return mustTensor(t, b, rows, cols) }
	filled := func(rows, cols int) engine.Tensor { return engine.FromRows(numbers(r, rows*cols), rows, cols) }
	weight := func(f format.Format, n, k int) engine.Weight {
		packed, _ := pack(r, f, n, k)
		return mustWeight(t, b, f, n, k, packed)
	}
	keep := func(x engine.Tensor) { results = append(results, slices.Clone(x.F32())) }
	s := &engine.Scratch{Row: tensor(width), Gate: tensor(hidden)}
	gain, bias := filled(1, width), filled(1, width)
	norms := []*engine.Norm{nil, {Gain: gain, Eps: 1e-5}, {Kind: engine.NormLayer, Gain: gain, Bias: bias, Eps: 1e-5}}
	q, k, v := tensor(heads*d), tensor(groups*d), tensor(groups*d)
	for i, f1 := range []format.Format{format.Q4_K, format.F16, format.Q8_0} {
		x := filled(rows, width)
		f.Project(x, norms[i], []engine.Projection{
			{Y: q, W: weight(f1, heads*d, width), Bias: filled(1, heads*d)},
			{Y: k, W: weight(format.Q6_K, groups*d, width)},
			{Y: v, W: weight(format.Q2_K, groups*d, width)},
		}, s)
		keep(q)
		keep(k)
		keep(v)
	}
	y := tensor(hidden)
	for act := engine.ActSwiGLU; act <= engine.ActGELU; act++ {
		spec := &engine.GateSpec{Act: act, Up: weight(format.Q5_1, hidden, width), UpBias: filled(1, hidden)}
		if act != engine.ActGELU {
			spec.Gate, spec.GateBias = weight(format.F32, hidden, width), filled(1, hidden)
		}
		f.Gate(y, filled(rows, width), norms[act], spec, s)
		keep(y)
	}
	for _, norm := range norms {
		x := filled(rows, width)
		f.Accumulate(x, y, weight(format.Q4_0, width, hidden), bias, norm, s)
		keep(x)
	}
	step := conversation(rows, 0)
	for _, pages := range []format.Format{format.F32, format.F16, format.Q8_0} {
		kv, err := b.NewKV(engine.KVSpec{Pages: 8, Heads: groups, HeadDim: d, Format: pages})
		if err != nil {
			t.Fatal(err)
		}
		rope := &engine.RopeSpec{HeadDim: d, Interleaved: pages == format.F16, InvFreq: filled(1, d/2), Scale: 1}
		spec := &engine.RopeStoreSpec{Eps: 1e-6, Rope: rope}
		switch pages {
		case format.F16:
			spec.QNorm, spec.KNorm = filled(1, d), filled(1, d)
		case format.Q8_0:
			spec.Rope = nil
		}
		f.RopeStore(kv, q, k, v, step, spec)
		keep(q)
		out := tensor(heads * d)
		b.Attend(out, q, kv, step, &engine.AttendSpec{Heads: heads, Scale: 0.1})
		keep(out)
	}
	return results
}
