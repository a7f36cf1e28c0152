//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
)

// Rope launches rope_f32.
func (b *Backend) Rope(x engine.Tensor, step *engine.Step, spec *engine.RopeSpec) {
	const op = "Rope"
	engine.CheckRope(x, step, spec)
	s := b.onDevice(step)
	if s == nil {
		return
	}
	heads, pairs := x.Cols()/spec.HeadDim, spec.InvFreq.Cols()
	order := uint64(0)
	if spec.Interleaved {
		order = 1
	}
	b.launch(b.ops.rope, x.Rows(), kernels.RopeBlocks(heads, pairs), 1, 0,
		address(op, "x", x), s.pos, address(op, "InvFreq", spec.InvFreq),
		uint64(heads), uint64(spec.HeadDim), uint64(pairs), order, bits(spec.Scale))
}
