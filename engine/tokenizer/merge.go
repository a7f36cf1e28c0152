package tokenizer

import (
	"math"
	"slices"
)

// ranker says whether two neighbouring symbols of a word may be joined, into which token, and how soon:
// the lowest rank first, the leftmost pair among equals.
type ranker interface {
	join(word string, left, right symbol) (rank, id int32, ok bool)
}

// symbol is a piece of a word, word[start:end]. Its id is -1 if it is no token.
type symbol struct{ start, end, id int32 }

const noRank = math.MaxInt32

// shortWord is the number of symbols up to which looking at every pair beats a priority queue.
const shortWord = 32

// merge joins the symbols of a word until no pair may be joined. It works in place and returns the symbols left.
func merge(r ranker, word string, syms []symbol, s *scratch) []symbol {
	switch {
	case len(syms) < 2:
		return syms
	case len(syms) <= shortWord:
		return mergeShort(r, word, syms)
	}
	return mergeLong(r, word, syms, s)
}

// mergeShort rescans all pairs after each join: O(n^2) with a tiny constant.
func mergeShort(r ranker, word string, syms []symbol) []symbol {
	var ranks, ids [shortWord]int32 // of the pair (i, i+1)
	rank := func(i int) {
		ranks[i] = noRank
		if k, id, ok := r.join(word, syms[i], syms[i+1]); ok {
			ranks[i], ids[i] = k, id
		}
	}
	for i := range len(syms) - 1 {
		rank(i)
	}
	for {
		best, at := int32(noRank), -1
		for i, k := range ranks[:len(syms)-1] {
			if k < best {
				best, at = k, i
			}
		}
		if at < 0 {
			return syms
		}
		syms[at].end, syms[at].id = syms[at+1].end, ids[at]
		last := len(syms) - 1
		copy(syms[at+1:], syms[at+2:])
		copy(ranks[at:last], ranks[at+1:last])
		copy(ids[at:last], ids[at+1:last])
		syms = syms[:last]
		if at > 0 {
			rank(at - 1)
		}
		if at < last-1 {
			rank(at)
		}
		if len(syms) == 1 {
			return syms
		}
	}
}

// pairEntry is a pair waiting in the queue. size is the length of the joined text: an entry whose symbols have
// grown since no longer fits and is skipped.
type pairEntry struct{ rank, left, size, id int32 }

func (e pairEntry) before(f pairEntry) bool {
	return e.rank < f.rank || e.rank == f.rank && e.left < f.left
}

// link chains the symbols of a long word; right < 0 ends the chain and size 0 marks a joined symbol.
type link struct{ left, right int32 }

// mergeLong keeps the pairs in a binary heap: O(n log n).
func mergeLong(r ranker, word string, syms []symbol, s *scratch) []symbol {
	links := slices.Grow(s.links[:0], len(syms))[:len(syms)]
	heap := s.heap[:0]
	add := func(left, right int32) {
		if left < 0 || right < 0 {
			return
		}
		if k, id, ok := r.join(word, syms[left], syms[right]); ok {
			heap = heapPush(heap, pairEntry{k, left, syms[right].end - syms[left].start, id})
		}
	}
	for i := range links {
		links[i] = link{int32(i) - 1, int32(i) + 1}
		if i > 0 {
			add(int32(i)-1, int32(i))
		}
	}
	links[len(links)-1].right = -1

	const joined = -2 // in link.left
	for len(heap) > 0 {
		var e pairEntry
		e, heap = heapPop(heap)
		if links[e.left].left == joined {
			continue
		}
		right := links[e.left].right
		if right < 0 || syms[right].end-syms[e.left].start != e.size {
			continue
		}
		syms[e.left].end, syms[e.left].id = syms[right].end, e.id
		after := links[right].right
		links[right].left = joined
		links[e.left].right = after
		if after >= 0 {
			links[after].left = e.left
		}
		add(links[e.left].left, e.left)
		add(e.left, after)
	}
	n := 0
	for i := int32(0); i >= 0; i = links[i].right {
		syms[n] = syms[i]
		n++
	}
	s.links, s.heap = links, heap
	return syms[:n]
}

func heapPush(h []pairEntry, e pairEntry) []pairEntry {
	h = append(h, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
	return h
}

func heapPop(h []pairEntry) (pairEntry, []pairEntry) {
	top, e := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	if len(h) == 0 {
		return top, h
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(h[down]) {
			down++
		}
		if !h[down].before(e) {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = e
	return top, h
}
