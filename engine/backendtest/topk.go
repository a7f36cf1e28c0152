package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

type greatest struct {
	t, v, k int
	values  string // see prepare
}

func (g greatest) prepare(r *rig) problem {
	data := r.normal(g.t*g.v, 0, 3)
	negInf := float32(math.Inf(-1))
	nanRow := -1
	for i := range data {
		switch g.values {
		case "ties":
			data[i] = float32(r.IntN(5))
		case "all equal":
			data[i] = -2
		case "rising":
			data[i] = float32(i % g.v)
		case "falling":
			data[i] = -float32(i % g.v)
		case "mostly -infinity":
			if i%g.v%17 != 3 {
				data[i] = negInf
			}
		}
	}
	switch g.values {
	case "infinity":
		data[g.v-1] = float32(math.Inf(1))
	case "NaN":
		nanRow = 1
		for i := g.v; i < 2*g.v; i += 3 {
			data[i] = float32(math.NaN())
		}
	}
	x := r.input(g.t, g.v, data)
	vals, cols := r.output(g.t, g.k), r.intOutput(g.t, g.k)
	return problem{
		call: func() { r.TopK(vals.Tensor, cols.Tensor, x.Tensor) },
		want: func() {
			vals.want, cols.want = topK(x.values(), g.v, g.k)
			if nanRow < 0 {
				return
			}
			// What is greatest among NaNs is anybody's choice; only that row's columns
			// must exist, and other rows must not notice.
			for i := nanRow * g.k; i < (nanRow+1)*g.k; i++ {
				vals.want[i] = float64(vals.got[i])
				if got := cols.got[i]; got >= 0 && int(got) < g.v {
					cols.want[i] = got
				}
			}
		},
	}
}

func (g greatest) cost() (bytes, flops int64) {
	return 4 * int64(g.t) * int64(g.v+2*g.k), int64(g.t * g.v)
}

func topKCases() []Case {
	var cases []Case
	add := func(g greatest) {
		name := fmt.Sprintf("%s/%d of %d/rows %d", g.values, g.k, g.v, g.t)
		cases = append(cases, newCase("TopK", name, format.Invalid, g))
	}
	for k := 1; k <= 40; k++ {
		add(greatest{t: 1 + k%3, v: 40 + 13*k, k: k, values: "plain"})
	}
	for _, v := range []int{1, 31, 32, 33, 257, 32003} {
		add(greatest{t: 3, v: v, k: 1, values: "plain"})
		add(greatest{t: 2, v: v, k: 1, values: "ties"})
	}
	add(greatest{t: 33, v: 101, k: 5, values: "plain"})
	add(greatest{t: 1, v: 7, k: 7, values: "plain"})
	add(greatest{t: 2, v: 151936, k: 40, values: "plain"})
	for _, values := range []string{"ties", "all equal", "rising", "falling", "mostly -infinity", "infinity", "NaN"} {
		add(greatest{t: 3, v: 611, k: 1, values: values})
		add(greatest{t: 3, v: 611, k: 40, values: values})
	}
	return cases
}
