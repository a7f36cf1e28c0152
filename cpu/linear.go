package cpu

import "github.com/potion-engine/potion/engine"

// Linear computes y = x . wT + bias, a pass of one product.
func (b *Backend) Linear(y, x engine.Tensor, w engine.Weight, bias engine.Tensor) {
	engine.CheckLinear(y, x, w, bias)
	t := b.startProducts(x.Rows())
	t.add("Linear", y, w, bias)
	b.multiply("Linear", x, nil, engine.Tensor{})
}
