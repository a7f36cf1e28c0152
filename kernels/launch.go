package kernels

// Sizes that the grids in the kernels' headers are made of.
const (
	// PageLen is the number of positions in a page of the KV cache.
	PageLen = 32
	// ElementsPerBlock is how many numbers a block of an element-wise kernel works on.
	ElementsPerBlock = 1024
)
