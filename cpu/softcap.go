package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// SoftCap moves 8 bytes and does about 30 flops an element.
func (b *Backend) SoftCap(y, x engine.Tensor, limit float32) {
	engine.CheckSame("SoftCap", y, x)
	b.apply("SoftCap", b.kernels.softCap, y, x, engine.Tensor{}, limit, 8)
}

// softCap is limit * tanh u with u = x/limit, as (1 - e) / (1 + e) with e = exp(-2|u|).
// Where 1 - e would lose its digits, tanh u is u - u^3/3 to within u^5.
func softCap(y, x, _ []float32, limit float32) {
	const small = 1e-3
	c := float64(limit)
	var e [expBlock]float64
	for at := 0; at < len(x); at += expBlock {
		part := x[at:min(at+expBlock, len(x))]
		for i, v := range part {
			e[i] = -2 * math.Abs(float64(v)/c)
		}
		exps(e[:len(part)])
		out := y[at:]
		for i, v := range part {
			u := float64(v) / c
			if math.Abs(u) < small {
				out[i] = float32(c * (u - u*u*u/3))
				continue
			}
			out[i] = float32(math.Copysign(c*(1-e[i])/(1+e[i]), u))
		}
	}
}
