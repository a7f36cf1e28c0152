package tokenizer

import "unicode/utf8"

// byteBPE is byte-level BPE: every byte of a word is a symbol, merges are ranked pairs of ids.
type byteBPE struct {
	vocab *vocabulary
	pairs *pairTable
	bytes [256]int32 // token of each byte, -1 if there is none
	// wholeWords: a word that is a token needs no merging (ignore_merges).
	wholeWords bool
	// skipMissing: a byte without a token vanishes before merging, so that its neighbours may be joined, as in
	// Hugging Face's library; otherwise it stays between them and vanishes afterwards, as in llama.cpp.
	skipMissing bool
	unk         optionalID // stands for a missing byte instead
}

// newByteBPE finds the byte tokens of a vocabulary in the byte alphabet.
func newByteBPE(v *vocabulary, pairs *pairTable) *byteBPE {
	m := &byteBPE{vocab: v, pairs: pairs}
	for b := range m.bytes {
		id, ok := v.ids[string(byteToRune[b])]
		if !ok {
			id = -1
		}
		m.bytes[b] = id
	}
	return m
}

func (m *byteBPE) encode(dst []int32, word string, s *scratch) []int32 {
	if len(word) == 1 && m.bytes[word[0]] >= 0 {
		return append(dst, m.bytes[word[0]])
	}
	if m.wholeWords {
		s.buf = appendMapped(s.buf[:0], word)
		if id, ok := m.vocab.ids[string(s.buf)]; ok {
			return append(dst, id)
		}
	}
	syms := s.syms[:0]
	for i := range len(word) {
		id := m.bytes[word[i]]
		if id < 0 {
			if unk, ok := m.unk.get(); ok {
				id = unk
			}
			if id < 0 && m.skipMissing {
				continue
			}
		}
		syms = append(syms, symbol{int32(i), int32(i + 1), id})
	}
	s.syms = syms
	for _, sym := range merge(m.pairs, word, syms, s) {
		if sym.id >= 0 {
			dst = append(dst, sym.id)
		}
	}
	return dst
}

// charBPE is BPE over characters, with ranked merges: Llama 2's and Gemma's tokenizer.json. A character that is no
// token becomes its bytes' tokens or the unknown token.
type charBPE struct {
	vocab      *vocabulary
	pairs      *pairTable
	cuts       *cutter // nil: words are not cut further
	bytes      [256]int32
	fallback   bool // use bytes
	unk        optionalID
	fuseUnk    bool // one unknown token for a run of unknown characters
	wholeWords bool
}

func (m *charBPE) encode(dst []int32, word string, s *scratch) []int32 {
	if m.wholeWords {
		if id, ok := m.vocab.ids[word]; ok {
			return append(dst, id)
		}
	}
	if m.cuts == nil {
		return m.encodeCut(dst, word, s)
	}
	return m.cuts.each(dst, word, s, m.encodeCut)
}

func (m *charBPE) encodeCut(dst []int32, word string, s *scratch) []int32 {
	syms := s.syms[:0]
	unkOpen := false
	for i := 0; i < len(word); {
		_, n := utf8.DecodeRuneInString(word[i:])
		end := i + n
		if id, ok := m.vocab.ids[word[i:end]]; ok {
			syms = append(syms, symbol{int32(i), int32(end), id})
			unkOpen = false
		} else if m.fallback && m.hasBytes(word[i:end]) {
			for ; i < end; i++ {
				syms = append(syms, symbol{int32(i), int32(i + 1), m.bytes[word[i]]})
			}
			unkOpen = false
		} else if unk, ok := m.unk.get(); ok {
			if unkOpen && m.fuseUnk {
				syms[len(syms)-1].end = int32(end)
			} else {
				syms = append(syms, symbol{int32(i), int32(end), unk})
			}
			unkOpen = true
		}
		i = end
	}
	s.syms = syms
	for _, sym := range merge(m.pairs, word, syms, s) {
		dst = append(dst, sym.id)
	}
	return dst
}

func (m *charBPE) hasBytes(char string) bool {
	for i := range len(char) {
		if m.bytes[char[i]] < 0 {
			return false
		}
	}
	return true
}
