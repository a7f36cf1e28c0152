//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine"
)

// weightKernels are the kernels that read weights of one format.
type weightKernels struct {
	embed, matvec, matmul *kernel
}

// matvecWarps is how many warps a block of matvec_* has.
const matvecWarps = 4

// fewRows is up to how many rows Linear multiplies one by one, with matvec: the weights
// come out of the L2 cache for all rows but the first, while a tile of matmul computes 64
// rows whether they are there or not.
const fewRows = 8

// Linear launches matvec_<format of the weight> for few rows, matmul_<format> for many.
func (b *Backend) Linear(y, x engine.Tensor, weight engine.Weight, bias engine.Tensor) {
	const op = "Linear"
	engine.CheckLinear(y, x, weight, bias)
	w := b.ownWeight(op, weight)
	parts, rows := matvecPlan(&w.layout, b.info.Units)
	blocks := ceilDiv(w.Rows(), rows*(matvecWarps/parts))
	if x.Rows() > fewRows || blocks > maxGridY {
		b.matmulInto(op, y, x, w, optional(op, "bias", bias))
		return
	}
	a := b.arguments.none()
	a.add(address(op, "y", y), address(op, "x", x))
	a.planes(w)
	a.add(optional(op, "bias", bias), uint64(w.Rows()), uint64(w.Cols()), uint64(parts), uint64(rows))
	b.launch(b.ops.weights[w.Format()].matvec, x.Rows(), blocks, 1, 0, a.list()...)
}

// matvecPlan chooses how many of a block's warps share the numbers of the same rows, and
// how many rows those are: as many rows as leave two blocks for every multiprocessor,
// because a lane loads its part of x once for all of them.
func matvecPlan(l *repack.Layout, units int) (parts, rows int) {
	first := l.Planes[0]
	unit := max(first.Numbers, repack.RowAlign/first.Bytes) // numbers of a row that a lane has
	for parts = 1; parts < matvecWarps && l.Cols >= 2*parts*32*unit; parts *= 2 {
	}
	for rows = 32; rows > 4 && ceilDiv(l.Rows, rows*(matvecWarps/parts)) < 2*units; rows /= 2 {
	}
	return parts, rows
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
