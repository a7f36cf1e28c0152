package cpu

import "github.com/potion-engine/potion/engine"

var _ engine.Fused = (*Backend)(nil)

// Project does the norm once, row by row, with the rounding to integers if there is any,
// and then all products in one pass.
func (b *Backend) Project(x engine.Tensor, norm *engine.Norm, to []engine.Projection, s *engine.Scratch) {
	const op = "Project"
	engine.CheckProject(x, norm, to, s)
	t := b.startProducts(x.Rows())
	for i := range to {
		t.add(op, to[i].Y, to[i].W, to[i].Bias)
	}
	b.multiply(op, x, norm, s.Row)
}
