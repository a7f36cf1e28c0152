package sample

// history is the last tokens and how often each occurs among them.
type history struct {
	limit  int     // tokens remembered; -1 all, 0 none
	tokens []int32 // a ring of limit tokens once full
	oldest int
	counts []int32
}

func newHistory(p Params, vocab int) history {
	if !p.penalises() {
		return history{}
	}
	return history{limit: p.PenaltyLastN, counts: make([]int32, vocab)}
}

func (h *history) accept(id int32) {
	if h.limit == 0 {
		return
	}
	h.counts[id]++
	if h.limit < 0 || len(h.tokens) < h.limit {
		h.tokens = append(h.tokens, id)
		return
	}
	h.counts[h.tokens[h.oldest]]--
	h.tokens[h.oldest] = id
	if h.oldest++; h.oldest == h.limit {
		h.oldest = 0
	}
}

func (h *history) reset() {
	for _, id := range h.tokens {
		h.counts[id] = 0
	}
	h.tokens, h.oldest = h.tokens[:0], 0
}

// has reports whether a token is remembered.
func (h *history) has(id int32) bool { return h.counts != nil && h.counts[id] != 0 }

// each yields every token remembered once, with its count. A count is negative while its
// token is done.
func (h *history) each(yield func(id int32, count int) bool) {
	more := true
	for _, id := range h.tokens {
		if n := h.counts[id]; n > 0 && more {
			more = yield(id, int(n))
			h.counts[id] = -n
		}
	}
	for _, id := range h.tokens {
		if h.counts[id] < 0 {
			h.counts[id] = -h.counts[id]
		}
	}
}
