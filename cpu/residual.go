package cpu

import "github.com/potion-engine/potion/engine"

// Residual moves 12 bytes and does 1 flop an element.
func (b *Backend) Residual(y, a, c engine.Tensor) {
	engine.CheckSame("Residual", y, a, c)
	b.apply("Residual", b.kernels.add, y, a, c, 0, 1)
}

func add(y, a, b []float32, _ float32) {
	y, b = y[:len(a)], b[:len(a)]
	for i, v := range a {
		y[i] = v + b[i]
	}
}
