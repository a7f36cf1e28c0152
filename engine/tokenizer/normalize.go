package tokenizer

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a text before it is split.
type normalizer interface {
	normalize(string) (string, error)
}

// mapping is a normalizer that cannot fail.
type mapping func(string) string

func (m mapping) normalize(s string) (string, error) { return m(s), nil }

// normalizers are applied in turn.
type normalizers []normalizer

func (ns normalizers) normalize(s string) (string, error) {
	for _, n := range ns {
		var err error
		if s, err = n.normalize(s); err != nil {
			return "", err
		}
	}
	return s, nil
}

// prepend puts a string before a text that is not empty.
func prepend(what string) mapping {
	return func(s string) string {
		if s == "" {
			return s
		}
		return what + s
	}
}

// replacement replaces every match of a pattern.
type replacement struct {
	pattern *pattern
	with    string
}

func (r replacement) normalize(s string) (string, error) {
	var b strings.Builder
	at := 0
	err := r.pattern.each(s, func(start, stop int) {
		b.WriteString(s[at:start])
		b.WriteString(r.with)
		at = stop
	})
	if at == 0 && b.Len() == 0 {
		return s, err
	}
	b.WriteString(s[at:])
	return b.String(), err
}

func strip(left, right bool) mapping {
	return func(s string) string {
		if left {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
		}
		if right {
			s = strings.TrimRightFunc(s, unicode.IsSpace)
		}
		return s
	}
}

// lowercase maps each character by itself, as Rust's char::to_lowercase does.
func lowercase(s string) string {
	// U+0130 is the one character whose lower case is two.
	return strings.ToLower(strings.ReplaceAll(s, "\u0130", "i\u0307"))
}

// stripAccents drops combining marks.
func stripAccents(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) {
			return -1
		}
		return r
	}, s)
}

var unicodeForms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}
