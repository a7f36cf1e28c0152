package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// SoftCap moves 8 bytes and does about 40 flops an element.
func (b *Backend) SoftCap(y, x engine.Tensor, limit float32) {
	engine.CheckSame("SoftCap", y, x)
	b.apply("SoftCap", softCapAll, y, x, engine.Tensor{}, limit, 8)
}

func softCapAll(y, x, _ []float32, limit float32) {
	y = y[:len(x)]
	c := float64(limit)
	for i, v := range x {
		y[i] = float32(c * math.Tanh(float64(v)/c))
	}
}
