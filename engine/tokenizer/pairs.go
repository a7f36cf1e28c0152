package tokenizer

import (
	"math/bits"
	"math/rand/v2"
)

// pairTable maps a pair of ids to its merge: an open-addressing hash table, because half a million merges are
// loaded at once and looked up for every pair of symbols. The hash is seeded, so that no file can be made to
// collide.
type pairTable struct {
	slots []pairSlot // a power of two of them, at most half in use
	seed  uint64
}

type pairSlot struct {
	key      uint64 // 0: empty
	rank, id int32
}

func newPairTable(n int) *pairTable {
	size := 1 << bits.Len(uint(max(2*n, 8)-1))
	return &pairTable{slots: make([]pairSlot, size), seed: rand.Uint64()}
}

// pairKey is never 0 for ids that are not negative.
func pairKey(left, right int32) uint64 { return uint64(uint32(left)+1)<<32 | uint64(uint32(right)+1) }

// slot returns the place of key, or the empty one where it belongs.
func (t *pairTable) slot(key uint64) *pairSlot {
	hi, lo := bits.Mul64(key^t.seed, 0x9E3779B97F4A7C15)
	mask := uint64(len(t.slots) - 1)
	for i := (hi ^ lo) & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.key == key || s.key == 0 {
			return s
		}
	}
}

// put enters a merge. A pair that is there already is changed only if replace is set. No more pairs may be put than
// the table was made for.
func (t *pairTable) put(left, right, rank, id int32, replace bool) {
	key := pairKey(left, right)
	if s := t.slot(key); s.key == 0 || replace {
		*s = pairSlot{key, rank, id}
	}
}

// join implements ranker for models that merge by id.
func (t *pairTable) join(_ string, left, right symbol) (rank, id int32, ok bool) {
	if left.id < 0 || right.id < 0 {
		return 0, 0, false
	}
	s := t.slot(pairKey(left.id, right.id))
	return s.rank, s.id, s.key != 0
}
