//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
)

// maxElements is how many numbers one launch of an element-wise kernel works on: the
// kernels count in 32 bits.
const maxElements = 1 << 31

// GELU launches gelu_f32.
func (b *Backend) GELU(y, x engine.Tensor) {
	engine.CheckSame("GELU", y, x)
	b.unary("GELU", b.ops.gelu, y, x)
}

// SwiGLU launches swiglu_f32.
func (b *Backend) SwiGLU(y, gate, up engine.Tensor) {
	engine.CheckSame("SwiGLU", y, gate, up)
	b.binary("SwiGLU", b.ops.swiGLU, y, gate, up)
}

// GeGLU launches geglu_f32.
func (b *Backend) GeGLU(y, gate, up engine.Tensor) {
	engine.CheckSame("GeGLU", y, gate, up)
	b.binary("GeGLU", b.ops.geGLU, y, gate, up)
}

// Residual launches residual_f32.
func (b *Backend) Residual(y, x, z engine.Tensor) {
	engine.CheckSame("Residual", y, x, z)
	b.binary("Residual", b.ops.residual, y, x, z)
}

// SoftCap launches softcap_f32.
func (b *Backend) SoftCap(y, x engine.Tensor, limit float32) {
	engine.CheckSame("SoftCap", y, x)
	to, from := address("SoftCap", "y", y), address("SoftCap", "x", x)
	for at := 0; at < y.Len(); at += maxElements {
		n, skip := min(y.Len()-at, maxElements), 4*uint64(at)
		b.launch(b.ops.softCap, elementBlocks(n), 1, 1, 0, to+skip, from+skip, uint64(n), bits(limit))
	}
}

// unary queues y = f(x).
func (b *Backend) unary(op string, k *kernel, y, x engine.Tensor) {
	to, from := address(op, "y", y), address(op, "x", x)
	for at := 0; at < y.Len(); at += maxElements {
		n, skip := min(y.Len()-at, maxElements), 4*uint64(at)
		b.launch(k, elementBlocks(n), 1, 1, 0, to+skip, from+skip, uint64(n))
	}
}

// binary queues y = f(x, z).
func (b *Backend) binary(op string, k *kernel, y, x, z engine.Tensor) {
	to, first, second := address(op, "y", y), address(op, "the first source", x), address(op, "the second source", z)
	for at := 0; at < y.Len(); at += maxElements {
		n, skip := min(y.Len()-at, maxElements), 4*uint64(at)
		b.launch(k, elementBlocks(n), 1, 1, 0, to+skip, first+skip, second+skip, uint64(n))
	}
}

func elementBlocks(n int) int { return ceilDiv(n, kernels.ElementsPerBlock) }

func ceilDiv(a, b int) int { return (a + b - 1) / b }
