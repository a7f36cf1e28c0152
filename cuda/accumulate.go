//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine"
)

// Accumulate launches matvec_<format> once for few rows, which adds to x as well, with an
// RMSNorm of the sums between. So do the kernels of many rows with tensor cores, without a norm.
// In all other cases the product goes to s.Row first.
func (b *Backend) Accumulate(x, h engine.Tensor, weight engine.Weight, bias engine.Tensor, norm *engine.Norm, s *engine.Scratch) {
	const op = "Accumulate"
	engine.CheckAccumulate(x, h, weight, bias, norm, s)
	w := b.ownWeight(op, weight)
	if norm == nil && !b.few(x.Rows(), w.Format()) {
		rows := b.manyRows(op, h)
		rows.accumulate(x, w, optional(op, "bias", bias), s.Row)
		return
	}
	if !b.few(x.Rows(), w.Format()) || norm != nil && !normFits(norm, x.Cols()) {
		b.Linear(s.Row, h, weight, bias)
		b.normed(s.Row, norm, s)
		b.Residual(x, x, s.Row)
		return
	}
	c := matvecCall{op: op, verb: repack.MatvecAccumulate, x: h, norm: norm}
	c.add(address(op, "x", x), w, optional(op, "bias", bias))
	if norm != nil {
		blocks, ok := b.zeroCounters(x.Rows())
		if !ok {
			return
		}
		c.verb, c.y[1], c.y[2] = repack.MatvecAccumulateNorm, address(op, "Scratch.Row", s.Row), blocks
	}
	b.matvec(&c)
}

// normFits says whether matvec_* can do a norm of so many sums.
func normFits(norm *engine.Norm, cols int) bool { return norm.Kind == engine.NormRMS && cols%4 == 0 }
