package tokenizer

import "strings"

// scratch is the working memory of one Encode. It comes from a pool, so its word cache lives on between calls.
type scratch struct {
	words []string // pieces of the segment at hand, and of the stage before
	spare []string
	syms  []symbol
	links []link
	heap  []pairEntry
	buf   []byte

	cache    map[string]cached
	cacheIDs []int32
}

// cached is a range of scratch.cacheIDs.
type cached struct{ start, end int32 }

// Bounds of the word cache and of what a pooled scratch may keep after a huge text.
const (
	maxCachedWord = 64
	maxCacheWords = 1 << 15
	maxKept       = 1 << 16
)

func newScratch() *scratch { return &scratch{cache: make(map[string]cached)} }

// encodeWord is m.encode with the cache before it.
func (s *scratch) encodeWord(m model, dst []int32, word string) []int32 {
	if len(word) > maxCachedWord {
		return m.encode(dst, word, s)
	}
	if c, ok := s.cache[word]; ok {
		return append(dst, s.cacheIDs[c.start:c.end]...)
	}
	from := len(dst)
	dst = m.encode(dst, word, s)
	if len(s.cache) >= maxCacheWords {
		clear(s.cache)
		s.cacheIDs = s.cacheIDs[:0]
	}
	start := len(s.cacheIDs)
	s.cacheIDs = append(s.cacheIDs, dst[from:]...)
	// The key must not keep the whole text alive.
	s.cache[strings.Clone(word)] = cached{int32(start), int32(len(s.cacheIDs))}
	return dst
}

// trim gives back what a huge text has grown, and every reference to the text.
func (s *scratch) trim() {
	clear(s.words[:cap(s.words)])
	clear(s.spare[:cap(s.spare)])
	if cap(s.words)+cap(s.spare) > maxKept {
		s.words, s.spare = nil, nil
	}
	if cap(s.syms) > maxKept {
		s.syms, s.links, s.heap = nil, nil, nil
	}
	if cap(s.buf) > maxKept {
		s.buf = nil
	}
}
