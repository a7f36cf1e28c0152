package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

type rowChoice struct {
	t, c int
	rows []int32
}

func (g rowChoice) prepare(r *rig) problem {
	data := r.normal(g.t*g.c, 0, 1)
	data[0], data[len(data)-1] = float32(math.NaN()), float32(math.Inf(-1))
	x, y := r.input(g.t, g.c, data), r.output(len(g.rows), g.c)
	return problem{
		call: func() { r.Gather(y.Tensor, x.Tensor, g.rows) },
		want: func() { y.want = gather(x.values(), g.c, g.rows) },
	}
}

func (g rowChoice) cost() (bytes, flops int64) { return 8 * int64(len(g.rows)*g.c), 0 }

func gatherCases() []Case {
	var cases []Case
	for _, g := range []rowChoice{
		{1, 1, []int32{0}},
		{3, 33, []int32{2}},
		{33, 256, []int32{32}},
		{8, 768, []int32{7, 0, 3}},
		{5, 97, []int32{4, 4, 0, 1, 4, 2}},
		{64, 576, []int32{0, 63, 31, 32, 33, 1}},
	} {
		name := fmt.Sprintf("%d of %d rows of %d", len(g.rows), g.t, g.c)
		cases = append(cases, newCase("Gather", name, format.Invalid, g))
	}
	return cases
}
