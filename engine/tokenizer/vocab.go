package tokenizer

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// class is the type of a token, with GGUF's numbers (tokenizer.ggml.token_type).
type class uint8

const (
	classNormal  class = 1
	classUnknown class = 2
	classControl class = 3
	classUser    class = 4 // an added token that is part of the text
	classUnused  class = 5
	classByte    class = 6
)

func (c class) special() bool { return c == classControl || c == classUnknown }

// Bounds on a vocabulary. The largest known have about 260 thousand tokens.
const (
	maxTokens    = 1 << 24
	maxTokenLen  = 1 << 16
	maxTextBytes = 1 << 30
)

// spaceMark is U+2581, which SentencePiece writes for a space.
const spaceMark = "\u2581"

// vocabulary maps ids to texts and back.
type vocabulary struct {
	texts   []string // as stored: byte-level tokens in GPT-2's alphabet, SentencePiece with U+2581
	bytes   []string // what the token stands for
	classes []class
	scores  []float32 // SentencePiece only
	ids     map[string]int32
}

func newVocabulary(n int) *vocabulary {
	return &vocabulary{texts: make([]string, n), classes: make([]class, n), ids: make(map[string]int32, n)}
}

func (v *vocabulary) has(id int32) bool { return id >= 0 && int(id) < len(v.texts) }

// put names id. An id or a text that is taken already is an error.
func (v *vocabulary) put(id int32, text string, c class) error {
	switch {
	case !v.has(id):
		return fmt.Errorf("token %s: id %d is outside 0..%d", quote(text), id, len(v.texts)-1)
	case text == "":
		return fmt.Errorf("token %d is empty", id)
	case len(text) > maxTokenLen:
		return fmt.Errorf("token %d is %d bytes long, more than %d", id, len(text), maxTokenLen)
	case !utf8.ValidString(text):
		return fmt.Errorf("token %d is not valid UTF-8: %s", id, quote(text))
	case v.classes[id] != 0:
		return fmt.Errorf("tokens %s and %s both have id %d", quote(v.texts[id]), quote(text), id)
	}
	before := len(v.ids)
	v.ids[text] = id
	if len(v.ids) == before {
		return fmt.Errorf("token %d: %s occurs twice in the vocabulary", id, quote(text))
	}
	v.texts[id], v.classes[id] = text, c
	return nil
}

// grow makes room for ids below n.
func (v *vocabulary) grow(n int) {
	for len(v.texts) < n {
		v.texts = append(v.texts, "")
		v.classes = append(v.classes, 0)
	}
}

// fillHoles gives ids that the file does not name the text that GGUF files give to unused places.
func (v *vocabulary) fillHoles() error {
	for id := range v.texts {
		if v.classes[id] != 0 {
			continue
		}
		if err := v.put(int32(id), padName(id), classUnused); err != nil {
			return err
		}
	}
	return nil
}

func padName(id int) string { return "[PAD" + strconv.Itoa(id) + "]" }

// byteToken parses "<0xAB>".
func byteToken(text string) (b byte, ok bool) {
	if len(text) != 6 || text[:3] != "<0x" || text[5] != '>' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[3:5], 16, 8)
	return byte(n), err == nil
}

// byteIDs finds the 256 byte tokens; a missing one is -1.
func (v *vocabulary) byteIDs() (ids [256]int32, complete bool) {
	complete = true
	for b := range ids {
		id, ok := v.ids[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			id, complete = -1, false
		}
		ids[b] = id
	}
	return ids, complete
}

func (v *vocabulary) checkScores() error {
	for id, s := range v.scores {
		if math.IsNaN(float64(s)) {
			return fmt.Errorf("score of token %d (%s) is not a number", id, quote(v.texts[id]))
		}
	}
	return nil
}

// setByteLevel works out what byte-level tokens stand for. A text with a character outside the byte alphabet
// stands for itself: added tokens are stored as they are written.
func (v *vocabulary) setByteLevel() {
	arena := make([]byte, 0, 8*len(v.texts))
	ends := make([]int, len(v.texts))
	for id, text := range v.texts {
		raw, ok := arena, false
		if c := v.classes[id]; c == classNormal || c == classUnused {
			raw, ok = appendUnmapped(arena, text)
		}
		if ok {
			arena = raw
		} else {
			arena = append(arena, text...)
		}
		ends[id] = len(arena)
	}
	v.setBytes(string(arena), ends)
}

// setSentencePiece works out what SentencePiece tokens stand for: U+2581 is a space and <0xAB> a byte.
// Texts of the classes in plain stand for themselves.
func (v *vocabulary) setSentencePiece(plain func(class) bool) {
	v.bytes = make([]string, len(v.texts))
	for id, text := range v.texts {
		b, isByte := byteToken(text)
		switch c := v.classes[id]; {
		case isByte && c == classByte:
			v.bytes[id] = string([]byte{b})
		case plain(c):
			v.bytes[id] = text
		default:
			v.bytes[id] = unescapeSpaces(text)
		}
	}
}

func (v *vocabulary) setBytes(all string, ends []int) {
	v.bytes = make([]string, len(ends))
	start := 0
	for id, end := range ends {
		v.bytes[id] = all[start:end]
		start = end
	}
}

func escapeSpaces(s string) string   { return strings.ReplaceAll(s, " ", spaceMark) }
func unescapeSpaces(s string) string { return strings.ReplaceAll(s, spaceMark, " ") }

// quote shows a text in an error message, cut to a readable length.
func quote(s string) string {
	const most = 60
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "..."
}
