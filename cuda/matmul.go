//go:build cuda && cgo && linux

package cuda

import (
	"math"
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
	staged  buffer // rows of x in half precision or as integers
}

// tensorKernels are the kernels for weights of one format that use tensor cores.
type tensorKernels struct {
	stage, stageFew, few *kernel
	stageInt8, int8      *kernel            // of a format with scales
	tiles                map[string]*kernel // by the ending of matmul_FORMAT
	scaled               bool               // staged rows have a power of two each
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
	name := strings.ToLower(f.String())
	k := &tensorKernels{
		stage: b.kernel("stage_" + half), stageFew: b.kernel("stage_" + half + "_few"), few: b.kernel("matfew_" + name),
		tiles: map[string]*kernel{}, scaled: half == "f16",
	}
	for _, ending := range kernels.TensorEndings() {
		k.tiles[ending] = b.kernel("matmul_" + name + ending)
	}
	if f.BlockLen() > 1 {
		k.stageInt8, k.int8 = b.kernel("stage_s8"), b.kernel("matmul_"+name+"_s8")
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
	need := []*kernel{k.stage, k.stageFew, k.few}
	for _, kernel := range k.tiles {
		need = append(need, kernel)
	}
	if b.rounds(f) {
		need = []*kernel{k.stageInt8, k.int8}
	}
	for _, kernel := range need {
		if err := b.ready(kernel); err != nil {
			return err
		}
	}
	return nil
}

// matvecRows is up to how many rows are multiplied one by one, with matvec_*: without tensor
// cores more, because a tile of the plain matmul_* computes 64 rows whether they are there or
// not, and all with integers, which matmul_* does not have.
func (b *Backend) matvecRows(f format.Format) int {
	switch tensor := b.tensor(f) != nil; {
	case b.rounds(f) && !tensor:
		return math.MaxInt
	case b.rounds(f) || !tensor:
		return 8
	}
	return kernels.MatvecRows
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
	norm    *engine.Norm // of x, still to be done, or nil
	scratch *engine.Scratch
	stage   *kernel // that has run, nil for none
	log     int     // its parameter
	h       uint64  // what it wrote: x, and what it was scaled by
	unscale uint64
	sums    uint64 // of stage_s8
}

// manyRows is x for products with it: products with several weights follow each other with
// no other operation between them, so that x is brought to half precision once.
func (b *Backend) manyRows(op string, x engine.Tensor) manyRows {
	return manyRows{b: b, op: op, x: x}
}

// manyNormed is manyRows of norm(x), which the kernels that stage x do on the way; others find it
// in s.Row.
func (b *Backend) manyNormed(op string, x engine.Tensor, norm *engine.Norm, s *engine.Scratch) manyRows {
	return manyRows{b: b, op: op, x: x, norm: norm, scratch: s}
}

// multiply queues y = x w' + bias.
func (r *manyRows) multiply(y engine.Tensor, w *weight, bias uint64) { r.product(y, w, bias, 0) }

// accumulate queues y = y + x w' + bias, in one launch with tensor cores, else with the product
// in scratch first.
func (r *manyRows) accumulate(y engine.Tensor, w *weight, bias uint64, scratch engine.Tensor) {
	if r.b.tensor(w.Format()) == nil {
		r.product(scratch, w, bias, 0)
		r.b.Residual(y, y, scratch)
		return
	}
	r.product(y, w, bias, address(r.op, "y", y))
}

// product queues y = x w' + bias + what lies at address add, which only tensor cores' kernels do.
func (r *manyRows) product(y engine.Tensor, w *weight, bias, add uint64) {
	b, t := r.b, r.x.Rows()
	k := b.tensor(w.Format())
	if k == nil {
		if r.norm != nil {
			r.x, r.norm, r.stage = b.normed(r.x, r.norm, r.scratch), nil, nil
		}
		a := b.arguments.none()
		a.add(address(r.op, "y", y), address(r.op, "x", r.x))
		a.planes(w)
		a.add(bias, uint64(w.Rows()), uint64(w.Cols()), uint64(t))
		b.launch(b.ops.weights[w.Format()].matmul, ceilDiv(w.Rows(), matmulTile), ceilDiv(t, matmulTile), 1, 0, a.list()...)
		return
	}
	if b.rounds(w.Format()) {
		r.productInt8(k, y, w, bias, add)
		return
	}
	var strides [maxPlanes]int
	for i, p := range w.layout.Planes {
		strides[i] = p.RowStride
	}
	p := kernels.PlanTensor(w.Format(), strides[:len(w.layout.Planes)], w.Rows(), t, kernels.Device{Compute: b.compute, Multiprocessors: b.info.Units, MaxShared: b.maxShared})
	if !r.bring(k, p.Few, w.Format()) {
		return
	}
	a := b.arguments.none()
	a.add(address(r.op, "y", y), r.h)
	if k.scaled {
		a.add(r.unscale)
	}
	a.planes(w)
	a.add(bias, add, uint64(w.Rows()), uint64(w.Cols()), uint64(t))
	kernel := k.few
	if !p.Few {
		kernel = k.tiles[p.Ending]
	}
	b.launch(kernel, p.Grid[0], p.Grid[1], p.Grid[2], uint32(p.Shared), a.list()...)
}

// productInt8 is product with x in integers.
func (r *manyRows) productInt8(k *tensorKernels, y engine.Tensor, w *weight, bias, add uint64) {
	b, t, f := r.b, r.x.Rows(), w.Format()
	if !r.bringInt8(k, kernels.SumLog(f)) {
		return
	}
	a := b.arguments.none()
	a.add(address(r.op, "y", y), r.h, r.unscale)
	if kernels.Minima(f) {
		a.add(r.sums)
	}
	a.planes(w)
	a.add(bias, add, uint64(w.Rows()), uint64(w.Cols()), uint64(t))
	grid := kernels.Int8Grid(w.Rows(), t)
	b.launch(k.int8, grid[0], grid[1], grid[2], 0, a.list()...)
}

// bringInt8 queues the rounding of x to integers with sums of 2^log of them, unless it was done
// for the product before.
func (r *manyRows) bringInt8(k *tensorKernels, log int) bool {
	b, t, cols := r.b, r.x.Rows(), r.x.Cols()
	if r.stage == k.stageInt8 && r.log == log {
		return true
	}
	rows, padded := kernels.Staged(t, cols)
	numbers := int64(rows) * int64(padded)
	if err := b.reserve(&b.products.staged, numbers+numbers/32*4+numbers>>log*4); err != nil {
		b.fail(err)
		return false
	}
	r.stage, r.log, r.h = k.stageInt8, log, b.products.staged.addr
	r.unscale = r.h + uint64(numbers)
	r.sums = r.unscale + uint64(numbers/32*4)
	a := b.arguments.none()
	a.add(r.h, r.unscale, r.sums)
	r.addX(a, log, true)
	b.launch(k.stageInt8, rows, 1, 1, 0, a.list()...)
	return true
}

// bring queues the rounding of x to half precision, unless it was done for the product before.
// Without the memory for it, it says no and keeps the error for the next Sync.
func (r *manyRows) bring(k *tensorKernels, few bool, f format.Format) bool {
	b, t, cols := r.b, r.x.Rows(), r.x.Cols()
	stage, log := k.stage, 0
	rows, padded := kernels.Staged(t, cols)
	if few {
		stage = k.stageFew
		rows, padded, log = kernels.StagedFew(f, t, cols)
	}
	if r.stage == stage && r.log == log {
		return true
	}
	bytes := 2 * int64(rows) * int64(padded)
	if err := b.reserve(&b.products.staged, bytes+4*int64(t)); err != nil {
		b.fail(err)
		return false
	}
	r.stage, r.log, r.h, r.unscale = stage, log, b.products.staged.addr, b.products.staged.addr+uint64(bytes)
	a := b.arguments.none()
	a.add(r.h)
	if k.scaled {
		a.add(r.unscale)
	}
	r.addX(a, log, few)
	b.launch(stage, rows, 1, 1, 0, a.list()...)
	return true
}

// addX adds what the kernels that stage x end with: x, its norm's weights, extents, log if the kernel
// takes it, and the norm's kind and eps.
func (r *manyRows) addX(a *arguments, log int, takesLog bool) {
	a.add(address(r.op, "x", r.x))
	var center, eps uint64
	if n := r.norm; n != nil {
		a.add(address(r.op, "the norm's gain", n.Gain), optional(r.op, "the norm's bias", n.Bias))
		eps = bits(n.Eps)
		if n.Kind == engine.NormLayer {
			center = 1
		}
	} else {
		a.add(0, 0)
	}
	a.add(uint64(r.x.Cols()), uint64(r.x.Rows()))
	if takesLog {
		a.add(uint64(log))
	}
	a.add(center, eps)
}
