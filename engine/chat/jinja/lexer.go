package jinja

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokData tokenKind = iota
	tokVariableBegin
	tokVariableEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOperator
	tokEOF
)

type token struct {
	kind tokenKind
	text string // decoded for strings, without underscores for numbers
	line int
}

// lexer follows jinja2.lexer.Lexer.tokeniter: text up to the next tag, then the
// tokens of the tag until its end marker outside any bracket.
type lexer struct {
	src          string
	pos          int
	line         int
	lineStarting bool // the last token consumed ended a line
	options      Options
	tokens       []token
	brackets     []byte
}

func lex(source string, options Options) []token {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = strings.ReplaceAll(source, "\r", "\n")
	if !options.KeepTrailingNewline {
		source = strings.TrimSuffix(source, "\n")
	}
	if !utf8.ValidString(source) {
		failAt(0, "the template is not valid UTF-8")
	}
	l := &lexer{src: source, line: 1, lineStarting: true, options: options}
	for l.pos < len(l.src) {
		l.root()
	}
	l.add(tokEOF, "")
	return l.tokens
}

func (l *lexer) add(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind, text, l.line})
}

// advance consumes n bytes and counts their lines.
func (l *lexer) advance(n int) string {
	s := l.src[l.pos : l.pos+n]
	l.line += strings.Count(s, "\n")
	l.pos += n
	if n > 0 {
		l.lineStarting = s[n-1] == '\n'
	}
	return s
}

// tagStart finds the next "{{", "{%" or "{#" in s, or -1.
func tagStart(s string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '{')
		if i < 0 || from+i+1 >= len(s) {
			return -1
		}
		i += from
		if c := s[i+1]; c == '{' || c == '%' || c == '#' {
			return i
		}
		from = i + 1
	}
}

func (l *lexer) root() {
	rest := l.src[l.pos:]
	i := tagStart(rest)
	if i < 0 {
		l.add(tokData, rest)
		l.advance(len(rest))
		return
	}
	text := l.stripBefore(rest[:i], rest[i:])
	if text != "" {
		l.add(tokData, text)
	}
	kind := rest[i+1]
	if n := rawBegin(rest[i:]); n > 0 {
		l.advance(i + n)
		l.raw()
		return
	}
	n := i + 2
	if n < len(rest) && (rest[n] == '-' || rest[n] == '+') {
		n++
	}
	l.advance(n)
	switch kind {
	case '#':
		l.comment()
	case '{':
		l.add(tokVariableBegin, "")
		l.tag("}}", tokVariableEnd)
	default:
		l.add(tokBlockBegin, "")
		l.tag("%}", tokBlockEnd)
	}
}

// stripBefore applies the tag's sign and lstrip_blocks to the text before it.
func (l *lexer) stripBefore(text, tag string) string {
	var sign byte
	if len(tag) > 2 {
		sign = tag[2]
	}
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, isSpace)
	case sign != '+' && l.options.LstripBlocks && tag[1] != '{':
		start := strings.LastIndexByte(text, '\n') + 1
		if (start > 0 || l.lineStarting) && strings.TrimLeftFunc(text[start:], isSpace) == "" {
			return text[:start]
		}
	}
	return text
}

// isSpace is Python's str.isspace for one character.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f)
}

func countSpace(s string) int { return len(s) - len(strings.TrimLeftFunc(s, isSpace)) }

// rawBegin returns the length of a "{% raw %}" at the start of s, or 0.
func rawBegin(s string) int {
	n := 2
	if !strings.HasPrefix(s, "{%") {
		return 0
	}
	if n < len(s) && (s[n] == '-' || s[n] == '+') {
		n++
	}
	n += countSpace(s[n:])
	if !strings.HasPrefix(s[n:], "raw") {
		return 0
	}
	n += 3
	n += countSpace(s[n:])
	switch {
	case strings.HasPrefix(s[n:], "-%}"):
		n += 3
		return n + countSpace(s[n:])
	case strings.HasPrefix(s[n:], "%}"):
		return n + 2
	}
	return 0
}

// raw consumes the text up to "{% endraw %}" as data.
func (l *lexer) raw() {
	rest := l.src[l.pos:]
	for from := 0; ; {
		i := strings.Index(rest[from:], "{%")
		if i < 0 {
			failAt(l.line, "missing end of raw block")
		}
		i += from
		n := i + 2
		if n < len(rest) && (rest[n] == '-' || rest[n] == '+') {
			n++
		}
		n += countSpace(rest[n:])
		if strings.HasPrefix(rest[n:], "endraw") {
			n += len("endraw")
			n += countSpace(rest[n:])
			if end := l.endMarker(rest[n:], "%}"); end > 0 {
				if text := l.stripBefore(rest[:i], rest[i:]); text != "" {
					l.add(tokData, text)
				}
				l.advance(n + end)
				return
			}
		}
		from = i + 2
	}
}

func (l *lexer) comment() {
	start := l.line
	rest := l.src[l.pos:]
	i := strings.Index(rest, "#}")
	if i < 0 {
		failAt(start, "missing end of comment")
	}
	if i > 0 && (rest[i-1] == '-' || rest[i-1] == '+') {
		i--
	}
	l.advance(i + l.endMarker(rest[i:], "#}"))
}

// endMarker returns the length of an end marker at the start of s with what it
// takes away: "-%}" the following white space, "%}" one newline if trim_blocks.
func (l *lexer) endMarker(s, marker string) int {
	switch {
	case marker != "}}" && strings.HasPrefix(s, "+"+marker):
		return 1 + len(marker)
	case strings.HasPrefix(s, "-"+marker):
		n := 1 + len(marker)
		return n + countSpace(s[n:])
	case strings.HasPrefix(s, marker):
		n := len(marker)
		if marker != "}}" && l.options.TrimBlocks && strings.HasPrefix(s[n:], "\n") {
			n++
		}
		return n
	}
	return 0
}

// tag consumes the tokens of a tag up to its end marker.
func (l *lexer) tag(marker string, end tokenKind) {
	l.brackets = l.brackets[:0]
	start := l.line
	for {
		l.advance(countSpace(l.src[l.pos:]))
		rest := l.src[l.pos:]
		if rest == "" {
			failAt(start, "a tag is not closed: expected %q", marker)
		}
		if len(l.brackets) == 0 {
			if n := l.endMarker(rest, marker); n > 0 {
				l.add(end, "")
				l.advance(n)
				return
			}
		}
		c := rest[0]
		switch {
		case c >= '0' && c <= '9':
			l.number(rest)
		case c == '\'' || c == '"':
			l.str(rest)
		case isNameRune(firstRune(rest)):
			n := strings.IndexFunc(rest, func(r rune) bool { return !isNameRune(r) })
			if n < 0 {
				n = len(rest)
			}
			l.add(tokName, rest[:n])
			l.advance(n)
		default:
			l.operator(rest)
		}
	}
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func isNameRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

func (l *lexer) operator(rest string) {
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch op {
		case "(":
			l.brackets = append(l.brackets, ')')
		case "[":
			l.brackets = append(l.brackets, ']')
		case "{":
			l.brackets = append(l.brackets, '}')
		case ")", "]", "}":
			n := len(l.brackets)
			if n == 0 {
				failAt(l.line, "unexpected %q", op)
			}
			if l.brackets[n-1] != op[0] {
				failAt(l.line, "unexpected %q, expected %q", op, l.brackets[n-1])
			}
			l.brackets = l.brackets[:n-1]
		}
		l.add(tokOperator, op)
		l.advance(len(op))
		return
	}
	failAt(l.line, "unexpected character %q", firstRune(rest))
}

// number scans 42, 1_000, 0x1f, 3.14, 1e-5. After a dot (a.0.1) digits are an
// integer, never the start of a float.
func (l *lexer) number(rest string) {
	afterDot := l.pos > 0 && l.src[l.pos-1] == '.'
	if len(rest) > 2 && rest[0] == '0' && strings.IndexByte("xXoObB", rest[1]) >= 0 {
		n := 2
		for n < len(rest) && (isHex(rest[n]) || rest[n] == '_') {
			n++
		}
		if v, err := strconv.ParseInt(rest[:n], 0, 64); err == nil {
			l.add(tokInt, strconv.FormatInt(v, 10))
			l.advance(n)
			return
		}
		failAt(l.line, "bad number %q", rest[:n])
	}
	n, kind := digits(rest), tokInt
	if !afterDot {
		if n+1 < len(rest) && rest[n] == '.' && isDigit(rest[n+1]) {
			n += 1 + digits(rest[n+1:])
			kind = tokFloat
		}
		if e := n; e < len(rest) && (rest[e] == 'e' || rest[e] == 'E') {
			e++
			if e < len(rest) && (rest[e] == '+' || rest[e] == '-') {
				e++
			}
			if e < len(rest) && isDigit(rest[e]) {
				n = e + digits(rest[e:])
				kind = tokFloat
			}
		}
	}
	l.add(kind, strings.ReplaceAll(rest[:n], "_", ""))
	l.advance(n)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || (c|0x20 >= 'a' && c|0x20 <= 'f') }

// digits returns the length of a run of digits with single underscores inside.
func digits(s string) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || (s[n] == '_' && n > 0 && n+1 < len(s) && isDigit(s[n+1]))) {
		n++
	}
	return n
}

func (l *lexer) str(rest string) {
	quote := rest[0]
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case quote:
			l.add(tokString, l.unescape(rest[1:i]))
			l.advance(i + 1)
			return
		}
	}
	failAt(l.line, "a string is not closed")
}

var simpleEscapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\n': ""}

// unescape decodes as Python's unicode-escape codec does; an unknown escape
// stays as it is written.
func (l *lexer) unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		c := s[i]
		if text, ok := simpleEscapes[c]; ok {
			b.WriteString(text)
			continue
		}
		width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		switch {
		case width > 0:
			if i+width >= len(s) {
				failAt(l.line, "truncated \\%c escape", c)
			}
			v, err := strconv.ParseUint(s[i+1:i+1+width], 16, 32)
			if err != nil || v > unicode.MaxRune {
				failAt(l.line, "bad escape \\%s", s[i:i+1+width])
			}
			b.WriteRune(rune(v))
			i += width
		case c >= '0' && c <= '7':
			n := 1
			for n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7' {
				n++
			}
			v, _ := strconv.ParseUint(s[i:i+n], 8, 32)
			b.WriteRune(rune(v))
			i += n - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}
