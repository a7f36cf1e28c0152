package cpu

import "github.com/potion-engine/potion/engine"

// Gather moves 8*C bytes a row.
func (b *Backend) Gather(y, x engine.Tensor, rows []int32) {
	engine.CheckGather(y, x, rows)
	b.gather = gatherTask{y: f32("Gather", "y", y), x: f32("Gather", "x", x), rows: rows, cols: x.Cols()}
	b.run(&b.gather, len(rows), x.Cols())
}

// gatherTask is the arguments of Gather; an item is a row.
type gatherTask struct {
	y, x []float32
	rows []int32
	cols int
}

func (g *gatherTask) run(_, from, to int) {
	c := g.cols
	for i := from; i < to; i++ {
		copy(g.y[i*c:(i+1)*c], g.x[int(g.rows[i])*c:])
	}
}
