package cpu

import "github.com/potion-engine/potion/engine"

// GeGLU moves 12 bytes and does about 30 flops an element.
func (b *Backend) GeGLU(y, gate, up engine.Tensor) {
	engine.CheckSame("GeGLU", y, gate, up)
	b.apply("GeGLU", b.kernels.gelu, y, gate, up, 0, 8)
}
