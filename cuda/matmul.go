//go:build cuda && cgo && linux

package cuda

import "github.com/potion-engine/potion/engine"

// matmulTile is the rows and columns of y that a block of matmul_* computes.
const matmulTile = 64

// matmulInto queues y = x w' + bias for many rows of x, with y and x on the device and
// shapes that were checked. bias is 0 for none.
func (b *Backend) matmulInto(op string, y, x engine.Tensor, w *weight, bias uint64) {
	a := b.arguments.none()
	a.add(address(op, "y", y), address(op, "x", x))
	a.planes(w)
	a.add(bias, uint64(w.Rows()), uint64(w.Cols()), uint64(x.Rows()))
	b.launch(b.ops.weights[w.Format()].matmul, ceilDiv(w.Rows(), matmulTile), ceilDiv(x.Rows(), matmulTile), 1, 0, a.list()...)
}
