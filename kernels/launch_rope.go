package kernels

// RopePairs and RopeHeads: a block of rope_f32 turns RopePairs pairs in each of RopeHeads
// heads.
const (
	RopePairs = 128
	RopeHeads = 4
)

// RopeBlocks is the second extent of rope_f32's grid.
func RopeBlocks(heads, pairs int) int {
	return ceilDiv(pairs*ceilDiv(heads, RopeHeads), RopePairs)
}

// RopeStoreHeads is how many heads a block of rope_store_* works on.
const RopeStoreHeads = 8

// RopeStoreBlocks is the second extent of rope_store_*'s grid: heads of q, 0 where q needs
// nothing, and kvHeads each of k and v.
func RopeStoreBlocks(heads, kvHeads int) int { return ceilDiv(heads+2*kvHeads, RopeStoreHeads) }

// RopeStoreShared is the dynamic shared memory of rope_store_*, in bytes.
func RopeStoreShared(dim, pairs int) int {
	return ceilDiv(8*pairs, 16)*16 + 4*RopeStoreHeads*dim
}
