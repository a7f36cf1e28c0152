package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// RMSNorm divides a row by the root of its mean square. 8*C bytes and 5*C flops a row;
// the sum is in float64.
func (b *Backend) RMSNorm(y, x, gain engine.Tensor, eps float32) {
	engine.CheckNorm("RMSNorm", y, x, gain, engine.Tensor{})
	b.normalise("RMSNorm", rmsNorm, y, x, gain, engine.Tensor{}, eps)
}

func rmsNorm(y, x, gain, _ []float32, eps float64) {
	var squares float64
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	scale := 1 / math.Sqrt(squares/float64(len(x))+eps)
	for i, v := range x {
		y[i] = float32(float64(v) * scale * float64(gain[i]))
	}
}
