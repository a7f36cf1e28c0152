package cpu

import "github.com/potion-engine/potion/engine"

// Gate does both products and the activation in one pass: a worker computes some columns
// of the two and gates them while they are in its first-level cache.
func (b *Backend) Gate(y, x engine.Tensor, norm *engine.Norm, spec *engine.GateSpec, s *engine.Scratch) {
	const op = "Gate"
	engine.CheckGate(y, x, norm, spec, s)
	t := b.startProducts(x.Rows())
	t.add(op, y, spec.Up, spec.UpBias)
	if spec.Act != engine.ActGELU {
		t.add(op, s.Gate, spec.Gate, spec.GateBias)
	}
	t.together((*productTask).activate)
	t.act = b.kernels.gelu
	if spec.Act == engine.ActSwiGLU {
		t.act = b.kernels.swiglu
	}
	b.multiply(op, x, norm, s.Row)
}

// activate is y = act(gate) * y, or act(y), in columns [from, to) of all rows.
func (t *productTask) activate(from, to int) {
	n := t.products[0].w.rows
	for r := range t.rows {
		y := t.products[0].y[r*n:][from:to]
		if len(t.products) == 1 {
			t.act(y, y, nil, 0)
			continue
		}
		t.act(y, t.products[1].y[r*n:][from:to], y, 0)
	}
}
