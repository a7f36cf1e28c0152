package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitter is one stage of a pre-tokenizer: it appends the parts of word to dst. first says that word begins the
// whole text.
type splitter interface {
	split(dst []string, word string, first bool) ([]string, error)
}

// scanner is a splitter that cuts off one word after another; it returns the length of the next.
type scanner func(string) int

func (f scanner) split(dst []string, word string, _ bool) ([]string, error) {
	for len(word) > 0 {
		n := f(word)
		dst = append(dst, word[:n])
		word = word[n:]
	}
	return dst, nil
}

// behavior says what becomes of the matches of a pattern that splits a text (SplitDelimiterBehavior in Hugging
// Face's library).
type behavior uint8

const (
	removed            behavior = iota // matches are dropped
	isolated                           // each match is a word
	mergedWithPrevious                 // ... belongs to the word before it
	mergedWithNext                     // ... to the word after it
	contiguous                         // matches side by side are one word
)

var behaviors = map[string]behavior{
	"Removed": removed, "Isolated": isolated, "MergedWithPrevious": mergedWithPrevious,
	"MergedWithNext": mergedWithNext, "Contiguous": contiguous,
}

// part is a stretch of a word that a pattern did or did not match.
type part struct {
	start, stop int
	matched     bool
}

// patternSplit splits at the matches of a pattern, or between them if invert is set.
type patternSplit struct {
	pattern  *pattern
	behavior behavior
	invert   bool
}

func (p patternSplit) split(dst []string, word string, _ bool) ([]string, error) {
	var parts []part
	at := 0
	err := p.pattern.each(word, func(start, stop int) {
		if start > at {
			parts = append(parts, part{at, start, p.invert})
		}
		parts = append(parts, part{start, stop, !p.invert})
		at = stop
	})
	if err != nil {
		return nil, err
	}
	if at < len(word) {
		parts = append(parts, part{at, len(word), p.invert})
	}
	return p.behavior.apply(dst, word, parts), nil
}

// runeSplit splits at the characters that is reports.
type runeSplit struct {
	is       func(rune) bool
	behavior behavior
}

func (r runeSplit) split(dst []string, word string, _ bool) ([]string, error) {
	var parts []part
	at := 0
	for i, c := range word {
		if !r.is(c) {
			continue
		}
		if i > at {
			parts = append(parts, part{at, i, false})
		}
		_, n := utf8.DecodeRuneInString(word[i:])
		at = i + n
		parts = append(parts, part{i, at, true})
	}
	if len(parts) == 0 {
		return append(dst, word), nil
	}
	if at < len(word) {
		parts = append(parts, part{at, len(word), false})
	}
	return r.behavior.apply(dst, word, parts), nil
}

// apply appends the words that parts, which cover word, make up. It works in place on parts.
func (b behavior) apply(dst []string, word string, parts []part) []string {
	joined := parts[:0]
	var before bool // the part before was a match
	for i, p := range parts {
		last := len(joined) - 1
		switch {
		case b == removed && p.matched:
		case b == contiguous && i > 0 && p.matched == before,
			b == mergedWithPrevious && last >= 0 && p.matched && !before:
			joined[last].stop = p.stop
		case b == mergedWithNext && last >= 0 && joined[last].matched && !p.matched:
			joined[last] = part{joined[last].start, p.stop, false}
		default:
			joined = append(joined, p)
		}
		before = p.matched
	}
	for _, p := range joined {
		if p.start < p.stop {
			dst = append(dst, word[p.start:p.stop])
		}
	}
	return dst
}

// prefixSpace puts a space before each word that does not begin with one (add_prefix_space).
type prefixSpace struct{}

func (prefixSpace) split(dst []string, word string, _ bool) ([]string, error) {
	if !strings.HasPrefix(word, " ") {
		word = " " + word
	}
	return append(dst, word), nil
}

// metaspace writes spaces as a visible mark, puts one before a text, and splits before each.
type metaspace struct {
	mark    string
	prepend string // always, first or never
	cut     bool
}

func (m metaspace) split(dst []string, word string, first bool) ([]string, error) {
	word = strings.ReplaceAll(word, " ", m.mark)
	if (m.prepend == "always" || m.prepend == "first" && first) && !strings.HasPrefix(word, m.mark) {
		word = m.mark + word
	}
	if !m.cut {
		return append(dst, word), nil
	}
	p := patternSplit{pattern: &pattern{literal: m.mark}, behavior: mergedWithNext}
	return p.split(dst, word, first)
}

// toAlphabet and fromAlphabet write words in the byte alphabet and back, for stages that follow a ByteLevel stage.
type (
	toAlphabet   struct{}
	fromAlphabet struct{}
)

func (toAlphabet) split(dst []string, word string, _ bool) ([]string, error) {
	return append(dst, string(appendMapped(nil, word))), nil
}

func (fromAlphabet) split(dst []string, word string, _ bool) ([]string, error) {
	raw, ok := appendUnmapped(nil, word)
	if !ok {
		return nil, fmt.Errorf("pre-tokenizer: %s holds characters outside the byte alphabet", quote(word))
	}
	return append(dst, string(raw)), nil
}

// isPunctuation is Unicode's P and ASCII's punctuation, symbols included.
func isPunctuation(r rune) bool {
	return unicode.IsPunct(r) || r < utf8.RuneSelf && unicode.IsSymbol(r)
}

// threeDigits splits into groups of three ASCII digits, and what is between.
func threeDigits(s string) int {
	digit := func(i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }
	for i := range len(s) {
		if digit(i) && digit(i+1) && digit(i+2) {
			if i == 0 {
				return 3
			}
			return i
		}
	}
	return len(s)
}
