package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Stream decodes ids one at a time, as a model produces them, and never returns half a character. It is not
// safe for concurrent use.
type Stream struct {
	t       *Tokenizer
	special bool
	atStart bool
	held    []byte // the beginning of a character
}

// Stream begins to decode ids that continue a prompt: control tokens are left out, a leading space is kept.
func (t *Tokenizer) Stream() *Stream { return t.StreamWith(DecodeOptions{Continue: true}) }

// StreamWith begins to decode with options.
func (t *Tokenizer) StreamWith(o DecodeOptions) *Stream {
	return &Stream{t: t, special: o.Special, atStart: !o.Continue}
}

// Next returns the characters that id completes, perhaps none. Bytes that can be part of no character come out as
// U+FFFD, and so does an id outside the vocabulary.
func (s *Stream) Next(id int32) string {
	if !s.t.vocab.has(id) {
		return s.Flush() + "\uFFFD"
	}
	s.held = append(s.held, s.t.next(id, s.special, &s.atStart)...)
	text, n := wholeRunes(s.held)
	s.held = append(s.held[:0], s.held[n:]...)
	return text
}

// Flush returns what is held back: U+FFFD for the beginning of a character that was never completed.
func (s *Stream) Flush() string {
	if len(s.held) == 0 {
		return ""
	}
	s.held = s.held[:0]
	return "\uFFFD"
}

// wholeRunes returns the text of b up to a character that may still be completed, and the number of bytes used.
// Each maximal part of a broken character becomes one U+FFFD, as the Unicode standard recommends (chapter 3.9).
func wholeRunes(b []byte) (text string, n int) {
	if utf8.Valid(b) {
		return string(b), len(b)
	}
	var out strings.Builder
	for n < len(b) {
		r, size := utf8.DecodeRune(b[n:])
		if r != utf8.RuneError || size > 1 {
			out.Write(b[n : n+size])
			n += size
			continue
		}
		part := 1
		for part < len(b)-n && runePrefix(b[n:n+part+1]) {
			part++
		}
		if n+part == len(b) && runePrefix(b[n:]) {
			break
		}
		out.WriteString("\uFFFD")
		n += part
	}
	return out.String(), n
}

// runePrefix tells whether b, which is no whole character, is the beginning of one.
func runePrefix(b []byte) bool { return !utf8.FullRune(b) }
