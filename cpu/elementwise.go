package cpu

import "github.com/potion-engine/potion/engine"

// elementFunc computes elements of y from those of x and z, which may be nil.
type elementFunc func(y, x, z []float32, param float32)

// elementwiseTask is an operation that takes every element by itself; an item is an
// element. z is nil for operations with one operand.
type elementwiseTask struct {
	f       elementFunc
	y, x, z []float32
	param   float32
}

// apply runs f on y, x and, unless it is none, z.
func (b *Backend) apply(op string, f elementFunc, y, x, z engine.Tensor, param float32, cost int) {
	b.elementwise = elementwiseTask{
		f: f, y: f32(op, "y", y), x: f32(op, "x", x), z: optional(op, "x", z), param: param,
	}
	b.run(&b.elementwise, y.Len(), cost)
}

func (e *elementwiseTask) run(_, from, to int) {
	var z []float32
	if e.z != nil {
		z = e.z[from:to]
	}
	e.f(e.y[from:to], e.x[from:to], z, e.param)
}
