package jinja

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

type methodFunc = func(st *state, self any, a args) any

// methodOf finds a method of a value's type.
func methodOf(v any, name string) (methodFunc, bool) {
	var set map[string]methodFunc
	switch x := v.(type) {
	case string, markup:
		set = stringMethods()
	case *Dict:
		set = dictMethods()
	case *List:
		set = listMethods()
		if x.Tuple && name == "copy" {
			return nil, false
		}
	case float64:
		set = floatMethods()
	}
	m, ok := set[name]
	return m, ok
}

func dictMethods() map[string]methodFunc {
	view := func(kind string) methodFunc {
		return func(st *state, self any, a args) any {
			a.positional(kind, 0, 0)
			return &dictView{kind, self.(*Dict)}
		}
	}
	return map[string]methodFunc{
		"keys":   view("keys"),
		"values": view("values"),
		"items":  view("items"),
		"get": func(st *state, self any, a args) any {
			p := a.positional("get", 1, 2)
			if v, ok := self.(*Dict).Get(p[0]); ok {
				return v
			}
			return or(p[1], nil)
		},
		"copy": func(st *state, self any, a args) any {
			a.positional("copy", 0, 0)
			d := self.(*Dict)
			st.needItems(2 * d.Len())
			c := NewDict()
			for i, k := range d.keys {
				c.Set(k, d.values[i])
			}
			return c
		},
	}
}

func listMethods() map[string]methodFunc {
	return map[string]methodFunc{
		"index": func(st *state, self any, a args) any {
			p := a.positional("index", 1, 1)
			for i, item := range self.(*List).Items {
				if st.equal(item, p[0]) {
					return int64(i)
				}
			}
			fail("ValueError", "%s is not in list", st.repr(p[0]))
			return nil
		},
		"count": func(st *state, self any, a args) any {
			p := a.positional("count", 1, 1)
			n := int64(0)
			for _, item := range self.(*List).Items {
				if st.equal(item, p[0]) {
					n++
				}
			}
			return n
		},
		"copy": func(st *state, self any, a args) any {
			a.positional("copy", 0, 0)
			return &List{Items: self.(*List).Items}
		},
	}
}

func floatMethods() map[string]methodFunc {
	return map[string]methodFunc{
		"is_integer": func(st *state, self any, a args) any {
			a.positional("is_integer", 0, 0)
			f := self.(float64)
			return f == float64(int64(f))
		},
	}
}

func mustText(v any, what string) string {
	s, ok := text(v)
	if !ok {
		if u, isUndefined := v.(*undefined); isUndefined {
			u.raise()
		}
		fail("TypeError", "%s must be str, not %s", what, typeName(v))
	}
	return s
}

func mustInt(v any, what string) int64 {
	i, _, isInt, ok := number(v)
	if !ok || !isInt {
		if u, isUndefined := v.(*undefined); isUndefined {
			u.raise()
		}
		fail("TypeError", "%s must be an integer, not %s", what, typeName(v))
	}
	return i
}

// like returns s with the type of self: the methods of Markup return Markup.
func like(self any, s string) any {
	if _, safe := self.(markup); safe {
		return markup(s)
	}
	return s
}

func stringMethods() map[string]methodFunc {
	set := map[string]methodFunc{
		"strip":      stripMethod("strip", true, true),
		"lstrip":     stripMethod("lstrip", true, false),
		"rstrip":     stripMethod("rstrip", false, true),
		"split":      splitMethod("split", false),
		"rsplit":     splitMethod("rsplit", true),
		"startswith": affixMethod("startswith", strings.HasPrefix),
		"endswith":   affixMethod("endswith", strings.HasSuffix),
		"find":       findMethod("find", strings.Index, false),
		"rfind":      findMethod("rfind", strings.LastIndex, false),
		"index":      findMethod("index", strings.Index, true),
		"rindex":     findMethod("rindex", strings.LastIndex, true),
		"upper":      mapMethod(upper),
		"lower":      mapMethod(lower),
		"casefold":   mapMethod(lower),
		"title":      mapMethod(titleCase),
		"capitalize": mapMethod(capitalize),
		"swapcase":   mapMethod(swapCase),
		"isdigit":    everyMethod(unicode.IsDigit),
		"isdecimal":  everyMethod(unicode.IsDigit),
		"isnumeric":  everyMethod(unicode.IsNumber),
		"isalpha":    everyMethod(unicode.IsLetter),
		"isalnum":    everyMethod(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
		"isspace":    everyMethod(isSpace),
		"isupper":    caseMethod(unicode.IsUpper, unicode.IsLower),
		"islower":    caseMethod(unicode.IsLower, unicode.IsUpper),
		"ljust":      padMethod("ljust", func(n, width int) int { return 0 }),
		"rjust":      padMethod("rjust", func(n, width int) int { return n }),
		"center":     padMethod("center", centerLeft),
	}
	for name, m := range map[string]methodFunc{
		"replace": stringReplace, "join": stringJoin, "count": stringCount, "splitlines": stringSplitLines,
		"partition": stringPartition, "rpartition": stringRPartition, "zfill": stringZfill,
		"removeprefix": stringRemovePrefix, "removesuffix": stringRemoveSuffix, "format": stringFormat,
	} {
		set[name] = m
	}
	return set
}

// mapMethod is a method that maps the whole string; case mapping may grow it.
func mapMethod(f func(string) string) methodFunc {
	return func(st *state, self any, a args) any {
		a.positional("method", 0, 0)
		s, _ := text(self)
		st.needBytes(3 * len(s))
		return like(self, f(s))
	}
}

func everyMethod(is func(rune) bool) methodFunc {
	return func(st *state, self any, a args) any {
		s, _ := text(self)
		return s != "" && strings.IndexFunc(s, func(r rune) bool { return !is(r) }) < 0
	}
}

func caseMethod(want, not func(rune) bool) methodFunc {
	return func(st *state, self any, a args) any {
		s, _ := text(self)
		return strings.IndexFunc(s, want) >= 0 && strings.IndexFunc(s, not) < 0
	}
}

// centerLeft is where str.center puts the odd one of n fill characters.
func centerLeft(n, width int) int { return n/2 + n&width&1 }

// padMethod pads to a width; left says how many of n fill characters come first.
func padMethod(name string, left func(n, width int) int) methodFunc {
	return func(st *state, self any, a args) any {
		p := a.positional(name, 1, 2)
		s, _ := text(self)
		fill := mustText(or(p[1], " "), "the fill character")
		if runeCount(fill) != 1 {
			fail("TypeError", "the fill character must be exactly one character long")
		}
		width := mustInt(p[0], "width")
		n := width - int64(runeCount(s))
		if n <= 0 {
			return self
		}
		if n > int64(st.limits.Output) {
			st.needBytes(-1)
		}
		st.needBytes(len(s) + int(n)*len(fill))
		l := left(int(n), int(width))
		return like(self, strings.Repeat(fill, l)+s+strings.Repeat(fill, int(n)-l))
	}
}

func stripText(s string, chars any, left, right bool) string {
	cut := isSpace
	if chars != nil {
		set := mustText(chars, "strip argument")
		cut = func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

func stripMethod(name string, left, right bool) methodFunc {
	return func(st *state, self any, a args) any {
		p := a.positional(name, 0, 1)
		s, _ := text(self)
		return like(self, stripText(s, or(p[0], nil), left, right))
	}
}

func affixMethod(name string, has func(s, affix string) bool) methodFunc {
	return func(st *state, self any, a args) any {
		p := a.positional(name, 1, 3)
		self = st.slice(self, [3]any{or(p[1], nil), or(p[2], nil), nil})
		s, _ := text(self)
		if l, ok := p[0].(*List); ok && l.Tuple {
			for _, item := range l.Items {
				if has(s, mustText(item, name+" argument")) {
					return true
				}
			}
			return false
		}
		return has(s, mustText(p[0], name+" first arg"))
	}
}

func findMethod(name string, find func(s, sub string) int, must bool) methodFunc {
	return func(st *state, self any, a args) any {
		p := a.positional(name, 1, 3)
		s, _ := text(self)
		sub := mustText(p[0], name+" argument")
		from := clampBound(sliceBound(or(p[1], nil), 0), runeCount(s), 0, runeCount(s))
		part, _ := text(st.slice(self, [3]any{or(p[1], nil), or(p[2], nil), nil}))
		i := find(part, sub)
		if i < 0 {
			if must {
				fail("ValueError", "substring not found")
			}
			return int64(-1)
		}
		return from + int64(runeCount(part[:i]))
	}
}

func splitMethod(name string, fromRight bool) methodFunc {
	return func(st *state, self any, a args) any {
		p := a.bind(name, 0, "sep", "maxsplit")
		s, _ := text(self)
		limit := mustInt(or(p[1], int64(-1)), "maxsplit")
		var parts []string
		if sep := or(p[0], nil); sep == nil {
			parts = splitSpace(st, s, limit, fromRight)
		} else {
			parts = splitSep(st, s, mustText(sep, "sep"), limit, fromRight)
		}
		return textList(st, self, parts)
	}
}

func textList(st *state, self any, parts []string) *List {
	st.needItems(len(parts))
	l := &List{Items: make([]any, len(parts))}
	for i, part := range parts {
		l.Items[i] = like(self, part)
	}
	return l
}

func splitSep(st *state, s, sep string, limit int64, fromRight bool) []string {
	if sep == "" {
		fail("ValueError", "empty separator")
	}
	n := strings.Count(s, sep)
	if limit >= 0 && limit < int64(n) {
		n = int(limit)
	}
	st.needItems(n + 1)
	if !fromRight {
		return strings.SplitN(s, sep, n+1)
	}
	parts := make([]string, n+1)
	for i := n; i > 0; i-- {
		at := strings.LastIndex(s, sep)
		parts[i] = s[at+len(sep):]
		s = s[:at]
	}
	parts[0] = s
	return parts
}

// splitSpace splits at runs of white space, as split() without a separator.
func splitSpace(st *state, s string, limit int64, fromRight bool) []string {
	var parts []string
	for {
		if fromRight {
			s = strings.TrimRightFunc(s, isSpace)
		} else {
			s = strings.TrimLeftFunc(s, isSpace)
		}
		if s == "" {
			break
		}
		st.step()
		st.needItems(1)
		at := -1
		if limit < 0 || int64(len(parts)) < limit {
			if fromRight {
				at = strings.LastIndexFunc(s, isSpace)
			} else {
				at = strings.IndexFunc(s, isSpace)
			}
		}
		if at < 0 {
			parts = append(parts, s)
			break
		}
		if fromRight {
			_, n := splitRune(s[at:])
			parts = append(parts, s[at+n:])
			s = s[:at]
		} else {
			parts = append(parts, s[:at])
			s = s[at:]
		}
	}
	if fromRight {
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
	}
	return parts
}

func stringReplace(st *state, self any, a args) any {
	p := a.positional("replace", 2, 3)
	s, _ := text(self)
	return like(self, st.replace(s, mustText(p[0], "replace argument"), mustText(p[1], "replace argument"), mustInt(or(p[2], int64(-1)), "count")))
}

func (st *state) replace(s, from, to string, limit int64) string {
	n := strings.Count(s, from)
	if limit >= 0 && limit < int64(n) {
		n = int(limit)
	}
	if grow := len(to) - len(from); grow > 0 && n > (st.limits.Output-min(len(s), st.limits.Output))/grow {
		st.needBytes(-1)
	}
	st.needBytes(len(s) + n*(len(to)-len(from)))
	return strings.Replace(s, from, to, n)
}

func stringJoin(st *state, self any, a args) any {
	p := a.positional("join", 1, 1)
	sep, _ := text(self)
	items := st.collect(p[0])
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = mustText(item, "sequence item of join")
	}
	return like(self, st.join(parts, sep))
}

func (st *state) join(parts []string, sep string) string {
	n := 0
	for _, part := range parts {
		if n += len(part) + len(sep); n > st.limits.Output+len(sep) {
			st.needBytes(n)
		}
	}
	st.needBytes(max(n-len(sep), 0))
	return strings.Join(parts, sep)
}

func stringCount(st *state, self any, a args) any {
	p := a.positional("count", 1, 3)
	s, _ := text(st.slice(self, [3]any{or(p[1], nil), or(p[2], nil), nil}))
	return int64(strings.Count(s, mustText(p[0], "count argument")))
}

func stringSplitLines(st *state, self any, a args) any {
	keep := truth(or(a.bind("splitlines", 0, "keepends")[0], false))
	s, _ := text(self)
	var lines []string
	for s != "" {
		st.needItems(1)
		end := strings.IndexFunc(s, func(r rune) bool {
			return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
		})
		if end < 0 {
			lines = append(lines, s)
			break
		}
		_, n := splitRune(s[end:])
		if strings.HasPrefix(s[end:], "\r\n") {
			n = 2
		}
		line := s[:end]
		if keep {
			line = s[:end+n]
		}
		lines = append(lines, line)
		s = s[end+n:]
	}
	return textList(st, self, lines)
}

func partition(self any, before, sep, after string) any {
	return &List{Items: []any{like(self, before), like(self, sep), like(self, after)}, Tuple: true}
}

func stringPartition(st *state, self any, a args) any {
	s, _ := text(self)
	sep := mustText(a.positional("partition", 1, 1)[0], "separator")
	if sep == "" {
		fail("ValueError", "empty separator")
	}
	if before, after, ok := strings.Cut(s, sep); ok {
		return partition(self, before, sep, after)
	}
	return partition(self, s, "", "")
}

func stringRPartition(st *state, self any, a args) any {
	s, _ := text(self)
	sep := mustText(a.positional("rpartition", 1, 1)[0], "separator")
	if sep == "" {
		fail("ValueError", "empty separator")
	}
	if i := strings.LastIndex(s, sep); i >= 0 {
		return partition(self, s[:i], sep, s[i+len(sep):])
	}
	return partition(self, "", "", s)
}

func stringRemovePrefix(st *state, self any, a args) any {
	s, _ := text(self)
	return like(self, strings.TrimPrefix(s, mustText(a.positional("removeprefix", 1, 1)[0], "prefix")))
}

func stringRemoveSuffix(st *state, self any, a args) any {
	s, _ := text(self)
	return like(self, strings.TrimSuffix(s, mustText(a.positional("removesuffix", 1, 1)[0], "suffix")))
}

func stringZfill(st *state, self any, a args) any {
	width := mustInt(a.positional("zfill", 1, 1)[0], "width")
	s, _ := text(self)
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	padded := padMethod("zfill", func(n, width int) int { return n })(st, s, args{pos: []any{width - int64(len(sign)), "0"}})
	return like(self, sign+padded.(string))
}

// upper and lower map by Unicode's full rules (ß becomes SS), as Python does.
func upper(s string) string { return cases.Upper(language.Und).String(s) }
func lower(s string) string { return cases.Lower(language.Und).String(s) }

// titleCase is str.title: a letter is upper case where no letter precedes it.
func titleCase(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		letter := unicode.IsLetter(r)
		first := letter && !inWord
		inWord = letter
		if first {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func capitalize(s string) string {
	_, n := splitRune(s)
	return strings.ToTitle(s[:n]) + lower(s[n:])
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}
