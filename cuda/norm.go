//go:build cuda && cgo && linux

package cuda

import "github.com/potion-engine/potion/engine"

// LayerNorm launches layernorm_f32, a block for each row.
func (b *Backend) LayerNorm(y, x, gain, bias engine.Tensor, eps float32) {
	const op = "LayerNorm"
	engine.CheckNorm(op, y, x, gain, bias)
	b.launch(b.ops.layerNorm, x.Rows(), 1, 1, 0,
		address(op, "y", y), address(op, "x", x), address(op, "gain", gain), optional(op, "bias", bias),
		uint64(x.Cols()), bits(eps))
}

// RMSNorm launches rmsnorm_f32, a block for each row.
func (b *Backend) RMSNorm(y, x, gain engine.Tensor, eps float32) {
	const op = "RMSNorm"
	engine.CheckNorm(op, y, x, gain, engine.Tensor{})
	b.launch(b.ops.rmsNorm, x.Rows(), 1, 1, 0,
		address(op, "y", y), address(op, "x", x), address(op, "gain", gain),
		uint64(x.Cols()), bits(eps))
}

// Softmax launches softmax_f32, a block for each row.
func (b *Backend) Softmax(y, x engine.Tensor) {
	const op = "Softmax"
	engine.CheckSame(op, y, x)
	b.launch(b.ops.softmax, x.Rows(), 1, 1, 0, address(op, "y", y), address(op, "x", x), uint64(x.Cols()))
}
