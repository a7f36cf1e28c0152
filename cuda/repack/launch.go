package repack

import (
	"math"

	"github.com/potion-engine/potion/engine/format"
)

// Blocks of the kernels, in threads, as their .reqntid says.
const (
	MatvecBlock = 128
	MatmulBlock = 256
	EmbedBlock  = 128
)

// MatvecVerb says what matvec_* does with its sums: the kernel's parameter verb.
type MatvecVerb uint32

// The verbs, as the headers of matvec_*.ptx number them.
const (
	MatvecProject    MatvecVerb = iota
	MatvecAccumulate            // y + sums
	MatvecAccumulateNorm
	MatvecSwiGLU
	MatvecGeGLU
	MatvecGELU
)

// Gated says that two weights of as many rows make one y.
func (v MatvecVerb) Gated() bool { return v == MatvecSwiGLU || v == MatvecGeGLU }

const (
	matvecWarps = MatvecBlock / 32
	maxSums     = 32 // of a warp: the kernel's shared memory has room for so many
	minTurns    = 4  // a warp goes through at least so many rows one after another
	minWidth    = 4  // lanes that share a row
	// enoughWarps is how many warps a multiprocessor should have before each of them gets
	// more rows: with four loads of 16 bytes a lane they cover the memory's latency.
	enoughWarps = 11

	// MaxRows is the greatest number of rows of a weight: a grid reaches them all.
	MaxRows = math.MaxInt32
)

// MatvecLaunch is how to launch matvec_FORMAT.
type MatvecLaunch struct {
	Grid    [3]int
	Parts   uint32 // warps that share the columns of a row: the kernel's parameter parts
	Rows    uint32 // sums of a warp: the kernel's parameter rows
	Abreast uint32 // rows side by side in a warp: the kernel's parameter abreast
}

// unit is how many numbers of a row a lane of matvec owns: what a 16-byte load of floats
// holds, else what the widest record but those of whole super-blocks serves.
func unit(f format.Format) int {
	switch f {
	case format.F32:
		return 4
	case format.F16, format.BF16:
		return 8
	case format.Q2_K, format.Q3_K, format.Q6_K:
		return 64
	}
	return 32
}

// Matvec is the launch for t rows of x on a device of so many multiprocessors, for a
// weight of this layout and up to two more of its format with as many columns and the
// given rows, 0 for none. A weight that follows a gate has no rows of its own here. Any
// t is right, but the weights are read once for each row of x.
//
// A warp covers 32 units of a row at a time, or several short rows side by side. Several
// warps share a row when that keeps them at work at least 7/8 of the time, and a warp goes
// through as many rows as leaves enough warps for the device, because x is loaded once for
// all of them.
func (l Layout) Matvec(verb MatvecVerb, t, multiprocessors, second, third int) MatvecLaunch {
	sums := 1 // of a row
	if verb.Gated() {
		sums = 2
	}
	units := ceil(l.Cols, unit(l.Format))
	abreast := 1
	for abreast < 32/minWidth && 2*abreast*units <= 32 && maxSums/sums >= 2*abreast*minTurns {
		abreast *= 2
	}
	turns := ceil(units, 32) // of one warp alone
	parts := matvecWarps
	for parts > 1 && 7*parts*ceil(turns, parts) > 8*turns {
		parts /= 2
	}
	rows, least := maxSums, sums*abreast*minTurns
	for rows > least && t*parts*ceil(sums*(l.Rows+second+third), rows) < enoughWarps*multiprocessors {
		rows /= 2
	}
	each := rows / sums * matvecWarps / parts
	blocks := ceil(l.Rows, each) + ceil(second, each) + ceil(third, each)
	return MatvecLaunch{[3]int{blocks, t, 1}, uint32(parts), uint32(rows), uint32(abreast)}
}

// MatmulGrid is the grid of matmul_FORMAT for t rows of x: blocks of 64 x 64 numbers of y.
func (l Layout) MatmulGrid(t int) [3]int { return [3]int{ceil(l.Rows, 64), ceil(t, 64), 1} }

// EmbedGrid is the grid of embed_FORMAT for t rows of y: blocks of 1024 columns.
func (l Layout) EmbedGrid(t int) [3]int { return [3]int{t, ceil(l.Cols, 8*EmbedBlock), 1} }

func ceil(n, by int) int { return (n + by - 1) / by }
