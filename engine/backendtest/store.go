package backendtest

import (
	"fmt"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// storing reads back what Store keeps of v: a row with a window of 1 sees itself alone,
// so Attend gives its value unmixed. (Attend's own cases show what Store keeps of k.)
type storing struct {
	heads, dim int
	pages      format.Format
	spans      []span
	magnitudes bool // rows of very different magnitude
	copied     bool // through a copy of the page, the page itself overwritten since
}

func (s storing) prepare(r *rig) problem {
	spec := engine.KVSpec{Heads: s.heads, HeadDim: s.dim, Format: s.pages}
	c := r.sequences(spec, s.spans, 0)
	step := c.step(s.spans)
	t, width := step.T(), s.heads*s.dim
	data := r.normal(t*width, 0, 1)
	if s.magnitudes {
		for i := range data {
			data[i] *= []float32{1, 1e-8, 1e4, 1e-5, 0}[i/s.dim%5]
		}
	}
	k, v := r.input(t, width, r.normal(t*width, 0, 1)), r.input(t, width, data)
	q, y := r.input(t, width, r.normal(t*width, 0, 1)), r.output(t, width)
	read := &engine.AttendSpec{Heads: s.heads, Scale: 1, Window: 1}

	store := func() { r.Store(c.kv, k.Tensor, v.Tensor, step) }
	if s.copied {
		store = func() {
			from, to := c.pages[0][0], c.pages[1][0]
			r.Store(c.kv, k.Tensor, v.Tensor, step)
			c.kv.CopyPage(int(to), int(from))
			// The copy takes effect in the order of the calls: what is written to the
			// source afterwards must not show.
			r.Store(c.kv, v.Tensor, k.Tensor, step)
			c.pages[0][0] = to
			step.Serial = engine.NextSerial()
			r.Attend(y.Tensor, q.Tensor, c.kv, step, read)
			c.pages[0][0] = from
			step.Serial = engine.NextSerial()
		}
	}
	return problem{
		call: func() {
			store()
			if !s.copied {
				r.Attend(y.Tensor, q.Tensor, c.kv, step, read)
			}
		},
		want: func() { y.want = asStored(s.pages, v.values(), s.dim) },
	}
}

// cost is that of Store and Attend together.
func (s storing) cost() (bytes, flops int64) {
	b, flops := attending{heads: s.heads, kv: s.heads, dim: s.dim, pages: s.pages, spans: s.spans, window: 1}.cost()
	for _, sp := range s.spans {
		bytes += int64(sp.rows) * int64(s.heads) * int64(8*s.dim+2*s.pages.RowBytes(s.dim))
	}
	return bytes + b, flops
}

func storeCases() []Case {
	var cases []Case
	for _, f := range []format.Format{format.F32, format.F16, format.Q8_0} {
		add := func(name string, s storing) {
			if f.CheckCols(s.dim) != nil {
				return
			}
			s.pages = f
			name = fmt.Sprintf("%v/%s/%d heads of %d", f, name, s.heads, s.dim)
			cases = append(cases, newCase("Store", name, f, s))
		}
		mixed := []span{{33, 1}, {0, 19}, {31, 2}, {5, 33}}
		for _, dim := range []int{1, 7, 16, 24, 32, 40, 64, 80, 96, 128, 256} {
			add("mixed step", storing{heads: 3, dim: dim, spans: mixed})
		}
		add("mixed step", storing{heads: 1, dim: 64, spans: mixed})
		add("one row", storing{heads: 4, dim: 64, spans: []span{{64, 1}}})
		add("one row of magnitudes", storing{heads: 10, dim: 64, spans: []span{{9, 1}}, magnitudes: true})
		// The rows lie in the first page of sequence 0; sequence 1 lends the page.
		add("copied page", storing{heads: 2, dim: 64, spans: []span{{3, 29}, {32, 0}}, copied: true})
	}
	return cases
}
