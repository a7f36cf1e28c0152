package jinja

import (
	"math"
	"strconv"
	"strings"
)

// formatSpec is the part after the colon of "{:>8.2f}", or of "%8.2f".
type formatSpec struct {
	fill      string
	align     byte // '<', '>', '^', '=' or 0
	sign      byte // '+', ' ' or 0
	alternate bool
	width     int
	comma     string
	precision int // -1 if not given
	verb      byte
}

// stringFormat is str.format (https://docs.python.org/3/library/string.html#formatstrings).
func stringFormat(st *state, self any, a args) any {
	s, _ := text(self)
	var b strings.Builder
	auto, manual := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c {
			b.WriteByte(c)
			i++
			continue
		}
		if c == '}' {
			fail("ValueError", "single '}' encountered in format string")
		}
		if c != '{' {
			b.WriteByte(c)
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			fail("ValueError", "expected '}' before end of string")
		}
		field := s[i+1 : i+end]
		if strings.IndexByte(field, '{') >= 0 {
			fail("ValueError", "nested fields in a format string are not supported")
		}
		i += end
		field, spec, _ := strings.Cut(field, ":")
		field, conversion, converted := strings.Cut(field, "!")
		nameEnd := strings.IndexAny(field, ".[")
		if nameEnd < 0 {
			nameEnd = len(field)
		}
		v := formatArgument(a, field[:nameEnd], &auto, &manual)
		v = st.formatPath(v, field[nameEnd:])
		if converted {
			v = st.convert(v, conversion)
		}
		out := st.formatValue(v, parseSpec(spec))
		st.needBytes(b.Len() + len(out))
		b.WriteString(out)
	}
	return like(self, b.String())
}

func formatArgument(a args, name string, auto *int, manual *bool) any {
	index, err := strconv.Atoi(name)
	switch {
	case name == "":
		if *manual {
			fail("ValueError", "cannot switch from manual field specification to automatic field numbering")
		}
		index = *auto
		*auto++
	case err == nil:
		if *auto > 0 {
			fail("ValueError", "cannot switch from automatic field numbering to manual field specification")
		}
		*manual = true
	default:
		for _, n := range a.named {
			if n.name == name {
				return n.value
			}
		}
		fail("KeyError", "'%s'", name)
	}
	if index < 0 || index >= len(a.pos) {
		fail("IndexError", "replacement index %d out of range for positional args tuple", index)
	}
	return a.pos[index]
}

// formatPath follows ".name" and "[index]" of a field.
func (st *state) formatPath(v any, path string) any {
	for path != "" {
		if path[0] == '.' {
			end := strings.IndexAny(path[1:], ".[")
			if end < 0 {
				end = len(path) - 1
			}
			v = st.getAttr(v, path[1:1+end])
			path = path[1+end:]
			continue
		}
		end := strings.IndexByte(path, ']')
		if path[0] != '[' || end < 0 {
			fail("ValueError", "bad field %q in format string", path)
		}
		var key any = path[1:end]
		if i, err := strconv.ParseInt(path[1:end], 10, 64); err == nil {
			key = i
		}
		v = st.getItem(v, key)
		path = path[end+1:]
	}
	return v
}

func (st *state) convert(v any, conversion string) any {
	switch conversion {
	case "s":
		return st.str(v)
	case "r", "a":
		return st.repr(v)
	}
	fail("ValueError", "unknown conversion specifier %q", conversion)
	return nil
}

func parseSpec(s string) formatSpec {
	f := formatSpec{fill: " ", precision: -1}
	if _, n := splitRune(s); n < len(s) && strings.IndexByte("<>^=", s[n]) >= 0 {
		f.fill, f.align = s[:n], s[n]
		s = s[n+1:]
	} else if s != "" && strings.IndexByte("<>^=", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		f.sign, s = s[0], s[1:]
	}
	if strings.HasPrefix(s, "#") {
		f.alternate, s = true, s[1:]
	}
	if strings.HasPrefix(s, "0") && f.align == 0 {
		f.fill, f.align = "0", '='
	}
	f.width, s = leadingInt(s)
	if s != "" && (s[0] == ',' || s[0] == '_') {
		f.comma, s = s[:1], s[1:]
	}
	if strings.HasPrefix(s, ".") {
		if s == "." || !isDigit(s[1]) {
			fail("ValueError", "format specifier missing precision")
		}
		f.precision, s = leadingInt(s[1:])
	}
	if len(s) > 1 {
		fail("ValueError", "invalid format specifier %q", s)
	}
	if s != "" {
		f.verb = s[0]
	}
	return f
}

func leadingInt(s string) (int, string) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	if n == 0 {
		return 0, s
	}
	v, err := strconv.Atoi(s[:n])
	if err != nil || v > 1<<24 {
		fail("LimitError", "a width or precision of %s", s[:n])
	}
	return v, s[n:]
}

func (st *state) formatValue(v any, f formatSpec) string {
	i, x, isInt, isNumber := number(v)
	if _, isBool := v.(bool); isBool && f.verb == 0 || f.verb == 's' {
		isNumber = false
	}
	if !isNumber {
		if f.verb != 0 && f.verb != 's' {
			fail("ValueError", "unknown format code '%c' for object of type '%s'", f.verb, typeName(v))
		}
		s := st.str(v)
		if f.precision >= 0 {
			s = s[:runeOffset(s, f.precision)]
		}
		return st.pad("", s, f, '<')
	}
	var body string
	if f.precision > 1000 {
		fail("LimitError", "a precision of %d", f.precision)
	}
	switch {
	case isInt && strings.IndexByte("\x00dboxXnc", f.verb) >= 0:
		body = formatInt(i, f)
	default:
		body = formatFloat(x, f)
	}
	sign := ""
	if strings.HasPrefix(body, "-") {
		sign, body = "-", body[1:]
	} else if f.sign == '+' || f.sign == ' ' {
		sign = string(f.sign)
	}
	if f.comma != "" {
		body = group(body, f.comma)
	}
	return st.pad(sign, body, f, '>')
}

func formatInt(i int64, f formatSpec) string {
	base, prefix := 10, ""
	switch f.verb {
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.verb)
	case 'c':
		return string(rune(i))
	}
	s := strconv.FormatInt(i, base)
	if f.verb == 'X' {
		s = strings.ToUpper(s)
	}
	if f.alternate && prefix != "" {
		digits, negative := strings.CutPrefix(s, "-")
		if s = prefix + digits; negative {
			s = "-" + s
		}
	}
	return s
}

func formatFloat(x float64, f formatSpec) string {
	precision := f.precision
	if precision < 0 && f.verb != 0 {
		precision = 6
	}
	switch f.verb {
	case 'f', 'F', 'e', 'E':
		return strconv.FormatFloat(x, f.verb|0x20, precision, 64)
	case 'g', 'G':
		return strconv.FormatFloat(x, 'g', max(precision, 1), 64)
	case '%':
		return strconv.FormatFloat(x*100, 'f', precision, 64) + "%"
	case 0:
		if precision < 0 {
			return reprFloat(x)
		}
		return strconv.FormatFloat(x, 'g', max(precision, 1), 64)
	}
	fail("ValueError", "unknown format code '%c' for object of type 'float'", f.verb)
	return ""
}

// group puts a separator between groups of three digits before the point.
func group(s, sep string) string {
	end := len(s)
	for i := range len(s) {
		if !isDigit(s[i]) {
			end = i
			break
		}
	}
	for i := end - 3; i > 0; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	return s
}

func (st *state) pad(sign, s string, f formatSpec, align byte) string {
	if f.align != 0 {
		align = f.align
	}
	n := f.width - runeCount(sign) - runeCount(s)
	if n <= 0 {
		return sign + s
	}
	st.needBytes(len(s) + n*len(f.fill) + 1)
	left := 0
	switch align {
	case '>', '=':
		left = n
	case '^':
		left = n / 2
	}
	before, after := strings.Repeat(f.fill, left), strings.Repeat(f.fill, n-left)
	if align == '=' {
		return sign + before + s + after
	}
	return before + sign + s + after
}

// percentFormat is "..." % v.
func (st *state) percentFormat(s string, v any) any {
	values := []any{v}
	if l, ok := v.(*List); ok && l.Tuple {
		values = l.Items
	}
	mapping, _ := v.(*Dict)
	var b strings.Builder
	used := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i >= len(s) {
			fail("ValueError", "incomplete format")
		}
		if s[i] == '%' {
			b.WriteByte('%')
			continue
		}
		var item any
		if s[i] == '(' {
			end := strings.IndexByte(s[i:], ')')
			if mapping == nil || end < 0 {
				fail("TypeError", "format requires a mapping")
			}
			found, ok := mapping.Get(s[i+1 : i+end])
			if !ok {
				fail("KeyError", "'%s'", s[i+1:i+end])
			}
			item, i = found, i+end+1
		} else if used < len(values) {
			item = values[used]
			used++
		} else {
			fail("TypeError", "not enough arguments for format string")
		}
		f, rest := percentSpec(s[i:])
		i = len(s) - len(rest) - 1
		out := st.percentValue(item, f)
		st.needBytes(b.Len() + len(out))
		b.WriteString(out)
	}
	if mapping == nil && used < len(values) {
		fail("TypeError", "not all arguments converted during string formatting")
	}
	return b.String()
}

func percentSpec(s string) (formatSpec, string) {
	f := formatSpec{fill: " ", align: '>', precision: -1}
	for s != "" && strings.IndexByte("-+ #0", s[0]) >= 0 {
		switch s[0] {
		case '-':
			f.align = '<'
		case '0':
			if f.align != '<' {
				f.fill, f.align = "0", '='
			}
		case '#':
			f.alternate = true
		default:
			f.sign = s[0]
		}
		s = s[1:]
	}
	f.width, s = leadingInt(s)
	if strings.HasPrefix(s, ".") {
		f.precision, s = leadingInt(s[1:])
	}
	if s == "" {
		fail("ValueError", "incomplete format")
	}
	f.verb = s[0]
	return f, s[1:]
}

func (st *state) percentValue(v any, f formatSpec) string {
	switch f.verb {
	case 's':
		return st.formatValue(st.str(v), f)
	case 'r', 'a':
		f.verb = 's'
		return st.formatValue(st.repr(v), f)
	case 'd', 'i', 'u', 'x', 'X', 'o':
		i, x, isInt, ok := number(v)
		if !ok {
			fail("TypeError", "%%%c format: a real number is required, not %s", f.verb, typeName(v))
		}
		if !isInt {
			if math.Abs(x) >= 1<<63 || math.IsNaN(x) {
				integerOverflow()
			}
			i = int64(x)
		}
		if f.verb == 'i' || f.verb == 'u' {
			f.verb = 'd'
		}
		f.precision = -1
		return st.formatValue(i, f)
	case 'f', 'F', 'e', 'E', 'g', 'G':
		if _, _, _, ok := number(v); !ok {
			fail("TypeError", "must be real number, not %s", typeName(v))
		}
		return st.formatValue(v, f)
	}
	fail("ValueError", "unsupported format character '%c'", f.verb)
	return ""
}
