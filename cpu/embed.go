package cpu

import "github.com/potion-engine/potion/engine"

// Embed unpacks rows of the table: a packed row read and 4*C bytes written a row.
func (b *Backend) Embed(y engine.Tensor, step *engine.Step, by engine.Index, table engine.Weight, scale float32) {
	engine.CheckEmbed(y, step, by, table)
	w := own("Embed", table)
	b.embed = embedTask{
		y: f32("Embed", "y", y), index: by.Of(step), table: w, scale: scale,
		unpack: b.kernels.unpack[w.format],
	}
	b.run(&b.embed, y.Rows(), 2*y.Cols())
}

// embedTask is the arguments of Embed; an item is a row of y.
type embedTask struct {
	y      []float32
	index  []int32
	table  *weight
	scale  float32
	unpack func(dst []float32, src []byte)
}

func (e *embedTask) run(_, from, to int) {
	c := e.table.cols
	for t := from; t < to; t++ {
		y := e.y[t*c : (t+1)*c]
		e.unpack(y, e.table.row(int(e.index[t])))
		if e.scale != 1 {
			for i := range y {
				y[i] *= e.scale
			}
		}
	}
}
