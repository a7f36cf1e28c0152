package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// GELU moves 8 bytes and does about 30 flops an element.
func (b *Backend) GELU(y, x engine.Tensor) {
	engine.CheckSame("GELU", y, x)
	b.apply("GELU", geluAll, y, x, engine.Tensor{}, 0, 8)
}

func geluAll(y, x, _ []float32, _ float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = float32(gelu(float64(v)))
	}
}

// gelu is x/2 * (1 + tanh u) with u = sqrt(2/pi) * (x + 0.044715 x^3), written as
// x / (1 + exp(-2u)): the same by the definition of tanh, and exact where tanh u is
// close to -1.
func gelu(x float64) float64 {
	const twice = 2 * math.Sqrt2 / (math.SqrtPi)
	return x / (1 + exp(-twice*x*(1+0.044715*x*x)))
}
