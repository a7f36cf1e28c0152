package cpu

import "github.com/potion-engine/potion/engine"

// Accumulate adds the product's columns to x as soon as they are there. With a norm, which
// needs whole rows, it does so in a second pass over rows.
func (b *Backend) Accumulate(x, h engine.Tensor, w engine.Weight, bias engine.Tensor, norm *engine.Norm, s *engine.Scratch) {
	const op = "Accumulate"
	engine.CheckAccumulate(x, h, w, bias, norm, s)
	t := b.startProducts(x.Rows())
	t.add(op, s.Row, w, bias)
	if norm == nil {
		t.stream = f32(op, "x", x)
		t.together((*productTask).addToStream)
	}
	b.multiply(op, h, nil, engine.Tensor{})
	if norm != nil {
		b.added = addNormTask{norm: b.normOf(op, norm, s.Row, s.Row), add: b.kernels.add, x: f32(op, "x", x)}
		b.run(&b.added, x.Rows(), 5*x.Cols())
	}
}

// addToStream is x = x + y in columns [from, to) of all rows.
func (t *productTask) addToStream(from, to int) {
	n := t.products[0].w.rows
	for r := range t.rows {
		x := t.stream[r*n:][from:to]
		t.kernels.add(x, x, t.products[0].y[r*n:][from:to], 0)
	}
}

// addNormTask is x = x + norm(y); an item is a row.
type addNormTask struct {
	norm normTask // y = norm(y)
	add  elementFunc
	x    []float32
}

func (a *addNormTask) run(worker, from, to int) {
	a.norm.run(worker, from, to)
	lo, hi := from*a.norm.cols, to*a.norm.cols
	a.add(a.x[lo:hi], a.x[lo:hi], a.norm.y[lo:hi], 0)
}
