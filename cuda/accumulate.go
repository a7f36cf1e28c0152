//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine"
)

// Accumulate launches matvec_<format> once for few rows, which adds to x as well, unless
// there is a norm of the sums between. Else the product goes to s.Row first.
func (b *Backend) Accumulate(x, h engine.Tensor, weight engine.Weight, bias engine.Tensor, norm *engine.Norm, s *engine.Scratch) {
	const op = "Accumulate"
	engine.CheckAccumulate(x, h, weight, bias, norm, s)
	if norm != nil || x.Rows() > fewRows {
		b.Linear(s.Row, h, weight, bias)
		b.normed(s.Row, norm, s)
		b.Residual(x, x, s.Row)
		return
	}
	c := matvecCall{op: op, verb: repack.MatvecAccumulate, x: h}
	c.add(address(op, "x", x), b.ownWeight(op, weight), optional(op, "bias", bias))
	b.matvec(&c)
}
