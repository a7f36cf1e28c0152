package cpu

import "github.com/potion-engine/potion/engine"

// GeGLU moves 12 bytes and does about 30 flops an element.
func (b *Backend) GeGLU(y, gate, up engine.Tensor) {
	engine.CheckSame("GeGLU", y, gate, up)
	b.apply("GeGLU", gegluAll, y, gate, up, 0, 8)
}

func gegluAll(y, gate, up []float32, _ float32) {
	y, up = y[:len(gate)], up[:len(gate)]
	for i, v := range gate {
		y[i] = float32(gelu(float64(v)) * float64(up[i]))
	}
}
