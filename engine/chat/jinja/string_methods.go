package jinja

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// like returns s with the type of self: the methods of Markup return Markup.
func like(self any, s string) any {
	if _, safe := self.(markup); safe {
		return markup(s)
	}
	return s
}

// stringMethod finds a method of str; the methods of Markup are the same.
func stringMethod(name string) methodFunc {
	switch name {
	case "strip":
		return stripMethod("strip", true, true)
	case "lstrip":
		return stripMethod("lstrip", true, false)
	case "rstrip":
		return stripMethod("rstrip", false, true)
	case "split":
		return splitMethod("split", false)
	case "rsplit":
		return splitMethod("rsplit", true)
	case "startswith":
		return affixMethod("startswith", strings.HasPrefix)
	case "endswith":
		return affixMethod("endswith", strings.HasSuffix)
	case "find":
		return findMethod("find", strings.Index, false)
	case "rfind":
		return findMethod("rfind", strings.LastIndex, false)
	case "index":
		return findMethod("index", strings.Index, true)
	case "rindex":
		return findMethod("rindex", strings.LastIndex, true)
	case "upper":
		return mapMethod(upper)
	case "lower":
		return mapMethod(lower)
	case "casefold":
		return mapMethod(lower)
	case "title":
		return mapMethod(titleCase)
	case "capitalize":
		return mapMethod(capitalize)
	case "swapcase":
		return mapMethod(swapCase)
	case "isdigit":
		return everyMethod(unicode.IsDigit)
	case "isdecimal":
		return everyMethod(unicode.IsDigit)
	case "isnumeric":
		return everyMethod(unicode.IsNumber)
	case "isalpha":
		return everyMethod(unicode.IsLetter)
	case "isalnum":
		return everyMethod(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })
	case "isspace":
		return everyMethod(isSpace)
	case "isupper":
		return caseMethod(unicode.IsUpper, unicode.IsLower)
	case "islower":
		return caseMethod(unicode.IsLower, unicode.IsUpper)
	case "ljust":
		return padMethod("ljust", func(n, width int) int { return 0 })
	case "rjust":
		return padMethod("rjust", func(n, width int) int { return n })
	case "center":
		return padMethod("center", centerLeft)
	case "replace":
		return stringReplace
	case "join":
		return stringJoin
	case "count":
		return stringCount
	case "splitlines":
		return stringSplitLines
	case "partition":
		return stringPartition
	case "rpartition":
		return stringRPartition
	case "zfill":
		return stringZfill
	case "removeprefix":
		return stringRemovePrefix
	case "removesuffix":
		return stringRemoveSuffix
	case "format":
		return stringFormat
	}
	return nil
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
