package kernels

// DecodeHeads and DecodeHeadsMMA are how many heads of a group share a block of
// attend_decode_* and attend_decode_*_mma, and so its loads of keys and values.
const (
	DecodeHeads    = 4
	DecodeHeadsMMA = 8
)

// DecodeBlocks is the second extent of attend_decode_*'s grid, with as many heads to a
// block as one of the constants above says.
func DecodeBlocks(heads, kvHeads, share int) int {
	return kvHeads * ceilDiv(heads/kvHeads, share)
}

// DecodeShared is the dynamic shared memory of attend_decode_*_mma in bytes.
func DecodeShared(dim int) int { return 18432 * ceilDiv(dim, 64) }

// DecodePages is the least number of pages that attend_decode_* gives a split of their own.
const DecodePages = 4

// Splits is the third extent of attend_decode_*'s grid for sequences of at most that many
// pages, with blocks = rows * DecodeBlocks: a block for each multiprocessor at least. A
// row of fewer pages leaves the last of them with nothing to do, so that a recorded step
// can be replayed as the context grows: pages is what a sequence may come to.
func Splits(pages, blocks, multiprocessors int) int {
	return max(1, min(ceilDiv(pages, DecodePages), ceilDiv(multiprocessors, blocks)))
}

// PromptPairs is how many pairs of a row and a head of one group a tile of
// attend_prompt_* has at most.
const PromptPairs = 32

// PromptShared is the dynamic shared memory of attend_prompt_* in bytes.
func PromptShared(dim int) int { return 4 * (2*PromptPairs*(dim+4) + PageLen*(PromptPairs+4)) }

// PromptDims are the head sizes that attend_prompt_*_mma_<D> exists for, those of q8_0
// pages where they are multiples of 32.
func PromptDims() []int { return []int{64, 80, 96, 128, 256} }

// PromptPairsMMA is how many pairs a tile of attend_prompt_*_mma_<dim> has at most.
func PromptPairsMMA(dim int) int {
	if dim > 128 {
		return 64
	}
	return 128
}

// PromptSharedMMA is the dynamic shared memory of attend_prompt_*_mma_<dim> in bytes:
// queries and two pages, or, if those come with scales, one page unpacked beside them.
func PromptSharedMMA(dim int, scales bool) int {
	row, raw := 2*dim+16, dim+16
	if dim == 64 {
		raw = dim
	}
	if scales {
		return (PromptPairsMMA(dim)+2*PageLen)*row + 2*(2*PageLen*raw+4*dim)
	}
	return (PromptPairsMMA(dim) + 2*2*PageLen) * row
}

// PromptTiles appends the tiles of attend_prompt_* for a step whose rows belong to the
// sequences seq, with group heads on each key/value head and tiles of that many pairs:
// for each tile its first pair and its number of pairs.
func PromptTiles(tiles []int32, seq []int32, group, pairs int) []int32 {
	for from := 0; from < len(seq); {
		to := from + 1
		for to < len(seq) && seq[to] == seq[from] {
			to++
		}
		for pair := from * group; pair < to*group; pair += pairs {
			tiles = append(tiles, int32(pair), int32(min(pairs, to*group-pair)))
		}
		from = to
	}
	return tiles
}
