package cpu

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// prepareTask makes of rows of x what the products of a pass want: norms and integers. An
// item is a row.
type prepareTask struct {
	norm    normTask // row is nil for none
	kernels *kernels
	x       []float32 // what is rounded
	k       int

	activations *activations // nil: none are wanted
	floats      bool         // also the numbers that the integers stand for
}

// prepare gives norm(x) in h, or x, and rounds it to b.activations if one of the products
// wants that.
func (b *Backend) prepare(op string, x engine.Tensor, norm *engine.Norm, h engine.Tensor) []float32 {
	k, rows := x.Cols(), x.Rows()
	p := &b.prepared
	*p = prepareTask{kernels: b.kernels, x: f32(op, "x", x), k: k}
	cost := 0
	if norm != nil {
		p.norm = b.normOf(op, norm, h, x)
		p.x, cost = p.norm.y, 4*k
	}
	for i := range b.product.products {
		w := b.product.products[i].w
		if !b.rounds(w) {
			continue
		}
		p.activations = &b.activations
		p.floats = p.floats || b.product.products[i].way == floatPanels
	}
	if p.activations != nil {
		b.activations.resize(rows, k, p.floats)
		cost += 4 * k
	}
	if cost > 0 {
		b.run(p, rows, cost)
	}
	return p.x
}

func (p *prepareTask) run(worker, from, to int) {
	if p.norm.row != nil {
		p.norm.run(worker, from, to)
	}
	if p.activations == nil {
		return
	}
	for t := from; t < to; t++ {
		a := p.activations.row(t)
		p.kernels.quantize(a, p.x[t*p.k:(t+1)*p.k])
		if p.floats {
			format.DequantizeActivations(p.activations.numbers[t*p.k:(t+1)*p.k], a.Qs, a.D)
		}
	}
}
