package repack

import "github.com/potion-engine/potion/engine/format"

// Blocks of the kernels, in threads, as their .reqntid says.
const (
	MatvecBlock = 128
	MatmulBlock = 256
	EmbedBlock  = 128
)

const (
	matvecWarps = MatvecBlock / 32
	minRows     = 4     // of w that a warp goes through
	maxRows     = 32    // the kernel's shared memory has a cell for each
	gridLimit   = 65535 // of a grid's y
	// enoughWarps is how many warps a product should have before each of them gets more
	// rows: about a dozen for each multiprocessor of a large GPU, which with four loads
	// of 16 bytes a lane cover the memory's latency.
	enoughWarps = 1536

	// MaxRows is the greatest number of rows of a weight that a grid reaches.
	MaxRows = gridLimit * matvecWarps * maxRows
)

// MatvecLaunch is how to launch matvec_FORMAT.
type MatvecLaunch struct {
	Grid  [3]int
	Parts uint32 // warps that share the columns of a row: the kernel's parameter parts
	Rows  uint32 // rows of w that a warp goes through: the kernel's parameter rows
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

// Matvec is the launch for t rows of x. Any t is right, but the weights are read once for
// each row of x, so that from about nine rows on matmul is faster.
//
// A warp covers 32 units of a row at a time. Several warps share a row when that keeps
// them at work at least 7/8 of the time, and a warp goes through as many rows as leaves
// enough warps for the device, because x is loaded once for all of them.
func (l Layout) Matvec(t int) MatvecLaunch {
	turns := ceil(l.Cols, 32*unit(l.Format)) // of one warp alone
	parts := matvecWarps
	for parts > 1 && 7*parts*ceil(turns, parts) > 8*turns {
		parts /= 2
	}
	rows := maxRows
	for rows > minRows && parts*ceil(l.Rows, rows) < enoughWarps {
		rows /= 2
	}
	blocks := func() int { return ceil(l.Rows, rows*matvecWarps/parts) }
	for blocks() > gridLimit && rows < maxRows {
		rows *= 2
	}
	for blocks() > gridLimit && parts > 1 {
		parts /= 2
	}
	return MatvecLaunch{[3]int{t, blocks(), 1}, uint32(parts), uint32(rows)}
}

// MatmulGrid is the grid of matmul_FORMAT for t rows of x: blocks of 64 x 64 numbers of y.
func (l Layout) MatmulGrid(t int) [3]int { return [3]int{ceil(l.Rows, 64), ceil(t, 64), 1} }

// EmbedGrid is the grid of embed_FORMAT for t rows of y: blocks of 1024 columns.
func (l Layout) EmbedGrid(t int) [3]int { return [3]int{t, ceil(l.Cols, 8*EmbedBlock), 1} }

func ceil(n, by int) int { return (n + by - 1) / by }
