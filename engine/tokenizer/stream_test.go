package tokenizer

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStreamGivesWholeCharacters(t *testing.T) {
	t.Parallel()
	tok := smallTokenizer(t, func(_, model object) { model["merges"] = []string{} })
	const text = "né 日本語 😀!"
	ids, err := tok.Encode(text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != len(text) {
		t.Fatalf("%d ids for %d bytes: the vocabulary has no merges", len(ids), len(text))
	}
	s := tok.Stream()
	var b strings.Builder
	for i, id := range ids {
		piece := s.Next(id)
		if !utf8.ValidString(piece) || strings.Contains(piece, "\uFFFD") {
			t.Errorf("after %d ids: %q is not whole characters", i+1, piece)
		}
		b.WriteString(piece)
	}
	if rest := s.Flush(); rest != "" || b.String() != text {
		t.Errorf("got %q and %q left, want %q", b.String(), rest, text)
	}
}

// TestStreamBrokenBytes expects one U+FFFD for each maximal part of a broken character, as in the Unicode standard,
// chapter 3.9, tables 3-8 to 3-11.
func TestStreamBrokenBytes(t *testing.T) {
	t.Parallel()
	tok := smallTokenizer(t, nil)
	for in, want := range map[string]string{
		"\xF0\x9F\x98":                         "\uFFFD",
		"\xF0\x9F\x98x":                        "\uFFFDx",
		"\x80\x80a":                            "\uFFFD\uFFFDa",
		"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41": "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA",
		"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41": "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA",
		"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42": "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB",
		"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41": "\uFFFD\uFFFD\uFFFD\uFFFDA",
	} {
		s := tok.Stream()
		got := ""
		for i := range len(in) {
			got += s.Next(int32(in[i])) // ids 0 to 255 are the bytes
		}
		if got += s.Flush(); got != want {
			t.Errorf("% X: got %q, want %q", in, got, want)
		}
	}
	if got := tok.Stream().Next(int32(tok.Size())); got != "\uFFFD" {
		t.Errorf("an id outside the vocabulary gives %q", got)
	}
}

func TestStops(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stops  []string
		pieces []string
		want   []string // text after each piece
		match  string
		rest   string
	}{
		{nil, []string{"a", "b"}, []string{"a", "b"}, "", ""},
		{[]string{"", "END"}, []string{"xE", "ND", "more"}, []string{"x", "", ""}, "END", ""},
		{[]string{"END"}, []string{"xE", "N", "x"}, []string{"x", "", "ENx"}, "", ""},
		{[]string{"END"}, []string{"aEN"}, []string{"a"}, "", "EN"},
		{[]string{"</s>", "\n\n"}, []string{"a\n", "\nb"}, []string{"a", ""}, "\n\n", ""},
		{[]string{"aab"}, []string{"aa", "a", "b"}, []string{"", "a", ""}, "aab", ""},
		{[]string{"bc", "abcd"}, []string{"xabc", "e"}, []string{"x", "a"}, "bc", ""},
		{[]string{"bc", "abcd"}, []string{"xabc", "d"}, []string{"x", ""}, "abcd", ""},
		{[]string{"bc", "abcd"}, []string{"xabc"}, []string{"x"}, "bc", "a"},
		{[]string{"é"}, []string{"caf\xC3", "\xA9"}, []string{"caf", ""}, "é", ""},
	} {
		s := NewStops(c.stops...)
		for i, piece := range c.pieces {
			got, stopped := s.Feed(piece)
			if got != c.want[i] {
				t.Errorf("%q: piece %d of %q gives %q, want %q", c.stops, i, c.pieces, got, c.want[i])
			}
			if stopped != (s.Matched() != "") {
				t.Errorf("%q: stopped is %v, matched %q", c.stops, stopped, s.Matched())
			}
		}
		if rest := s.Flush(); rest != c.rest || s.Matched() != c.match {
			t.Errorf("%q after %q: %q left and %q matched, want %q and %q", c.stops, c.pieces, rest, s.Matched(), c.rest, c.match)
		}
	}
}
