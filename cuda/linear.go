//go:build cuda && cgo && linux

package cuda

import (
	"strings"

	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// weightKernels are the kernels that read weights of one format.
type weightKernels struct {
	embed, matvec, matmul *kernel
	matvecInt8            *kernel // found when it is first asked for
}

// rounds says whether activations are rounded to int8 for weights of a format.
func (b *Backend) rounds(f format.Format) bool { return b.int8 && f.BlockLen() > 1 }

// matvecKernel is matvec_<format> or matvec_<format>_int8.
func (b *Backend) matvecKernel(f format.Format) *kernel {
	k := b.ops.weights[f]
	if !b.rounds(f) {
		return k.matvec
	}
	if k.matvecInt8 == nil {
		k.matvecInt8 = b.kernel("matvec_" + strings.ToLower(f.String()) + "_int8")
	}
	return k.matvecInt8
}

// few says whether t rows with weights of a format are multiplied one by one, by matvec_*.
func (b *Backend) few(t int, f format.Format) bool { return t <= b.matvecRows(f) }

// Linear launches matvec_<format of the weight> for few rows, matmul_<format> for many.
func (b *Backend) Linear(y, x engine.Tensor, weight engine.Weight, bias engine.Tensor) {
	const op = "Linear"
	engine.CheckLinear(y, x, weight, bias)
	w := b.ownWeight(op, weight)
	if !b.few(x.Rows(), w.Format()) {
		b.matmulInto(op, y, x, w, optional(op, "bias", bias))
		return
	}
	c := matvecCall{op: op, x: x}
	c.add(address(op, "y", y), w, optional(op, "bias", bias))
	b.matvec(&c)
}

// matvecCall is what matvec_* is to do with one or more weights of one format.
type matvecCall struct {
	op   string
	verb repack.MatvecVerb
	x    engine.Tensor
	norm *engine.Norm

	n      int // weights
	y      [3]uint64
	weight [3]*weight
	bias   [3]uint64
}

// add appends a weight, of which the first one's y counts where two make one y.
func (c *matvecCall) add(y uint64, w *weight, bias uint64) {
	c.y[c.n], c.weight[c.n], c.bias[c.n] = y, w, bias
	c.n++
}

// rows is N_i of the call: 0 for a weight that is not there, or that follows a gate.
func (c *matvecCall) rows(i int) int {
	if i >= c.n || i > 0 && c.verb.Gated() {
		return 0
	}
	return c.weight[i].Rows()
}

// matvec queues a call.
func (b *Backend) matvec(c *matvecCall) {
	w := c.weight[0]
	l := w.layout.Matvec(c.verb, c.x.Rows(), b.info.Units, c.rows(1), c.rows(2))
	var at [3]uint64
	for i := range c.n {
		at[i] = c.weight[i].addr
	}
	kind, eps := uint64(0), uint64(0)
	var gain, shift uint64
	if c.norm != nil {
		kind, eps = 1+uint64(c.norm.Kind), bits(c.norm.Eps)
		gain, shift = address(c.op, "gain", c.norm.Gain), optional(c.op, "the norm's bias", c.norm.Bias)
	}
	a := b.arguments.none()
	a.add(c.y[:]...)
	a.add(address(c.op, "x", c.x))
	a.add(at[:]...)
	a.add(c.bias[:]...)
	a.add(gain, shift, uint64(c.rows(0)), uint64(c.rows(1)), uint64(c.rows(2)), uint64(w.Cols()),
		uint64(l.Parts), uint64(l.Rows), uint64(l.Abreast), uint64(c.verb), kind, eps)
	b.launch(b.matvecKernel(w.Format()), l.Grid[0], l.Grid[1], 1, 0, a.list()...)
}

// normed queues the norm of many rows, for products that follow it: x itself, or s.Row.
func (b *Backend) normed(x engine.Tensor, norm *engine.Norm, s *engine.Scratch) engine.Tensor {
	switch {
	case norm == nil:
		return x
	case norm.Kind == engine.NormLayer:
		b.LayerNorm(s.Row, x, norm.Gain, norm.Bias, norm.Eps)
	default:
		b.RMSNorm(s.Row, x, norm.Gain, norm.Eps)
	}
	return s.Row
}

// arguments collects the arguments of a kernel whose number depends on a format.
type arguments struct {
	words [maxArguments]uint64
	n     int
}

func (a *arguments) none() *arguments {
	a.n = 0
	return a
}

func (a *arguments) add(words ...uint64) { a.n += copy(a.words[a.n:], words) }

func (a *arguments) planes(w *weight) { a.add(w.planes[:len(w.layout.Planes)]...) }

func (a *arguments) list() []uint64 { return a.words[:a.n] }
