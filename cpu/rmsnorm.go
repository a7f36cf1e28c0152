package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// RMSNorm divides a row by the root of its mean square. 8*C bytes and 5*C flops a row;
// the sum is in float64.
func (b *Backend) RMSNorm(y, x, gain engine.Tensor, eps float32) {
	engine.CheckNorm("RMSNorm", y, x, gain, engine.Tensor{})
	b.normalise("RMSNorm", b.kernels.rmsNorm, y, x, gain, engine.Tensor{}, eps)
}

func rmsNorm(y, x, gain, _ []float32, eps float64) {
	var squares float64
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	scale := inverseRMS(squares, len(x), eps)
	for i, v := range x {
		y[i] = float32(float64(v) * scale * float64(gain[i]))
	}
}

// inverseRMS is 1 / sqrt(mean + eps) for the sum of n squares.
func inverseRMS(squares float64, n int, eps float64) float64 {
	return 1 / math.Sqrt(squares/float64(n)+eps)
}
