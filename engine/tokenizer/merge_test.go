package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// naiveMerge joins the best pair of all, again and again, as the definition of BPE says.
func naiveMerge(r ranker, word string, syms []symbol) []symbol {
	syms = slices.Clone(syms)
	for {
		at, best, id := -1, int32(noRank), int32(0)
		for i := range len(syms) - 1 {
			if rank, joined, ok := r.join(word, syms[i], syms[i+1]); ok && rank < best {
				at, best, id = i, rank, joined
			}
		}
		if at < 0 {
			return syms
		}
		syms[at].end, syms[at].id = syms[at+1].end, id
		syms = slices.Delete(syms, at+1, at+2)
	}
}

// TestMergeMatchesDefinition covers short words, long ones, and the places where SentencePiece text is cut.
func TestMergeMatchesDefinition(t *testing.T) {
	t.Parallel()
	m := smallSPMTokenizer(t, nil).model.(*spm)
	rng := rand.New(rand.NewPCG(3, 4))
	const letters = "abdehilnorstéü▁▁▁"
	for range 2000 {
		var b strings.Builder
		for range 1 + rng.IntN(3*shortWord) {
			b.WriteString(string([]rune(letters)[rng.IntN(17)]))
		}
		word := b.String()
		var syms []symbol
		for i, r := range word {
			n := int32(i + len(string(r)))
			id, ok := m.vocab.ids[string(r)]
			if !ok {
				id = -1
			}
			syms = append(syms, symbol{int32(i), n, id})
		}
		want := naiveMerge(m, word, syms)
		if got := merge(m, word, slices.Clone(syms), newScratch()); !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, want %v", word, got, want)
		}
		var ids []int32
		for _, s := range want {
			if s.id >= 0 {
				ids = append(ids, s.id)
				continue
			}
			for i := s.start; i < s.end; i++ {
				ids = append(ids, m.bytes[word[i]])
			}
		}
		if got := m.encode(nil, word, newScratch()); !slices.Equal(got, ids) {
			t.Fatalf("%q: cut and encoded %v, want %v", word, got, ids)
		}
	}
}

func TestPairTable(t *testing.T) {
	t.Parallel()
	const n = 5000
	table := newPairTable(n)
	for i := range int32(n) {
		table.put(i, n-i, i, 2*i, false)
	}
	table.put(7, n-7, 99, 99, false)
	table.put(8, n-8, 99, 98, true)
	for i := range int32(n) {
		rank, id, ok := table.join("", symbol{id: i}, symbol{id: n - i})
		wantRank, wantID := i, 2*i
		if i == 8 {
			wantRank, wantID = 99, 98
		}
		if !ok || rank != wantRank || id != wantID {
			t.Fatalf("pair %d: got rank %d, id %d, %v", i, rank, id, ok)
		}
		if _, _, ok := table.join("", symbol{id: i}, symbol{id: i + n + 1}); ok {
			t.Fatalf("pair (%d, %d) was never put", i, i+n+1)
		}
	}
}
