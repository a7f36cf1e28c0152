package kernels

// Sizes that the grids in the kernels' headers are made of.
const (
	// PageLen is the number of positions in a page of the KV cache.
	PageLen = 32
	// ElementsPerBlock is how many numbers a block of an element-wise kernel, of store_*
	// or of gather_f32 works on.
	ElementsPerBlock = 1024
	// TopKPart is a good size of a part for topk_f32: 8 numbers a thread, which stay in
	// the first cache, and parts enough for all multiprocessors from a vocabulary.
	TopKPart = 2048
)

// TopKKeys is the number of u64 in topk_f32's workspace.
func TopKKeys(rows, cols, k int) int { return rows * ceilDiv(cols, TopKPart) * k }

func ceilDiv(a, b int) int { return (a + b - 1) / b }
