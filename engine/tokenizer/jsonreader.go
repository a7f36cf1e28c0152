package tokenizer

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader steps through JSON text. A tokenizer.json may hold a quarter of a million tokens and half a million
// merges, for which encoding/json is too slow; all small parts of the file still go through it.
type jsonReader struct {
	data []byte
	pos  int
}

// maxJSONDepth bounds nesting; a real tokenizer.json needs less than ten levels.
const maxJSONDepth = 64

func (r *jsonReader) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: %w", r.pos, fmt.Errorf(format, args...))
}

// peek returns the next byte that is no white space, 0 at the end.
func (r *jsonReader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// expect consumes the next byte, which must be c.
func (r *jsonReader) expect(c byte) error {
	if got := r.peek(); got != c {
		if r.pos >= len(r.data) {
			return r.errorf("%q is expected, the text ends", c)
		}
		return r.errorf("%q is expected, not %q", c, got)
	}
	r.pos++
	return nil
}

// more consumes the comma before the next element of an array or object, or its closing bracket. first says that no
// element was read yet.
func (r *jsonReader) more(closing byte, first bool) (bool, error) {
	switch c := r.peek(); {
	case c == closing:
		r.pos++
		return false, nil
	case first:
		return true, nil
	}
	return true, r.expect(',')
}

// object calls member for each member, with the reader before the value. The key is valid until the next call.
func (r *jsonReader) object(member func(key []byte) error) error {
	if err := r.expect('{'); err != nil {
		return err
	}
	var buf []byte
	for first := true; ; first = false {
		if more, err := r.more('}', first); !more || err != nil {
			return err
		}
		key, err := r.str(buf[:0])
		if err != nil {
			return err
		}
		buf = key
		if err := r.expect(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
	}
}

// array calls element for each element, with the reader before it.
func (r *jsonReader) array(element func(i int) error) error {
	if err := r.expect('['); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if more, err := r.more(']', i == 0); !more || err != nil {
			return err
		}
		if err := element(i); err != nil {
			return err
		}
	}
}

// str appends the next value, a string, to dst.
func (r *jsonReader) str(dst []byte) ([]byte, error) {
	if err := r.expect('"'); err != nil {
		return nil, err
	}
	start := r.pos
	from := len(dst)
	for i := r.pos; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			dst = append(dst, r.data[r.pos:i]...)
			r.pos = i + 1
			if !utf8.Valid(dst[from:]) {
				r.pos = start
				return nil, r.errorf("the string is not valid UTF-8")
			}
			return dst, nil
		case c == '\\':
			dst = append(dst, r.data[r.pos:i]...)
			r.pos = i
			var err error
			if dst, err = r.escape(dst); err != nil {
				return nil, err
			}
			i = r.pos - 1
		case c < ' ':
			r.pos = i
			return nil, r.errorf("control character in a string")
		}
	}
	r.pos = start
	return nil, r.errorf("the string does not end")
}

// simpleEscapes are the characters of the two-byte escape sequences.
var simpleEscapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape appends the character of the escape sequence at pos.
func (r *jsonReader) escape(dst []byte) ([]byte, error) {
	if r.pos+1 >= len(r.data) {
		return nil, r.errorf("the escape sequence does not end")
	}
	if c, ok := simpleEscapes[r.data[r.pos+1]]; ok {
		r.pos += 2
		return append(dst, c), nil
	}
	c, err := r.hexEscape(r.pos)
	if err != nil {
		return nil, err
	}
	n := 6
	if utf16.IsSurrogate(c) {
		low, err := r.hexEscape(r.pos + n)
		if err != nil {
			return nil, err
		}
		if c = utf16.DecodeRune(c, low); c == utf8.RuneError {
			return nil, r.errorf("half a surrogate pair")
		}
		n = 12
	}
	r.pos += n
	return utf8.AppendRune(dst, c), nil
}

// hexEscape reads \uABCD at i.
func (r *jsonReader) hexEscape(i int) (rune, error) {
	if i+6 > len(r.data) || r.data[i] != '\\' || r.data[i+1] != 'u' {
		return 0, r.errorf("not an escape sequence")
	}
	n, err := strconv.ParseUint(string(r.data[i+2:i+6]), 16, 16)
	if err != nil {
		return 0, r.errorf("not an escape sequence")
	}
	return rune(n), nil
}

// id reads a token id.
func (r *jsonReader) id() (int32, error) {
	c := r.peek()
	start := r.pos
	n := int64(0)
	for ; r.pos < len(r.data); r.pos++ {
		if c = r.data[r.pos]; c < '0' || c > '9' {
			break
		}
		if n = 10*n + int64(c-'0'); n > math.MaxInt32 {
			return 0, r.errorf("the id is larger than %d", math.MaxInt32)
		}
	}
	if r.pos == start || c == '.' || c == 'e' || c == 'E' {
		return 0, r.errorf("an id (a number from 0 up) is expected")
	}
	return int32(n), nil
}

// skip steps over the next value and returns its text, of which only brackets and strings are checked.
func (r *jsonReader) skip() ([]byte, error) {
	r.peek()
	start := r.pos
	depth := 0
	for {
		switch c := r.peek(); c {
		case 0:
			return nil, r.errorf("the text ends within a value")
		case '"':
			if err := r.skipString(); err != nil {
				return nil, err
			}
		case '{', '[':
			if depth++; depth > maxJSONDepth {
				return nil, r.errorf("nested more than %d levels deep", maxJSONDepth)
			}
			r.pos++
		case '}', ']':
			if depth == 0 {
				return nil, r.errorf("%q where a value is expected", c)
			}
			depth--
			r.pos++
		case ',', ':':
			if depth == 0 {
				return nil, r.errorf("%q where a value is expected", c)
			}
			r.pos++
		default:
			r.skipWord()
		}
		if depth == 0 {
			return r.data[start:r.pos], nil
		}
	}
}

func (r *jsonReader) skipString() error {
	start := r.pos
	for i := r.pos + 1; i < len(r.data); i++ {
		switch r.data[i] {
		case '\\':
			i++
		case '"':
			r.pos = i + 1
			return nil
		}
	}
	r.pos = start
	return r.errorf("the string does not end")
}

// skipWord steps over a number or a literal, or over one byte that can be neither.
func (r *jsonReader) skipWord() {
	for r.pos++; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '+', c == '-', c == '.':
		default:
			return
		}
	}
}

// end checks that nothing follows.
func (r *jsonReader) end() error {
	if c := r.peek(); r.pos < len(r.data) {
		return r.errorf("%q after the end", c)
	}
	return nil
}
