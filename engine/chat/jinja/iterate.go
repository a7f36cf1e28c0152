package jinja

// iterator returns the next item, or false at the end.
type iterator func() (any, bool)

// generator is a lazy sequence that can be read once, as the results of map,
// select, items and their kin are in Jinja2: it has no length and no index.
type generator struct{ next iterator }

// dictView is what keys(), values() and items() return.
type dictView struct {
	kind string
	dict *Dict
}

func (v *dictView) at(i int) any {
	switch v.kind {
	case "keys":
		return v.dict.keys[i]
	case "values":
		return v.dict.values[i]
	}
	return &List{Items: []any{v.dict.keys[i], v.dict.values[i]}, Tuple: true}
}

// rangeValue is range(start, stop, step).
type rangeValue struct{ start, stop, step int64 }

func (r *rangeValue) len() int64 {
	switch {
	case r.step > 0 && r.start < r.stop:
		return (r.stop-r.start-1)/r.step + 1
	case r.step < 0 && r.start > r.stop:
		return (r.start-r.stop-1)/-r.step + 1
	}
	return 0
}

func indexed(n int, at func(int) any) iterator {
	i := 0
	return func() (any, bool) {
		if i >= n {
			return nil, false
		}
		i++
		return at(i - 1), true
	}
}

// iterateOK returns an iterator over v, or false if v is not iterable.
func (st *state) iterateOK(v any) (iterator, bool) {
	switch x := v.(type) {
	case *undefined:
		x.mustNotBeUnsafe()
		return func() (any, bool) { return nil, false }, true
	case *List:
		return indexed(len(x.Items), func(i int) any { return x.Items[i] }), true
	case *Dict:
		return indexed(len(x.keys), func(i int) any { return x.keys[i] }), true
	case *dictView:
		return indexed(x.dict.Len(), x.at), true
	case *rangeValue:
		return indexed(int(x.len()), func(i int) any { return x.start + int64(i)*x.step }), true
	case *generator:
		return x.next, true
	case *loopObject:
		return func() (any, bool) { return x.advance(st) }, true
	}
	if s, ok := text(v); ok {
		rest := s
		return func() (any, bool) {
			if rest == "" {
				return nil, false
			}
			_, n := splitRune(rest)
			c := rest[:n]
			rest = rest[n:]
			return c, true
		}, true
	}
	return nil, false
}

func (st *state) iterate(v any) iterator {
	it, ok := st.iterateOK(v)
	if !ok {
		fail("TypeError", "'%s' object is not iterable", typeName(v))
	}
	return func() (any, bool) {
		st.step()
		return it()
	}
}

// collect reads an iterable to its end.
func (st *state) collect(v any) []any {
	if l, ok := v.(*List); ok {
		return l.Items
	}
	var items []any
	for it := st.iterate(v); ; {
		item, ok := it()
		if !ok {
			break
		}
		items = append(items, item)
		if len(items) > st.limits.Items {
			st.needItems(len(items))
		}
	}
	st.needItems(len(items))
	return items
}

// length is Python's len(v); ok is false if v has none.
func (st *state) length(v any) (n int, ok bool) {
	switch x := v.(type) {
	case *undefined:
		x.mustNotBeUnsafe()
		return 0, true
	case *List:
		return len(x.Items), true
	case *Dict:
		return x.Len(), true
	case *dictView:
		return x.dict.Len(), true
	case *rangeValue:
		return int(x.len()), true
	case *loopObject:
		return x.length(st), true
	}
	if s, isText := text(v); isText {
		return runeCount(s), true
	}
	return 0, false
}

// loopObject is the variable loop.
type loopObject struct {
	stmt    *forStmt
	scope   *scope
	over    any
	source  iterator
	ahead   []any // items read from source but not yet reached
	depth   int
	index   int // of the current item, 0-based
	current any
	prev    any
	changed any
	seen    bool // changed() was called
}

func (l *loopObject) typeName() string { return "LoopContext" }

func (l *loopObject) peek() (any, bool) {
	if len(l.ahead) == 0 {
		item, ok := l.source()
		if !ok {
			return nil, false
		}
		l.ahead = append(l.ahead, item)
	}
	return l.ahead[0], true
}

func (l *loopObject) advance(st *state) (any, bool) {
	item, ok := l.peek()
	if !ok {
		return nil, false
	}
	l.ahead = l.ahead[1:]
	l.index++
	l.prev, l.current = l.current, item
	return item, true
}

func (l *loopObject) length(st *state) int {
	if l.stmt.test == nil {
		if _, lazy := l.over.(*generator); !lazy {
			if n, ok := st.length(l.over); ok {
				return n
			}
		}
	}
	for {
		item, ok := l.source()
		if !ok {
			break
		}
		l.ahead = append(l.ahead, item)
		st.needItems(len(l.ahead) / 16)
	}
	return l.index + 1 + len(l.ahead)
}

func (l *loopObject) attr(st *state, name string) (any, bool) {
	switch name {
	case "index":
		return int64(l.index + 1), true
	case "index0":
		return int64(l.index), true
	case "revindex":
		return int64(l.length(st) - l.index), true
	case "revindex0":
		return int64(l.length(st) - l.index - 1), true
	case "first":
		return l.index == 0, true
	case "last":
		_, more := l.peek()
		return !more, true
	case "length":
		return int64(l.length(st)), true
	case "depth":
		return int64(l.depth + 1), true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if l.index == 0 {
			return &undefined{hint: "there is no previous item"}, true
		}
		return l.prev, true
	case "nextitem":
		if item, ok := l.peek(); ok {
			return item, true
		}
		return &undefined{hint: "there is no next item"}, true
	case "cycle":
		return &function{"cycle", func(st *state, a args) any {
			if len(a.pos) == 0 {
				fail("TypeError", "no items for cycling given")
			}
			return a.pos[l.index%len(a.pos)]
		}}, true
	case "changed":
		return &function{"changed", func(st *state, a args) any {
			now := &List{Items: a.pos, Tuple: true}
			if l.seen && st.equal(l.changed, now) {
				return false
			}
			l.seen, l.changed = true, now
			return true
		}}, true
	}
	return nil, false
}
