package tokenizer

import (
	"fmt"
	"strings"
)

// decoding is how tokens are put together again.
type decoding struct {
	byteLevel  bool // tokens are stored in the byte alphabet
	stripSpace bool // the first space of a text was added by encoding
}

// DecodeOptions of DecodeWith and StreamWith.
type DecodeOptions struct {
	// Special prints control tokens as their text; else they are left out.
	Special bool
	// Continue says that the ids go on from an earlier text, so that a space at their beginning belongs to the
	// text. Otherwise the space that encoding puts before a text is taken away again.
	Continue bool
}

// Decode returns the text of ids without control tokens: byte by byte what was encoded, with no cleaning up of
// spaces, and so not valid UTF-8 if ids end within a character. Ids outside the vocabulary are an error.
func (t *Tokenizer) Decode(ids []int32) (string, error) { return t.DecodeWith(ids, DecodeOptions{}) }

// DecodeWith is Decode with options.
func (t *Tokenizer) DecodeWith(ids []int32, o DecodeOptions) (string, error) {
	var b strings.Builder
	atStart := !o.Continue
	for i, id := range ids {
		if !t.vocab.has(id) {
			return "", fmt.Errorf("%s: token %d: id %d is outside the vocabulary 0..%d", t.name, i, id, t.Size()-1)
		}
		b.WriteString(t.next(id, o.Special, &atStart))
	}
	return b.String(), nil
}

// next returns the bytes that id adds to a text; atStart is cleared once there is text.
func (t *Tokenizer) next(id int32, special bool, atStart *bool) string {
	if t.vocab.classes[id].special() {
		if !special {
			return ""
		}
		*atStart = false
		return t.vocab.bytes[id]
	}
	s := t.vocab.bytes[id]
	if *atStart {
		*atStart = false
		if t.dec.stripSpace {
			s = strings.TrimPrefix(s, " ")
		}
	}
	return s
}

// Piece returns the text that id stands for, for display: "\u2581the" and "Ġthe" are " the". A token that is part of
// a character shows as U+FFFD. Outside the vocabulary it is "".
func (t *Tokenizer) Piece(id int32) string {
	if !t.vocab.has(id) {
		return ""
	}
	return strings.ToValidUTF8(t.vocab.bytes[id], "\uFFFD")
}

// Bytes returns the bytes that id stands for, nil outside the vocabulary.
func (t *Tokenizer) Bytes(id int32) []byte {
	if !t.vocab.has(id) {
		return nil
	}
	return []byte(t.vocab.bytes[id])
}
