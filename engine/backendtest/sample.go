package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/sample"
)

// choice is engine.Sampler's Sample, for backends that offer it.
type choice struct {
	v       int
	values  string // see logits
	p       sample.Params
	history int // tokens before
}

// logits are numbers of the kind that values says.
func (c choice) logits(r *rig) []float32 {
	x := r.normal(c.v, 0, 3)
	for i := range x {
		switch c.values {
		case "ties":
			x[i] = float32(r.IntN(4))
		case "all equal":
			x[i] = -2
		case "flat":
			x[i] /= 4096
		case "steep":
			x[i] *= 1e30
		case "mostly -infinity":
			if i%17 != 3 {
				x[i] = float32(math.Inf(-1))
			}
		case "all -infinity":
			x[i] = float32(math.Inf(-1))
		}
	}
	switch c.values {
	case "infinity":
		x[c.v-1] = float32(math.Inf(1))
	case "NaN":
		x[c.v/2] = float32(math.NaN())
	}
	return x
}

func (c choice) prepare(r *rig) problem {
	data := c.logits(r)
	x, id := r.input(1, c.v, data), r.intOutput(1, 1)
	c.p.Seed = r.Uint64()
	s, err := sample.New(c.p, c.v)
	if err != nil {
		r.fail(err)
	}
	var history []int32
	for range c.history {
		next := int32(r.IntN(min(c.v, 3*c.history)))
		history = append(history, next)
		s.Accept(next)
	}
	var d sample.Draw
	if !s.Draw(&d) {
		r.fail(fmt.Errorf("%+v cannot be sampled by a backend", c.p))
	}
	b, ok := r.Backend.(engine.Sampler)
	if !ok {
		r.fail(fmt.Errorf("the backend does not offer engine.Sampler"))
	}
	return problem{
		call: func() { b.Sample(id.Tensor, x.Tensor, &d) },
		want: func() {
			id.want = []int32{-1}
			if c.values != "infinity" && c.values != "NaN" && c.values != "all -infinity" {
				id.want[0] = sample.Reference(c.p, data, history, d.Random)
			}
		},
	}
}

func (c choice) cost() (bytes, flops int64) { return 4 * int64(c.v+1), int64(c.v) }

func sampleCases() []Case {
	var cases []Case
	add := func(name string, c choice) {
		if c.p.TopP == 0 {
			c.p.TopP = 1
		}
		name = fmt.Sprintf("%s/%s of %d/history %d", name, c.values, c.v, c.history)
		cases = append(cases, newCase("Sample", name, format.Invalid, c))
	}
	greedy, plain := sample.Params{}, sample.Params{Temperature: 0.9}
	with := func(p sample.Params, set func(p *sample.Params)) sample.Params {
		set(&p)
		return p
	}
	nucleus := with(plain, func(p *sample.Params) { p.TopP = 0.9 })
	params := []struct {
		name string
		p    sample.Params
	}{
		{"greedy", greedy}, {"all", plain}, {"defaults", sample.Defaults()}, {"top-p", nucleus},
		{"top-k 1", with(plain, func(p *sample.Params) { p.TopK = 1 })},
		{"top-k 256", with(nucleus, func(p *sample.Params) { p.TopK, p.Temperature = 256, 2 })},
		{"top-k 257", with(nucleus, func(p *sample.Params) { p.TopK, p.Temperature = 257, 2 })},
		{"min-p", with(plain, func(p *sample.Params) { p.MinP = 0.02 })},
		{"hot", with(sample.Defaults(), func(p *sample.Params) { p.Temperature, p.TopK = 50, 0 })},
	}
	for _, p := range params {
		for _, v := range []int{1, 2, 129, 1024, 3001} {
			add(p.name, choice{v: v, values: "plain", p: p.p})
		}
		for _, values := range []string{"ties", "all equal", "flat", "steep", "mostly -infinity", "all -infinity", "infinity", "NaN"} {
			add(p.name, choice{v: 1307, values: values, p: p.p})
		}
		penalised := p.p
		penalised.RepeatPenalty, penalised.FrequencyPenalty, penalised.PresencePenalty, penalised.PenaltyLastN = 1.3, 0.2, -0.4, 64
		penalised.LogitBias = map[int32]float32{0: 2, 7: float32(math.Inf(-1)), 40: -1e38, 299: 1e38, 300: 3}
		add(p.name+" with penalties and bias", choice{v: 1500, values: "plain", p: penalised, history: 100})
		add(p.name+" with penalties and bias", choice{v: 301, values: "ties", p: penalised, history: 20})
	}
	for _, p := range params[:4] {
		add(p.name, choice{v: 128256, values: "plain", p: p.p})
	}
	return cases
}

// offered says whether b has the operation of c. Of what an engine.Backend need not have,
// only sampling has no other way in which the suite could do it.
func (c Case) offered(b engine.Backend) bool {
	_, ok := b.(engine.Sampler)
	return ok || c.Op != "Sample"
}

// Sample implements engine.Sampler.
func (b *Reference) Sample(id, logits engine.Tensor, d *sample.Draw) {
	engine.CheckSample(id, logits, d)
	x, to := slices.Clone(logits.F32()), &id.I32()[0]
	*to = -1
	for _, v := range x {
		if !(v <= math.MaxFloat32) {
			return
		}
	}
	for i := range d.Changes {
		c := &d.Changes[i]
		x[c.ID] = c.Apply(x[c.ID])
	}
	if slices.Max(x) >= -math.MaxFloat32 {
		p := sample.Params{Temperature: d.Temperature, TopK: d.TopK, TopP: d.TopP, MinP: d.MinP}
		*to = sample.Reference(p, x, nil, d.Random)
	}
}
