package jinja

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

type filterFunc = func(st *state, v any, a args) any

// filter applies a filter by name.
func (st *state) filter(name string, v any, a args) any {
	st.step()
	st.enter()
	defer st.leave()
	if u, ok := v.(*undefined); ok && name != "default" && name != "d" {
		u.mustNotBeUnsafe()
	}
	f := valueFilter(name)
	if f == nil {
		f = sequenceFilter(name)
	}
	if f == nil {
		fail("TemplateRuntimeError", "no filter named '%s'", name)
	}
	return f(st, v, a)
}

// valueFilter finds the filters that concern one value
// (https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-filters).
func valueFilter(name string) filterFunc {
	switch name {
	case "abs":
		return filterAbs
	case "capitalize":
		return softFilter(name, capitalize)
	case "title":
		return softFilter(name, titleFilter)
	case "upper":
		return softFilter(name, upper)
	case "lower":
		return softFilter(name, lower)
	case "center":
		return filterCenter
	case "default", "d":
		return filterDefault
	case "e", "escape":
		return filterEscape
	case "float":
		return filterFloat
	case "format":
		return func(st *state, v any, a args) any {
			if len(a.named) > 0 {
				d := makeDict(st, "format", args{named: a.named})
				return st.percentFormat(st.str(v), d)
			}
			return st.percentFormat(st.str(v), &List{Items: a.pos, Tuple: true})
		}
	case "indent":
		return filterIndent
	case "int":
		return filterInt
	case "replace":
		return filterReplace
	case "round":
		return filterRound
	case "safe":
		return func(st *state, v any, a args) any { return markup(st.str(v)) }
	case "string":
		return func(st *state, v any, a args) any {
			a.bind(name, 0)
			if s, ok := v.(markup); ok {
				return s
			}
			return st.str(v)
		}
	case "tojson":
		return (*state).toJSON
	case "trim":
		return func(st *state, v any, a args) any {
			chars := or(a.bind(name, 0, "chars")[0], nil)
			return like(v, stripText(st.str(v), chars, true, true))
		}
	case "truncate":
		return filterTruncate
	case "urlencode":
		return filterURLEncode
	case "wordcount":
		return func(st *state, v any, a args) any {
			return int64(len(strings.FieldsFunc(st.str(v), func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '_'
			})))
		}
	}
	return nil
}

// softFilter maps the text of any value.
func softFilter(name string, f func(string) string) filterFunc {
	return func(st *state, v any, a args) any {
		a.bind(name, 0)
		s := st.str(v)
		st.needBytes(3 * len(s))
		return like(v, f(s))
	}
}

// titleFilter upper-cases the first letter after white space, a hyphen or an
// opening bracket.
func titleFilter(s string) string {
	start := true
	return strings.Map(func(r rune) rune {
		first := start
		start = isSpace(r) || strings.ContainsRune("-({[<", r)
		if first {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func filterAbs(st *state, v any, a args) any {
	i, f, isInt, ok := number(v)
	switch {
	case !ok:
		operandErrorUnary("abs()", v)
	case isInt && i < 0:
		return negate("-", i)
	case isInt:
		return i
	}
	return math.Abs(f)
}

func operandErrorUnary(op string, v any) {
	if u, ok := v.(*undefined); ok {
		u.raise()
	}
	fail("TypeError", "bad operand type for %s: '%s'", op, typeName(v))
}

func filterCenter(st *state, v any, a args) any {
	width := or(a.bind("center", 0, "width")[0], int64(80))
	center := padMethod("center", centerLeft)
	return like(v, center(st, st.str(v), args{pos: []any{width}}).(string))
}

func filterDefault(st *state, v any, a args) any {
	p := a.bind("default", 0, "default_value", "boolean")
	if _, ok := v.(*undefined); ok || (truth(or(p[1], false)) && !truth(v)) {
		return or(p[0], "")
	}
	return v
}

func filterEscape(st *state, v any, a args) any {
	if s, ok := v.(markup); ok {
		return s
	}
	s := st.str(v)
	st.needBytes(5 * len(s))
	return markup(escapeHTML(s))
}

func filterFloat(st *state, v any, a args) any {
	def := or(a.bind("float", 0, "default")[0], 0.0)
	if _, f, _, ok := number(v); ok {
		return f
	}
	if s, ok := text(v); ok {
		if f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimFunc(s, isSpace), "_", ""), 64); err == nil && !strings.ContainsAny(s, "xXpP") {
			return f
		}
	}
	return def
}

func filterInt(st *state, v any, a args) any {
	p := a.bind("int", 0, "default", "base")
	def := or(p[0], int64(0))
	i, f, isInt, ok := number(v)
	if ok && !isInt {
		if math.IsNaN(f) || math.Abs(f) >= 1<<63 {
			return def
		}
		return int64(f)
	}
	if ok {
		return i
	}
	s, ok := text(v)
	if !ok {
		return def
	}
	s = strings.TrimFunc(s, isSpace)
	base := mustInt(or(p[1], int64(10)), "base")
	digits := strings.TrimLeft(s, "+-")
	for b, prefix := range map[int64]string{2: "0b", 8: "0o", 16: "0x"} {
		if lower := strings.ToLower(digits); base == b && strings.HasPrefix(lower, prefix) {
			s = s[:len(s)-len(digits)] + digits[2:]
		}
	}
	if base >= 2 && base <= 36 {
		if n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), int(base), 64); err == nil {
			return n
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return def
}

func filterIndent(st *state, v any, a args) any {
	p := a.bind("indent", 0, "width", "first", "blank")
	first, blank := truth(or(p[1], false)), truth(or(p[2], false))
	s := st.str(v)
	width := or(p[0], int64(4))
	indent, isText := text(width)
	if !isText {
		n := mustInt(width, "width")
		if n > int64(st.limits.Output) {
			st.needBytes(-1)
		}
		st.needBytes(int(max(n, 0)))
		indent = strings.Repeat(" ", int(max(n, 0)))
	}
	lines := strings.Split(s+"\n", "\n")
	lines = lines[:len(lines)-1]
	if n := len(lines) * len(indent); n > st.limits.Output {
		st.needBytes(n)
	}
	st.needBytes(len(s) + len(lines)*len(indent))
	for i, line := range lines {
		if (i > 0 || first) && (line != "" || blank || (i == 0 && first)) {
			lines[i] = indent + line
		}
	}
	return like(v, strings.Join(lines, "\n"))
}

func filterReplace(st *state, v any, a args) any {
	p := a.bind("replace", 2, "old", "new", "count")
	count := int64(-1)
	if c := or(p[2], nil); c != nil {
		count = mustInt(c, "count")
	}
	return st.replace(st.str(v), st.str(p[0]), st.str(p[1]), count)
}

func filterRound(st *state, v any, a args) any {
	p := a.bind("round", 0, "precision", "method")
	i, f, isInt, ok := number(v)
	if !ok {
		operandErrorUnary("round()", v)
	}
	precision := mustInt(or(p[0], int64(0)), "precision")
	if precision > 300 || precision < -300 {
		fail("ValueError", "a precision of %d", precision)
	}
	method := mustText(or(p[1], "common"), "method")
	if isInt && precision >= 0 && method == "common" {
		return i
	}
	switch method {
	case "common":
		if precision >= 0 {
			r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
			return r
		}
		scale := math.Pow(10, float64(-precision))
		r := math.RoundToEven(f/scale) * scale
		if isInt {
			return int64(r)
		}
		return r
	case "ceil", "floor":
		scale := math.Pow(10, float64(precision))
		if method == "ceil" {
			return math.Ceil(f*scale) / scale
		}
		return math.Floor(f*scale) / scale
	}
	fail("FilterArgumentError", "method must be common, ceil or floor")
	return nil
}

func filterTruncate(st *state, v any, a args) any {
	p := a.bind("truncate", 0, "length", "killwords", "end", "leeway")
	s := st.str(v)
	length := mustInt(or(p[0], int64(255)), "length")
	end := mustText(or(p[2], "..."), "end")
	leeway := int64(5)
	if l := or(p[3], nil); l != nil {
		leeway = mustInt(l, "leeway")
	}
	keep := length - int64(runeCount(end))
	if keep < 0 {
		fail("AssertionError", "expected length >= %d, got %d", runeCount(end), length)
	}
	if int64(runeCount(s)) <= length+leeway {
		return like(v, s)
	}
	cut := s[:runeOffset(s, int(keep))]
	if !truth(or(p[1], false)) {
		if i := strings.LastIndexByte(cut, ' '); i >= 0 {
			cut = cut[:i]
		}
	}
	return like(v, st.concat(cut, end))
}

func filterURLEncode(st *state, v any, a args) any {
	quote := func(v any) string {
		s := st.str(v)
		st.needBytes(3 * len(s))
		return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), "%2F", "/")
	}
	d, ok := v.(*Dict)
	if !ok {
		return quote(v)
	}
	parts := make([]string, d.Len())
	for i, k := range d.keys {
		parts[i] = strings.ReplaceAll(quote(k)+"="+quote(d.values[i]), "%20", "+")
	}
	return st.join(parts, "&")
}
