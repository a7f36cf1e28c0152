package kernels

import (
	"math"
	"slices"

	"github.com/potion-engine/potion/engine/format"
)

// This file is the one place that says which kernel multiplies rows of x with a weight on
// tensor cores, and how it is launched.

// TensorCores is the compute capability from which on the kernels run that need them.
const TensorCores = 80

// MatvecRows is up to how many rows matvec_*, which reads the weight for each of them anew,
// is at least as fast as matfew_*: so often the second cache, with about five times the
// bandwidth of memory, gives the weight again while it comes from memory once.
const MatvecRows = 4

// fewRows is the most rows that matfew_* multiplies at a time.
const fewRows = 16

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

// TensorProduct is how to multiply on tensor cores.
type TensorProduct struct {
	Ending string // of the entry: matfew_FORMAT, matmul_FORMAT_mma, ...
	Few    bool   // matfew_FORMAT, on what stage_*_few writes
	Grid   [3]int
	Shared int // dynamic shared memory in bytes
}

// tile is a kernel matmul_FORMAT_mma* with the rows of w and of x that a block of it multiplies.
type tile struct {
	ending string
	n, t   int
	// cost of a block over n * t: what its traffic to shared memory adds, on tensor cores that
	// add f32 at half their rate (consumer GPUs) and at the whole one (data centres').
	half, whole float64
}

var tiles = []tile{{"_mma", 128, 128, 1, 1}, {"_mma_128x64", 128, 64, 1.03, 1.3}, {"_mma_64", 64, 64, 1.1, 1.35}}

// TensorEndings are the endings of matmul_FORMAT that PlanTensor chooses from.
func TensorEndings() []string {
	var list []string
	for _, t := range tiles {
		list = append(list, t.ending)
	}
	return list
}

// Device is what the choice of a kernel depends on.
type Device struct {
	Compute         int // compute capability, 89 for 8.9
	Multiprocessors int
	MaxShared       int // bytes of shared memory that a block may have
}

// alone is what a block costs more where a multiprocessor has no other one, whose products
// fill the time between its barriers.
const alone = 1.2

// PlanTensor is the product of t rows of x with a weight of n rows whose planes have rows of so
// many bytes: for few rows matfew_*, if its shared memory is there, which reads the weight
// once; else the tiles that make the multiprocessor with the most blocks the least work.
func PlanTensor(f format.Format, strides []int, n, t int, d Device) TensorProduct {
	if shared := FewShared(f, strides); t <= fewRows && shared+fewStatic <= d.MaxShared {
		return TensorProduct{Few: true, Grid: [3]int{ceilDiv(n, 16), 1, 1}, Shared: shared}
	}
	whole := slices.Contains([]int{80, 90, 100, 103}, d.Compute) // A100, H100, B200 and their kin
	var best TensorProduct
	least := math.Inf(1)
	for _, k := range tiles {
		grid := [3]int{ceilDiv(n, k.n), ceilDiv(t, k.t), 1}
		blocks := ceilDiv(grid[0]*grid[1], d.Multiprocessors)
		cost := float64(blocks*k.n*k.t) * k.half
		if whole {
			cost *= k.whole / k.half
		}
		if blocks == 1 {
			cost *= alone
		}
		if cost < least {
			least, best = cost, TensorProduct{Ending: k.ending, Grid: grid}
		}
	}
	return best
}

// Staged is the extent of t rows of k numbers as stage_* writes them.
func Staged(t, k int) (rows, cols int) { return ceilDiv(t, 128) * 128, ceilDiv(k, 64) * 64 }

// StagedFew is the extent of t rows of k numbers as stage_*_few writes them, and its
// parameter log for a format: log2 of the pieces of 8 numbers in a record of codes.
func StagedFew(f format.Format, t, k int) (rows, cols, log int) {
	switch f {
	case format.F16, format.BF16:
	case format.Q2_K, format.Q3_K, format.Q6_K:
		log = 3
	default:
		log = 2
	}
	return ceilDiv(t, 8) * 8, ceilDiv(k, 128) * 128, log
}

// fewStatic is the static shared memory of matfew_*.
const fewStatic = 8 << 10

// FewShared is the dynamic shared memory of matfew_* in bytes, for a weight whose planes have
// rows of so many bytes: 16 rows of its planes of scales, each made an odd number of 16 bytes.
// The planes before them have codes, and are read into registers.
func FewShared(f format.Format, strides []int) int {
	codes := 1
	switch f {
	case format.Q8_0, format.Q3_K:
		codes = 2
	case format.Q6_K:
		codes = 3
	}
	bytes := 0
	for _, s := range strides[codes:] {
		bytes += 16 * (s | 16)
	}
	return bytes
}

// Int8Grid is the grid of matmul_*_s8.
func Int8Grid(n, t int) [3]int { return [3]int{ceilDiv(n, 128), ceilDiv(t, 64), 1} }

// Minima says whether a format's numbers have something added to scale * code: then
// matmul_FORMAT_s8 takes the sums of x.
func Minima(f format.Format) bool {
	switch f {
	case format.Q4_1, format.Q5_1, format.Q2_K, format.Q4_K, format.Q5_K:
		return true
	}
	return false
}

// SumLog is the parameter log of stage_s8 for a format: log2 of how many numbers of w share
// their scale, 16 at the least.
func SumLog(f format.Format) int {
	switch f {
	case format.Q2_K, format.Q3_K, format.Q6_K:
		return 4
	}
	return 5
}
