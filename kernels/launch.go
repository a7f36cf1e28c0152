package kernels

// Sizes that the grids in the kernels' headers are made of.
const (
	// PageLen is the number of positions in a page of the KV cache.
	PageLen = 32
	// ElementsPerBlock is how many numbers a block of an element-wise kernel, of store_*
	// or of gather_f32 works on.
	ElementsPerBlock = 1024
	// RopePairs and RopeHeads: a block of rope_f32 turns RopePairs pairs in each of
	// RopeHeads heads.
	RopePairs = 128
	RopeHeads = 4
	// TopKPart is a good size of a part for topk_f32: 8 numbers a thread, which stay in
	// the first cache, and parts enough for all multiprocessors from a vocabulary.
	TopKPart = 2048
)

// RopeBlocks is the second extent of rope_f32's grid.
func RopeBlocks(heads, pairs int) int {
	return ceilDiv(pairs*ceilDiv(heads, RopeHeads), RopePairs)
}

// TopKKeys is the number of u64 in topk_f32's workspace.
func TopKKeys(rows, cols, k int) int { return rows * ceilDiv(cols, TopKPart) * k }

func ceilDiv(a, b int) int { return (a + b - 1) / b }
