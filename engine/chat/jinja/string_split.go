package jinja

import "strings"

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
