package tokenizer

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// spm is SentencePiece's BPE: of all neighbours whose concatenation is a token, the one with the best score is
// joined first. Symbols that end up as no token become byte tokens. As in llama.cpp (llm_tokenizer_spm).
type spm struct {
	vocab *vocabulary
	ranks []int32 // of each token: 0 has the best score; equal scores share a rank
	cuts  *cutter
	bytes [256]int32
	unk   optionalID // where a byte token is missing
}

func newSPM(v *vocabulary, unk optionalID) *spm {
	m := &spm{vocab: v, unk: unk, ranks: make([]int32, len(v.texts))}
	m.bytes, _ = v.byteIDs()
	for b, id := range m.bytes {
		// An old vocabulary may have the plain character only.
		if plain, ok := v.ids[string([]byte{byte(b)})]; id < 0 && ok {
			m.bytes[b] = plain
		}
	}
	order := make([]int32, len(v.texts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(v.scores[b], v.scores[a]) })
	rank := int32(0)
	for i, id := range order {
		if i > 0 && v.scores[id] != v.scores[order[i-1]] {
			rank++
		}
		m.ranks[id] = rank
	}
	m.cuts = newCutter(v.texts)
	return m
}

func (m *spm) encode(dst []int32, word string, s *scratch) []int32 {
	return m.cuts.each(dst, word, s, m.encodeCut)
}

func (m *spm) encodeCut(dst []int32, word string, s *scratch) []int32 {
	syms := s.syms[:0]
	for i := 0; i < len(word); {
		_, n := utf8.DecodeRuneInString(word[i:])
		id, ok := m.vocab.ids[word[i:i+n]]
		if !ok {
			id = -1
		}
		syms = append(syms, symbol{int32(i), int32(i + n), id})
		i += n
	}
	s.syms = syms
	for _, sym := range merge(m, word, syms, s) {
		if sym.id >= 0 {
			dst = append(dst, sym.id)
			continue
		}
		for i := sym.start; i < sym.end; i++ {
			if id := m.bytes[word[i]]; id >= 0 {
				dst = append(dst, id)
			} else if unk, ok := m.unk.get(); ok {
				dst = append(dst, unk)
			}
		}
	}
	return dst
}

// join implements ranker.
func (m *spm) join(word string, left, right symbol) (rank, id int32, ok bool) {
	id, ok = m.vocab.ids[word[left.start:right.end]]
	if !ok {
		return 0, 0, false
	}
	return m.ranks[id], id, true
}
