//go:build cuda && cgo && linux

package cuda

import "github.com/potion-engine/potion/engine"

// Gather launches gather_f32.
func (b *Backend) Gather(y, x engine.Tensor, rows []int32) {
	const op = "Gather"
	engine.CheckGather(y, x, rows)
	list, ok := b.list(rows)
	if !ok {
		return
	}
	b.launch(b.ops.gather, len(rows), elementBlocks(x.Cols()), 1, 0,
		address(op, "y", y), address(op, "x", x), list, uint64(x.Cols()))
}
