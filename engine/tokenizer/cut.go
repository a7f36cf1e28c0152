package tokenizer

import "unicode/utf8"

// cutter cuts text between two characters that stand side by side in no token of the vocabulary. No merge can
// ever reach across such a place, so the parts can be encoded one by one with the same result; the text of
// a tokenizer without a pre-tokenizer, which may be megabytes of one word, becomes short words that repeat.
//
// The pairs of characters are kept in a bitmap by hash. A collision only means that a place is not cut.
type cutter struct{ seen []uint64 }

const cutBits = 22 // 512 KiB

func newCutter(texts []string) *cutter {
	c := &cutter{seen: make([]uint64, 1<<(cutBits-6))}
	for _, text := range texts {
		prev := rune(-1)
		for _, r := range text {
			if prev >= 0 {
				h := pairHash(prev, r)
				c.seen[h>>6] |= 1 << (h & 63)
			}
			prev = r
		}
	}
	return c
}

func pairHash(a, b rune) uint64 {
	return (uint64(a)<<32 | uint64(b)) * 0x9E3779B97F4A7C15 >> (64 - cutBits)
}

// each encodes the parts of text in turn, short ones through the cache.
func (c *cutter) each(dst []int32, text string, s *scratch, encode encodeFunc) []int32 {
	start := 0
	prev, n := utf8.DecodeRuneInString(text)
	for i := n; i < len(text); i += n {
		r := rune(text[i])
		n = 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		h := pairHash(prev, r)
		if c.seen[h>>6]&(1<<(h&63)) == 0 {
			dst = s.encodeWord(encode, dst, text[start:i])
			start = i
		}
		prev = r
	}
	if start < len(text) {
		dst = s.encodeWord(encode, dst, text[start:])
	}
	return dst
}

// encodeFunc is a model's work on one part.
type encodeFunc func(dst []int32, word string, s *scratch) []int32

func (f encodeFunc) encode(dst []int32, word string, s *scratch) []int32 { return f(dst, word, s) }
