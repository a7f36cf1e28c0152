package kernels

import "github.com/potion-engine/potion/engine/format"

// This file is the one place that says which kernel multiplies rows of x with a weight,
// and on which grid.

// TensorCores is the compute capability from which on the kernels run that need them.
const TensorCores = 80

// Sizes of what stage_f16 and stage_bf16 write, and of the tiles that read it.
const (
	StageRows    = 128 // rows are rounded up to a multiple of it
	StageColumns = 64  // and columns
	// largeTile and smallTile are the rows of w and of x that a block of matmul_*_mma
	// and of matmul_*_mma_64 multiplies.
	largeTile, smallTile = 128, 64
)

// Staged is the extent of T rows of K numbers as stage_* writes them.
func Staged(t, k int) (rows, cols int) {
	return ceilDiv(t, StageRows) * StageRows, ceilDiv(k, StageColumns) * StageColumns
}

// HalfOf is the type that x is staged in for weights of a format: bf16 for BF16, whose range
// f16 does not have, else f16. F32 is multiplied in float32, as products of less precision
// would lose what the format is chosen for.
func HalfOf(f format.Format) (name string, ok bool) {
	switch f {
	case format.F32:
		return "", false
	case format.BF16:
		return "bf16", true
	}
	return "f16", true
}

// MatmulEndings are the endings that MatmulMMA chooses from.
func MatmulEndings() []string { return []string{"_mma", "_mma_64"} }

// MatmulMMA is the ending of the entry matmul_FORMAT_mma* for a product of T rows with a
// weight of N rows, and its grid: large tiles, which read the least, where they keep most
// multiprocessors busy, else small ones.
func MatmulMMA(n, t, multiprocessors int) (ending string, grid [3]int) {
	tiles := func(size int) [3]int { return [3]int{ceilDiv(n, size), ceilDiv(t, size), 1} }
	large := tiles(largeTile)
	if t > smallTile && 4*large[0]*large[1] >= 3*multiprocessors {
		return "_mma", large
	}
	return "_mma_64", tiles(smallTile)
}
