package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// Softmax moves 8*C bytes and does about 20*C flops a row.
func (b *Backend) Softmax(y, x engine.Tensor) {
	engine.CheckSame("Softmax", y, x)
	b.softmax = softmaxTask{kernels: b.kernels, y: f32("Softmax", "y", y), x: f32("Softmax", "x", x), cols: x.Cols()}
	b.run(&b.softmax, x.Rows(), 8*x.Cols())
}

// softmaxTask is the arguments of Softmax; an item is a row.
type softmaxTask struct {
	kernels *kernels
	y, x    []float32
	cols    int
}

func (s *softmaxTask) run(_, from, to int) {
	for r := from; r < to; r++ {
		lo, hi := r*s.cols, (r+1)*s.cols
		s.kernels.softmax(s.y[lo:hi], s.x[lo:hi])
	}
}

// softmax subtracts the greatest number first, so that nothing overflows.
func (k *kernels) softmax(y, x []float32) {
	sum := k.expSum(y, x, k.maximum(x))
	k.scale(y, float32(1/sum))
}

// maximum is the greatest of x, -Inf if there is none, and NaN if there is a NaN.
func maximum(x []float32) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		top = max(top, v)
	}
	return top
}
