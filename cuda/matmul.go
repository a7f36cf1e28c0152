//go:build cuda && cgo && linux

package cuda

import (
	"strings"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// matmulTile is the rows and columns of y that a block of the plain matmul_* computes.
const matmulTile = 64

// products is what products of many rows need beside the plain kernels.
type products struct {
	plain   bool // no tensor cores, whatever the device has
	kernels [formats]*tensorKernels
	staged  buffer // rows of x in half precision
}

// tensorKernels are the kernels for weights of one format that use tensor cores.
type tensorKernels struct {
	stage  *kernel
	scaled bool // staged rows have a power of two each
	byName map[string]*kernel
}

// tensor is the kernels with tensor cores for a format, nil if the device has none, the
// backend is not to use them, or the format is multiplied in float32.
func (b *Backend) tensor(f format.Format) *tensorKernels {
	half, ok := kernels.HalfOf(f)
	if !ok || b.compute < kernels.TensorCores || b.products.plain {
		return nil
	}
	if k := b.products.kernels[f]; k != nil {
		return k
	}
	k := &tensorKernels{stage: b.kernel("stage_" + half), scaled: half == "f16", byName: map[string]*kernel{}}
	for _, ending := range kernels.MatmulEndings() {
		k.byName[ending] = b.kernel("matmul_" + strings.ToLower(f.String()) + ending)
	}
	b.products.kernels[f] = k
	return k
}

// readyProducts compiles what products of many rows need for a format.
func (b *Backend) readyProducts(f format.Format) error {
	k := b.tensor(f)
	if k == nil {
		return nil
	}
	for _, kernel := range k.byName {
		if err := b.ready(kernel); err != nil {
			return err
		}
	}
	return b.ready(k.stage)
}

// matmulInto queues y = x w' + bias for many rows of x, with y and x on the device and
// shapes that were checked. bias is 0 for none.
func (b *Backend) matmulInto(op string, y, x engine.Tensor, w *weight, bias uint64) {
	rows := b.manyRows(op, x)
	rows.multiply(y, w, bias)
}

// manyRows is the left side of one or more products.
type manyRows struct {
	b       *Backend
	op      string
	x       engine.Tensor
	stage   *kernel // that has run, nil for none
	h       uint64  // what it wrote
	unscale uint64
}

// manyRows is x for products with it: products with several weights follow each other with
// no other operation between them, so that x is brought to half precision once.
func (b *Backend) manyRows(op string, x engine.Tensor) manyRows {
	return manyRows{b: b, op: op, x: x}
}

// multiply queues y = x w' + bias.
func (r *manyRows) multiply(y engine.Tensor, w *weight, bias uint64) {
	b, t := r.b, r.x.Rows()
	k := b.tensor(w.Format())
	if k == nil {
		a := b.arguments.none()
		a.add(address(r.op, "y", y), address(r.op, "x", r.x))
		a.planes(w)
		a.add(bias, uint64(w.Rows()), uint64(w.Cols()), uint64(t))
		b.launch(b.ops.weights[w.Format()].matmul, ceilDiv(w.Rows(), matmulTile), ceilDiv(t, matmulTile), 1, 0, a.list()...)
		return
	}
	if r.stage != k.stage && !r.bring(k) {
		return
	}
	ending, grid := kernels.MatmulMMA(w.Rows(), t, b.info.Units)
	a := b.arguments.none()
	a.add(address(r.op, "y", y), r.h)
	if k.scaled {
		a.add(r.unscale)
	}
	a.planes(w)
	a.add(bias, uint64(w.Rows()), uint64(w.Cols()), uint64(t))
	b.launch(k.byName[ending], grid[0], grid[1], grid[2], 0, a.list()...)
}

// bring queues the rounding of x to half precision. Without the memory for it, it says no
// and keeps the error for the next Sync.
func (r *manyRows) bring(k *tensorKernels) bool {
	b, t, cols := r.b, r.x.Rows(), r.x.Cols()
	tp, kp := kernels.Staged(t, cols)
	bytes := 2 * int64(tp) * int64(kp)
	if err := b.reserve(&b.products.staged, bytes+4*int64(t)); err != nil {
		b.fail(err)
		return false
	}
	r.stage, r.h, r.unscale = k.stage, b.products.staged.addr, b.products.staged.addr+uint64(bytes)
	a := b.arguments.none()
	a.add(r.h)
	if k.scaled {
		a.add(r.unscale)
	}
	a.add(address(r.op, "x", r.x), uint64(cols), uint64(t))
	b.launch(k.stage, tp, 1, 1, 0, a.list()...)
	return true
}
