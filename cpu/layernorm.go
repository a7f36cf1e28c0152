package cpu

import (
	"math"

	"github.com/potion-engine/potion/engine"
)

// LayerNorm subtracts a row's mean and divides by its standard deviation. 8*C bytes and
// 8*C flops a row; sums are in float64.
func (b *Backend) LayerNorm(y, x, gain, bias engine.Tensor, eps float32) {
	engine.CheckNorm("LayerNorm", y, x, gain, bias)
	b.normalise("LayerNorm", b.kernels.layerNorm, y, x, gain, bias, eps)
}

func layerNorm(y, x, gain, bias []float32, eps float64) {
	n := float64(len(x))
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / n
	var squares float64
	for _, v := range x {
		d := float64(v) - mean
		squares += d * d
	}
	scale := 1 / math.Sqrt(squares/n+eps)
	for i, v := range x {
		z := (float64(v) - mean) * scale * float64(gain[i])
		if bias != nil {
			z += float64(bias[i])
		}
		y[i] = float32(z)
	}
}

// normalise runs one of the norms, row by row.
func (b *Backend) normalise(op string, row normFunc, y, x, gain, bias engine.Tensor, eps float32) {
	b.norm = normOfRows(op, row, y, x, gain, bias, eps)
	b.run(&b.norm, x.Rows(), 4*x.Cols())
}

func normOfRows(op string, row normFunc, y, x, gain, bias engine.Tensor, eps float32) normTask {
	return normTask{
		row: row, cols: x.Cols(), eps: float64(eps),
		y: f32(op, "y", y), x: f32(op, "x", x),
		gain: f32(op, "gain", gain), bias: optional(op, "bias", bias),
	}
}

// normOf is y = norm(x) as a task.
func (b *Backend) normOf(op string, norm *engine.Norm, y, x engine.Tensor) normTask {
	row := b.kernels.rmsNorm
	if norm.Kind == engine.NormLayer {
		row = b.kernels.layerNorm
	}
	return normOfRows(op, row, y, x, norm.Gain, norm.Bias, norm.Eps)
}

type normFunc func(y, x, gain, bias []float32, eps float64)

// normTask is the arguments of a norm; an item is a row.
type normTask struct {
	row              normFunc
	y, x, gain, bias []float32
	cols             int
	eps              float64
}

func (n *normTask) run(_, from, to int) {
	for r := from; r < to; r++ {
		lo, hi := r*n.cols, (r+1)*n.cols
		n.row(n.y[lo:hi], n.x[lo:hi], n.gain, n.bias, n.eps)
	}
}
