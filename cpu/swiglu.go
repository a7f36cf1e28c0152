package cpu

import "github.com/potion-engine/potion/engine"

// SwiGLU moves 12 bytes and does about 30 flops an element.
func (b *Backend) SwiGLU(y, gate, up engine.Tensor) {
	engine.CheckSame("SwiGLU", y, gate, up)
	b.apply("SwiGLU", b.kernels.swiglu, y, gate, up, 0, 8)
}

func swiglu(y, x, up []float32, _ float32) {
	var e [expBlock]float64
	for at := 0; at < len(x); at += expBlock {
		part := x[at:min(at+expBlock, len(x))]
		for i, v := range part {
			e[i] = -float64(v)
		}
		exps(e[:len(part)])
		gate(y[at:], part, up, at, &e)
	}
}
