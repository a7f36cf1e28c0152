package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// str is Python's str(v), the text that {{ v }} prints.
func (st *state) str(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case markup:
		return string(x)
	case *undefined:
		x.mustNotBeUnsafe()
		return ""
	}
	return st.repr(v)
}

// repr is Python's repr(v).
func (st *state) repr(v any) string {
	st.step()
	switch x := v.(type) {
	case nil:
		return "None"
	case bool:
		if x {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(x, 10)
	case *big.Int:
		return x.String()
	case float64:
		return reprFloat(x)
	case string:
		st.charge(len(x))
		return reprString(x)
	case markup:
		return "Markup(" + reprString(string(x)) + ")"
	case *undefined:
		x.mustNotBeUnsafe()
		return "Undefined"
	case *List:
		open, end := "[", "]"
		if x.Tuple {
			open, end = "(", ")"
			if len(x.Items) == 1 {
				end = ",)"
			}
		}
		return open + st.reprItems(len(x.Items), func(i int) string { return st.repr(x.Items[i]) }) + end
	case *Dict:
		return "{" + st.reprItems(x.Len(), func(i int) string { return st.repr(x.keys[i]) + ": " + st.repr(x.values[i]) }) + "}"
	case *dictView:
		return "dict_" + x.kind + "([" + st.reprItems(x.dict.Len(), func(i int) string { return st.repr(x.at(i)) }) + "])"
	case *rangeValue:
		if x.step == 1 {
			return fmt.Sprintf("range(%d, %d)", x.start, x.stop)
		}
		return fmt.Sprintf("range(%d, %d, %d)", x.start, x.stop, x.step)
	case *namespace:
		return "<Namespace " + st.repr(x.attrs) + ">"
	}
	return "<" + typeName(v) + " object>"
}

func (st *state) reprItems(n int, item func(int) string) string {
	st.enter()
	defer st.leave()
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		s := item(i)
		st.needBytes(len(s))
		b.WriteString(s)
		if b.Len() > st.limits.Output {
			st.needBytes(b.Len())
		}
	}
	return b.String()
}

// reprFloat is the shortest text that reads back as f, as float.__repr__ has it.
func reprFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func reprString(s string) string {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte(quote)
	return b.String()
}
