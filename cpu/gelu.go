package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// GELU moves 8 bytes and does about 30 flops an element.
func (b *Backend) GELU(y, x engine.Tensor) {
	engine.CheckSame("GELU", y, x)
	b.apply("GELU", b.kernels.gelu, y, x, engine.Tensor{}, 0, 8)
}

// gelu is x/2 * (1 + tanh u) with u = sqrt(2/pi) * (x + 0.044715 x^3), written as
// x / (1 + exp(-2u)): the same by the definition of tanh, and exact where tanh u is
// close to -1. The result is multiplied with up, if there is one.
func gelu(y, x, up []float32, _ float32) {
	const twice = 2 * math.Sqrt2 / math.SqrtPi
	var e [expBlock]float64
	for at := 0; at < len(x); at += expBlock {
		part := x[at:min(at+expBlock, len(x))]
		for i, v := range part {
			z := float64(v)
			e[i] = -twice * z * (1 + 0.044715*z*z)
		}
		exps(e[:len(part)])
		gate(y[at:], part, up, at, &e)
	}
}

// gate is y = x / (1 + e), times up[at:] unless up is nil.
func gate(y, x, up []float32, at int, e *[expBlock]float64) {
	if up == nil {
		for i, v := range x {
			y[i] = float32(float64(v) / (1 + e[i]))
		}
		return
	}
	up = up[at:]
	for i, v := range x {
		y[i] = float32(float64(v) / (1 + e[i]) * float64(up[i]))
	}
}
