package cpu

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// prepareTask makes of rows of x what the products of a pass want: norms, integers, and
// records of these. An item is a row.
type prepareTask struct {
	norm        normTask // row is nil for none
	x           []float32
	k           int
	scratch     []scratch // by worker
	integers    *integers // nil: none are wanted
	activations *activations
}

// prepare gives norm(x) in h, or x, and rounds it to b.activations if one of the products
// wants that.
func (b *Backend) prepare(op string, x engine.Tensor, norm *engine.Norm, h engine.Tensor) []float32 {
	k, cost := x.Cols(), 0
	p := &b.prepared
	*p = prepareTask{x: f32(op, "x", x), k: k, scratch: b.scratch, activations: &b.activations}
	if norm != nil {
		p.norm = b.normOf(op, norm, h, x)
		p.x, cost = p.norm.y, 4*k
	}
	for i := range b.product.products {
		to := &b.product.products[i]
		numbers := b.wantsNumbers(to)
		if to.way != integerRows && to.way != integerPanels && !numbers {
			continue
		}
		if p.integers == nil {
			p.integers = b.integers
			b.activations.resize(x.Rows(), k, b.integers.planes)
			cost += 4 * k
		}
		if numbers {
			b.activations.wantNumbers()
		}
		if a := &b.integers.arrange[to.w.format]; to.way == integerRows && a.put != nil {
			b.activations.wantRecords(to.w.format, (k+a.numbers-1)/a.numbers*a.bytes)
		}
	}
	if cost > 0 {
		b.run(p, x.Rows(), cost)
	}
	return p.x
}

func (p *prepareTask) run(worker, from, to int) {
	if p.norm.row != nil {
		p.norm.run(worker, from, to)
	}
	if p.integers == nil {
		return
	}
	a := &p.scratch[worker].row
	for t := from; t < to; t++ {
		*a = p.activations.row(t)
		p.integers.quantize(a, p.x[t*p.k:(t+1)*p.k])
		if len(a.numbers) > 0 {
			format.DequantizeActivations(a.numbers, a.Qs, a.D)
		}
		for f := range a.records {
			if r := &a.records[f]; len(r.data) > 0 {
				p.integers.arrange[f].put(r.data, a, &p.scratch[worker].last)
			}
		}
	}
}
