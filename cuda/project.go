//go:build cuda && cgo && linux

package cuda

import "github.com/potion-engine/potion/engine"

// Project launches matvec_<format> for few rows, once for up to three weights of a format
// and with the norm in it; for many rows the norm first, then a product for each weight.
func (b *Backend) Project(x engine.Tensor, norm *engine.Norm, to []engine.Projection, s *engine.Scratch) {
	const op = "Project"
	engine.CheckProject(x, norm, to, s)
	if !b.few(x.Rows(), to[0].W.Format()) {
		rows := b.manyNormed(op, x, norm, s)
		for i := range to {
			rows.multiply(to[i].Y, b.ownWeight(op, to[i].W), optional(op, "bias", to[i].Bias))
		}
		return
	}
	for i := range to {
		if !first(to, i) {
			continue
		}
		c := matvecCall{op: op, x: x, norm: norm}
		for j := i; j < len(to); j++ {
			if to[j].W.Format() != to[i].W.Format() {
				continue
			}
			if c.n == len(c.y) {
				b.matvec(&c)
				c.n = 0
			}
			c.add(address(op, "y", to[j].Y), b.ownWeight(op, to[j].W), optional(op, "bias", to[j].Bias))
		}
		b.matvec(&c)
	}
}

// first says whether no weight before the i-th has its format.
func first(to []engine.Projection, i int) bool {
	for j := range i {
		if to[j].W.Format() == to[i].W.Format() {
			return false
		}
	}
	return true
}
