package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// Hand-written scanners for the pre-tokenizer patterns that nearly every byte-level vocabulary uses. Each returns
// the length of the first word of a text that is not empty, exactly as its pattern would match.

// The patterns, as the files write them.
const (
	patternGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternQwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// kind of a character, as the patterns see it.
type kind uint8

const (
	other kind = iota
	letter
	number
	space
	end // no character
)

var asciiKinds = func() (kinds [utf8.RuneSelf]kind) {
	for r := range kinds {
		kinds[r] = unicodeKind(rune(r))
	}
	return kinds
}()

func unicodeKind(r rune) kind {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsSpace(r):
		return space
	case unicode.IsNumber(r):
		return number
	}
	return other
}

// kindAt returns the kind and the width of the character at s[i:].
func kindAt(s string, i int) (kind, int) {
	if i >= len(s) {
		return end, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiKinds[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return unicodeKind(r), n
}

// run returns where the run of k that starts at i ends.
func run(s string, i int, k kind) int {
	for {
		at, n := kindAt(s, i)
		if at != k {
			return i
		}
		i += n
	}
}

// scanGPT2 matches patternGPT2.
func scanGPT2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	k, n := kindAt(s, 0)
	if s[0] == ' ' {
		if after, w := kindAt(s, 1); after != space && after != end {
			return run(s, 1+w, after)
		}
	}
	if k != space {
		return run(s, n, k)
	}
	return scanSpaces(s)
}

// scanSpaces matches \s+(?!\S)|\s+: a run of spaces but for the last one, if a word follows and the run is longer
// than that.
func scanSpaces(s string) int {
	i, last := 0, 0
	for {
		k, n := kindAt(s, i)
		if k == end {
			return i
		}
		if k != space {
			if last > 0 {
				return last
			}
			return i
		}
		last = i
		i += n
	}
}

// scanLlama3 matches patternLlama3 with its \p{N}{1,3}; scanQwen2 matches patternQwen2.
func scanLlama3(s string) int { return scanCl100k(s, 3) }
func scanQwen2(s string) int  { return scanCl100k(s, 1) }

func scanCl100k(s string, digits int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	k, n := kindAt(s, 0)
	switch {
	case k == letter:
		return run(s, n, letter)
	case k == number:
		for i := 1; i < digits; i++ {
			at, w := kindAt(s, n)
			if at != number {
				break
			}
			n += w
		}
		return n
	}
	after, w := kindAt(s, n)
	if after == letter && s[0] != '\r' && s[0] != '\n' {
		return run(s, n+w, letter)
	}
	if k == other {
		return newlines(s, run(s, n, other))
	}
	if s[0] == ' ' && after == other {
		return newlines(s, run(s, n+w, other))
	}
	return scanLines(s)
}

// newlines returns where the run of \r and \n that starts at i ends.
func newlines(s string, i int) int {
	for i < len(s) && (s[i] == '\r' || s[i] == '\n') {
		i++
	}
	return i
}

// scanLines matches \s*[\r\n]+|\s+(?!\S)|\s+: up to the last newline of a run of spaces if it has one.
func scanLines(s string) int {
	stop := run(s, 0, space)
	for i := stop; i > 0; i-- {
		if c := s[i-1]; c == '\r' || c == '\n' {
			return i
		}
	}
	return scanSpaces(s)
}

// contraction matches 's|'t|'re|'ve|'m|'ll|'d.
func contraction(s string, anyCase bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	low := func(i int) byte {
		if i >= len(s) {
			return 0
		}
		c := s[i]
		if anyCase && c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}
	switch low(1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if low(2) == 'e' {
			return 3
		}
	case 'l':
		if low(2) == 'l' {
			return 3
		}
	}
	return 0
}
