//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
)

// maxGridY is the most blocks in a grid's second direction.
const maxGridY = 65535

// TopK launches topk_f32, which finds the greatest of each part of a row, and
// topk_f32_merge, which chooses among them.
func (b *Backend) TopK(vals, cols, x engine.Tensor) {
	const op = "TopK"
	engine.CheckTopK(vals, cols, x)
	n, k := x.Cols(), vals.Cols()
	parts := ceilDiv(n, kernels.TopKPart)
	to, toCols, from := address(op, "vals", vals), address(op, "cols", cols), address(op, "x", x)
	if err := b.reserve(&b.parts, 8*int64(kernels.TopKKeys(min(x.Rows(), maxGridY), n, k))); err != nil {
		b.fail(err)
		return
	}
	for at := 0; at < x.Rows(); at += maxGridY {
		rows := min(x.Rows()-at, maxGridY)
		source, done := from+uint64(4*at*n), uint64(4*at*k)
		b.launch(b.ops.topK, parts, rows, 1, 0,
			b.parts.addr, source, uint64(n), kernels.TopKPart, uint64(k))
		b.launch(b.ops.topKMerge, rows, 1, 1, 0,
			to+done, toCols+done, b.parts.addr, source, uint64(n), uint64(parts), uint64(k))
	}
}
