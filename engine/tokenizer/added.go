package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is looked for in the text before anything else is done to it.
type addedToken struct {
	id         int32
	text       string
	special    bool // found only if Options.ParseSpecial asks for it
	normalized bool // looked for in the normalized text, in its own normalized form
	lstrip     bool // takes the white space before it too
	rstrip     bool // ... after it
	singleWord bool // only where no word character touches it
}

// addedTokens finds added tokens in texts.
type addedTokens struct {
	raw, normalized [2]*patternSet // [0]: without special tokens, [1]: all
	// longestFirst: of overlapping tokens the longest wins wherever it stands, as in llama.cpp; otherwise the one
	// that begins first, and of those the longest, as in Hugging Face's library.
	longestFirst bool
}

func newAddedTokens(tokens []addedToken, norm normalizer, longestFirst bool) (addedTokens, error) {
	a := addedTokens{longestFirst: longestFirst}
	for i := range 2 {
		var raw, normalized []addedToken
		for _, t := range tokens {
			switch {
			case t.special && i == 0:
			case t.normalized && norm != nil:
				var err error
				if t.text, err = norm.normalize(t.text); err != nil {
					return a, err
				}
				if t.text != "" {
					normalized = append(normalized, t)
				}
			default:
				raw = append(raw, t)
			}
		}
		a.raw[i], a.normalized[i] = newPatternSet(raw), newPatternSet(normalized)
	}
	return a, nil
}

// match is a stretch of text that an added token takes.
type match struct {
	start, end int
	id         int32
}

// find returns the matches of a set in text, in order, none overlapping.
func (a *addedTokens) find(set *patternSet, text string) []match {
	if set == nil {
		return nil
	}
	if a.longestFirst {
		return set.findLongest(text)
	}
	return set.findLeftmost(text)
}

// patternSet holds the texts of added tokens in sorted order, so that the ones that begin as a text does are found
// by narrowing a range character by character.
type patternSet struct {
	tokens []addedToken
	first  [256]struct{ lo, hi int32 } // range of the tokens that begin with a byte
}

func newPatternSet(tokens []addedToken) *patternSet {
	if len(tokens) == 0 {
		return nil
	}
	p := &patternSet{tokens: tokens}
	slices.SortStableFunc(p.tokens, func(a, b addedToken) int { return cmp.Compare(a.text, b.text) })
	for i, t := range p.tokens {
		r := &p.first[t.text[0]]
		if r.hi == 0 {
			r.lo = int32(i)
		}
		r.hi = int32(i + 1)
	}
	return p
}

// at calls yield with the index of each token that text begins with, shortest first.
func (p *patternSet) at(text string, yield func(token int)) {
	lo, hi := int(p.first[text[0]].lo), int(p.first[text[0]].hi)
	for depth := 1; lo < hi; depth++ {
		if len(p.tokens[lo].text) == depth {
			yield(lo)
			for lo < hi && len(p.tokens[lo].text) == depth {
				lo++ // the same text again: the first one counts
			}
		}
		if depth >= len(text) || lo == hi {
			return
		}
		c := text[depth]
		if hi-lo == 1 {
			if strings.HasPrefix(text[depth:], p.tokens[lo].text[depth:]) {
				yield(lo)
			}
			return
		}
		from, _ := slices.BinarySearchFunc(p.tokens[lo:hi], int(c), func(t addedToken, c int) int {
			return cmp.Compare(int(t.text[depth]), c)
		})
		to, _ := slices.BinarySearchFunc(p.tokens[lo+from:hi], int(c)+1, func(t addedToken, c int) int {
			return cmp.Compare(int(t.text[depth]), c)
		})
		lo, hi = lo+from, lo+from+to
	}
}

// findLeftmost is the rule of Hugging Face's library.
func (p *patternSet) findLeftmost(text string) []match {
	var found []match
	taken := 0 // everything before is taken
	for i := 0; i < len(text); {
		if p.first[text[i]].hi == 0 {
			i++
			continue
		}
		longest := -1
		p.at(text[i:], func(token int) { longest = token })
		if longest < 0 {
			i++
			continue
		}
		t := &p.tokens[longest]
		m := match{i, i + len(t.text), t.id}
		i = m.end
		if m.start < taken || t.singleWord && !aloneIn(text, m) {
			continue
		}
		if t.lstrip {
			m.start = max(taken, len(strings.TrimRightFunc(text[:m.start], unicode.IsSpace)))
		}
		if t.rstrip {
			m.end = len(text) - len(strings.TrimLeftFunc(text[m.end:], unicode.IsSpace))
		}
		taken = m.end
		found = append(found, m)
	}
	return found
}

// findLongest is the rule of llama.cpp (tokenizer_st_partition): the longest token takes all its places from left to
// right, then the next longest takes what is left.
func (p *patternSet) findLongest(text string) []match {
	occurs := make(map[int]bool)
	for i := range len(text) {
		if p.first[text[i]].hi != 0 {
			p.at(text[i:], func(token int) { occurs[token] = true })
		}
	}
	if len(occurs) == 0 {
		return nil
	}
	order := make([]int, 0, len(occurs))
	for token := range occurs {
		order = append(order, token)
	}
	slices.SortFunc(order, func(a, b int) int {
		ta, tb := &p.tokens[a], &p.tokens[b]
		return cmp.Or(cmp.Compare(len(tb.text), len(ta.text)), cmp.Compare(ta.id, tb.id))
	})

	var found []match
	taken := make([]bool, len(text))
	for _, token := range order {
		t := &p.tokens[token]
		for i := 0; ; {
			at := strings.Index(text[i:], t.text)
			if at < 0 {
				break
			}
			m := match{i + at, i + at + len(t.text), t.id}
			// Longer tokens were placed before, so what overlaps this one covers one of its ends.
			if taken[m.start] || taken[m.end-1] {
				i = m.start + 1
				continue
			}
			for t.lstrip && m.start > 0 && !taken[m.start-1] && asciiSpace(text[m.start-1]) {
				m.start--
			}
			for t.rstrip && m.end < len(text) && !taken[m.end] && asciiSpace(text[m.end]) {
				m.end++
			}
			for j := m.start; j < m.end; j++ {
				taken[j] = true
			}
			found = append(found, m)
			i = m.end
		}
	}
	slices.SortFunc(found, func(a, b match) int { return cmp.Compare(a.start, b.start) })
	return found
}

func asciiSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// aloneIn tells whether no word character touches m.
func aloneIn(text string, m match) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:m.start])
	after, _ := utf8.DecodeRuneInString(text[m.end:])
	return (m.start == 0 || !wordRune(before)) && (m.end == len(text) || !wordRune(after))
}

// wordRune is \w of Unicode regular expressions (UTS #18, annex C).
func wordRune(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
