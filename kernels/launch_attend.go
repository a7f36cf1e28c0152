package kernels

// DecodeHeads is how many heads of a group share a block of attend_decode_*, and so its
// loads of keys and values.
const DecodeHeads = 4

// DecodeBlocks is the second extent of attend_decode_*'s grid.
func DecodeBlocks(heads, kvHeads int) int {
	return kvHeads * ceilDiv(heads/kvHeads, DecodeHeads)
}

// minSplit is the least number of pages that get a split of their own: one for each warp
// of a block of attend_decode_*.
const minSplit = 4

// Splits is the third extent of attend_decode_*'s grid for rows that see at most that
// many positions, with blocks = rows * DecodeBlocks: enough splits for two blocks on each
// multiprocessor, but none of fewer than 4 pages. It is right for shorter rows as well,
// whose last splits are then empty, so that a recorded step can be replayed as the
// context grows.
func Splits(positions, blocks, multiprocessors int) int {
	most := ceilDiv(positions, minSplit*PageLen)
	return max(1, min(most, ceilDiv(2*multiprocessors, blocks)))
}

// PromptPairs is how many pairs of a row and a head of one group a tile of
// attend_prompt_* has at most.
const PromptPairs = 32

// PromptShared is the dynamic shared memory of attend_prompt_* in bytes.
func PromptShared(dim int) int { return 4 * (2*PromptPairs*(dim+4) + PageLen*(PromptPairs+4)) }

// PromptTiles appends the tiles of attend_prompt_* for a step whose rows belong to the
// sequences seq, with group heads on each key/value head: for each tile its first pair
// and its number of pairs.
func PromptTiles(tiles []int32, seq []int32, group int) []int32 {
	for from := 0; from < len(seq); {
		to := from + 1
		for to < len(seq) && seq[to] == seq[from] {
			to++
		}
		for pair := from * group; pair < to*group; pair += PromptPairs {
			tiles = append(tiles, int32(pair), int32(min(PromptPairs, to*group-pair)))
		}
		from = to
	}
	return tiles
}
