package emulator

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokWord
	tokNumber
	tokString
	tokPunct
)

type token struct {
	kind tokenKind
	text string
	line int
}

// maxSource bounds the text of one module; the largest generated libraries of
// hand-written kernels are a hundred times smaller.
const maxSource = 16 << 20

// SyntaxError is an error in the text of a module.
type SyntaxError struct {
	Line int
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

func errorAt(line int, format string, args ...any) error {
	return &SyntaxError{Line: line, Msg: fmt.Sprintf(format, args...)}
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c == '%' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// lex splits PTX text into tokens. An opcode with its modifiers, a directive and
// a special register (%tid.x) are one word each; `L1::no_allocate` too.
func lex(src string) ([]token, error) {
	if len(src) > maxSource {
		return nil, errorAt(1, "module of %d bytes: at most %d are accepted", len(src), maxSource)
	}
	tokens := make([]token, 0, len(src)/4)
	line := 1
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			i++
		case strings.HasPrefix(src[i:], "//"):
			for i < len(src) && src[i] != '\n' {
				i++
			}
		case strings.HasPrefix(src[i:], "/*"):
			end := strings.Index(src[i+2:], "*/")
			if end < 0 {
				return nil, errorAt(line, "comment without end")
			}
			line += strings.Count(src[i:i+2+end], "\n")
			i += end + 4
		case c == '"':
			end := strings.IndexAny(src[i+1:], "\"\n")
			if end < 0 || src[i+1+end] != '"' {
				return nil, errorAt(line, "string without end")
			}
			tokens = append(tokens, token{tokString, src[i+1 : i+1+end], line})
			i += end + 2
		case digit(c):
			n := numberLen(src[i:])
			tokens = append(tokens, token{tokNumber, src[i : i+n], line})
			i += n
		case wordByte(c) || c == '.' && i+1 < len(src) && wordByte(src[i+1]):
			n := wordLen(src[i:])
			tokens = append(tokens, token{tokWord, src[i : i+n], line})
			i += n
		default:
			n := 1
			if i+1 < len(src) {
				switch src[i : i+2] {
				case "<<", ">>", "==", "!=", "<=", ">=", "&&", "||":
					n = 2
				}
			}
			if c < ' ' || c > '~' {
				return nil, errorAt(line, "unexpected byte 0x%02x", c)
			}
			tokens = append(tokens, token{tokPunct, src[i : i+n], line})
			i += n
		}
	}
	return append(tokens, token{tokEOF, "end of file", line}), nil
}

func wordLen(s string) int {
	i := 1
	for i < len(s) {
		switch {
		case wordByte(s[i]):
			i++
		case s[i] == '.' && i+1 < len(s) && wordByte(s[i+1]):
			i += 2
		case strings.HasPrefix(s[i:], "::") && i+2 < len(s) && wordByte(s[i+2]):
			i += 3
		default:
			return i
		}
	}
	return i
}

func numberLen(s string) int {
	prefixed := len(s) > 1 && s[0] == '0' && strings.IndexByte("xXfFdDbB", s[1]) >= 0
	i := 1
	for i < len(s) {
		switch {
		case wordByte(s[i]) && s[i] != '%':
			i++
		case s[i] == '.' && !prefixed:
			i++
		case (s[i] == '+' || s[i] == '-') && !prefixed && (s[i-1] == 'e' || s[i-1] == 'E'):
			i++
		default:
			return i
		}
	}
	return i
}
