package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// pattern is a literal string or a regular expression from a tokenizer.json. The expressions use look-ahead, which
// package regexp lacks, so they run on a backtracking engine under a time limit.
type pattern struct {
	literal string
	regex   *regexp2.Regexp
}

// Time limits of a regular expression: for one match, and for a whole text by its length.
const (
	matchTimeout   = 2 * time.Second
	textTimeout    = 5 * time.Second
	timeoutPerByte = 2 * time.Microsecond
)

// maxPatternLen bounds a pattern; the longest known has about a thousand bytes.
const maxPatternLen = 1 << 14

func literalPattern(s string) (*pattern, error) {
	if s == "" {
		return nil, errors.New("the pattern is empty")
	}
	return &pattern{literal: s}, nil
}

func regexPattern(expr string) (*pattern, error) {
	if len(expr) > maxPatternLen {
		return nil, fmt.Errorf("regular expression of %d bytes; at most %d are possible", len(expr), maxPatternLen)
	}
	re, err := regexp2.Compile(expr, regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("regular expression %s: %w", quote(expr), err)
	}
	re.MatchTimeout = matchTimeout
	return &pattern{regex: re}, nil
}

// each calls yield with the bounds of every match in s, from left to right.
func (p *pattern) each(s string, yield func(start, stop int)) error {
	if p.regex == nil {
		for at := 0; ; {
			i := strings.Index(s[at:], p.literal)
			if i < 0 {
				return nil
			}
			yield(at+i, at+i+len(p.literal))
			at += i + len(p.literal)
		}
	}
	deadline := time.Now().Add(textTimeout + time.Duration(len(s))*timeoutPerByte)
	runes, at := 0, 0 // the engine counts characters: s[at:] begins with number runes
	advance := func(to int) int {
		for ; runes < to; runes++ {
			_, n := utf8.DecodeRuneInString(s[at:])
			at += n
		}
		return at
	}
	m, err := p.regex.FindStringMatch(s)
	for ; m != nil && err == nil; m, err = p.regex.FindNextMatch(m) {
		if time.Now().After(deadline) {
			return fmt.Errorf("regular expression %s takes too long on a text of %d bytes", quote(p.regex.String()), len(s))
		}
		start := advance(m.Index)
		yield(start, advance(m.Index+m.Length))
	}
	if err != nil {
		return fmt.Errorf("regular expression %s on a text of %d bytes: %w", quote(p.regex.String()), len(s), err)
	}
	return nil
}
