package jinja

import (
	"sort"
	"strconv"
	"strings"
)

// sequenceFilter finds the filters that concern sequences and mappings.
func sequenceFilter(name string) filterFunc {
	switch name {
	case "batch":
		return filterBatch
	case "dictsort":
		return filterDictSort
	case "first":
		return func(st *state, v any, a args) any {
			if item, ok := st.iterate(v)(); ok {
				return item
			}
			return &undefined{hint: "no first item, sequence was empty"}
		}
	case "groupby":
		return filterGroupBy
	case "items":
		return filterItems
	case "join":
		return filterJoin
	case "last":
		return filterLast
	case "length", "count":
		return func(st *state, v any, a args) any {
			n, ok := st.length(v)
			if !ok {
				fail("TypeError", "object of type '%s' has no len()", typeName(v))
			}
			return int64(n)
		}
	case "list":
		return func(st *state, v any, a args) any { return &List{Items: st.collect(v)} }
	case "map":
		return filterMap
	case "max", "min":
		return func(st *state, v any, a args) any { return filterExtreme(st, v, a, name) }
	case "reject", "rejectattr", "select", "selectattr":
		return func(st *state, v any, a args) any { return filterSelect(st, v, a, name) }
	case "reverse":
		return filterReverse
	case "slice":
		return filterSlice
	case "sort":
		return filterSort
	case "sum":
		return filterSum
	case "unique":
		return filterUnique
	}
	return nil
}

// attributeGetter follows "a.b.0" or a number; items without it get def, if
// given.
func (st *state) attributeGetter(path, def any) func(any) any {
	var keys []any
	if s, ok := text(path); ok {
		for part := range strings.SplitSeq(s, ".") {
			if i, err := strconv.ParseInt(part, 10, 64); err == nil && isDigit(part[0]) {
				keys = append(keys, i)
			} else {
				keys = append(keys, part)
			}
		}
	} else {
		keys = []any{path}
	}
	return func(v any) any {
		for _, k := range keys {
			v = st.getItem(v, k)
			if _, missing := v.(*undefined); missing && given(def) && def != nil {
				v = def
			}
		}
		return v
	}
}

// foldCase ignores the case of strings unless told otherwise.
func foldCase(v any) any {
	if s, ok := text(v); ok {
		return strings.ToLower(s)
	}
	return v
}

// keyFunc combines the attribute and case_sensitive parameters.
func (st *state) keyFunc(attribute, caseSensitive any) func(any) any {
	get := func(v any) any { return v }
	if given(attribute) && attribute != nil {
		get = st.attributeGetter(attribute, absent{})
	}
	if truth(or(caseSensitive, false)) {
		return get
	}
	return func(v any) any { return foldCase(get(v)) }
}

func filterBatch(st *state, v any, a args) any {
	p := a.bind("batch", 1, "linecount", "fill_with")
	size := mustInt(p[0], "linecount")
	if size < 1 || size > int64(st.limits.Items) {
		fail("ValueError", "batch size of %d", size)
	}
	next := st.iterate(v)
	return &generator{func() (any, bool) {
		row := &List{}
		for int64(len(row.Items)) < size {
			item, ok := next()
			if !ok {
				break
			}
			row.Items = append(row.Items, item)
			st.needItems(1)
		}
		if len(row.Items) == 0 {
			return nil, false
		}
		if fill := or(p[1], nil); fill != nil {
			st.needItems(int(size))
			for int64(len(row.Items)) < size {
				row.Items = append(row.Items, fill)
			}
		}
		return row, true
	}}
}

func filterSlice(st *state, v any, a args) any {
	p := a.bind("slice", 1, "slices", "fill_with")
	slices := mustInt(p[0], "slices")
	if slices < 1 || slices > int64(st.limits.Items) {
		fail("ValueError", "%d slices", slices)
	}
	items := st.collect(v)
	n := int(slices)
	size, extra := len(items)/n, len(items)%n
	i, offset := 0, 0
	return &generator{func() (any, bool) {
		if i >= n {
			return nil, false
		}
		end := offset + size
		if i < extra {
			end++
		}
		row := &List{Items: items[offset:end:end]}
		if fill := or(p[1], nil); fill != nil && i >= extra {
			row.Items = append(row.Items, fill)
		}
		i, offset = i+1, end
		return row, true
	}}
}

func filterItems(st *state, v any, a args) any {
	switch x := v.(type) {
	case *undefined:
		return &generator{func() (any, bool) { return nil, false }}
	case *Dict:
		return &generator{indexed(x.Len(), (&dictView{"items", x}).at)}
	}
	fail("TypeError", "Can only get item pairs from a mapping.")
	return nil
}

func filterDictSort(st *state, v any, a args) any {
	p := a.bind("dictsort", 0, "case_sensitive", "by", "reverse")
	d, ok := v.(*Dict)
	if !ok {
		fail("TypeError", "'%s' object has no attribute 'items'", typeName(v))
	}
	pos := map[string]int{"key": 0, "value": 1}
	by, ok := pos[mustText(or(p[1], "key"), "by")]
	if !ok {
		fail("FilterArgumentError", "you can only sort by either \"key\" or \"value\"")
	}
	key := st.keyFunc(nil, p[0])
	items := st.collect(&dictView{"items", d})
	return st.sorted(items, func(v any) any { return key(v.(*List).Items[by]) }, truth(or(p[2], false)))
}

// sorted is Python's stable sorted().
func (st *state) sorted(items []any, key func(any) any, reverse bool) *List {
	st.needItems(2 * len(items))
	keys := make([]any, len(items))
	order := make([]int, len(items))
	for i, item := range items {
		keys[i], order[i] = key(item), i
	}
	op := "<"
	if reverse {
		op = ">"
	}
	sort.SliceStable(order, func(i, j int) bool { return st.compare(op, keys[order[i]], keys[order[j]]) })
	l := &List{Items: make([]any, len(items))}
	for i, at := range order {
		l.Items[i] = items[at]
	}
	return l
}

func filterSort(st *state, v any, a args) any {
	p := a.bind("sort", 0, "reverse", "case_sensitive", "attribute")
	items := st.collect(v)
	reverse := truth(or(p[0], false))
	path, isText := text(or(p[2], nil))
	if !isText || !strings.Contains(path, ",") {
		return st.sorted(items, st.keyFunc(p[2], p[1]), reverse)
	}
	var keys []func(any) any // several attributes, the first weighs most
	for part := range strings.SplitSeq(path, ",") {
		keys = append(keys, st.keyFunc(strings.TrimSpace(part), p[1]))
	}
	return st.sorted(items, func(v any) any {
		l := &List{}
		for _, key := range keys {
			l.Items = append(l.Items, key(v))
		}
		return l
	}, reverse)
}

func filterGroupBy(st *state, v any, a args) any {
	p := a.bind("groupby", 1, "attribute", "default", "case_sensitive")
	get := st.attributeGetter(p[0], p[1])
	key := get
	if !truth(or(p[2], false)) {
		key = func(v any) any { return foldCase(get(v)) }
	}
	groups := &List{}
	var last any
	var members *List
	for _, item := range st.sorted(st.collect(v), key, false).Items {
		k := key(item)
		if members == nil || !st.equal(k, last) {
			members = &List{}
			groups.Items = append(groups.Items, &List{Items: []any{get(item), members}, Tuple: true})
			last = k
		}
		members.Items = append(members.Items, item)
	}
	return groups
}

func filterJoin(st *state, v any, a args) any {
	p := a.bind("join", 0, "d", "attribute")
	get := func(v any) any { return v }
	if attribute := or(p[1], nil); attribute != nil {
		get = st.attributeGetter(attribute, absent{})
	}
	items := st.collect(v)
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = st.str(get(item))
	}
	return st.join(parts, st.str(or(p[0], "")))
}

func filterLast(st *state, v any, a args) any {
	if _, lazy := v.(*generator); lazy {
		fail("TypeError", "'generator' object is not reversible")
	}
	n, ok := st.length(v)
	if !ok {
		fail("TypeError", "'%s' object is not reversible", typeName(v))
	}
	if n == 0 {
		return &undefined{hint: "no last item, sequence was empty"}
	}
	switch v.(type) {
	case *List, *rangeValue, string, markup:
		item, _ := st.at(v, -1)
		return item
	}
	return st.collect(v)[n-1]
}

func filterMap(st *state, v any, a args) any {
	var apply func(any) any
	if attribute, ok := a.take("attribute"); ok && len(a.pos) == 0 {
		def, has := a.take("default")
		if !has {
			def = absent{}
		}
		if len(a.named) > 0 {
			fail("FilterArgumentError", "unexpected keyword argument '%s'", a.named[0].name)
		}
		apply = st.attributeGetter(attribute, def)
	} else {
		if len(a.pos) == 0 {
			fail("FilterArgumentError", "map requires a filter argument")
		}
		name := mustText(a.pos[0], "the name of a filter")
		rest := args{a.pos[1:], a.named}
		apply = func(v any) any { return st.filter(name, v, rest) }
	}
	if !truth(v) {
		return &generator{func() (any, bool) { return nil, false }}
	}
	next := st.iterate(v)
	return &generator{func() (any, bool) {
		item, ok := next()
		if !ok {
			return nil, false
		}
		return apply(item), true
	}}
}

// filterSelect is select, reject, selectattr and rejectattr.
func filterSelect(st *state, v any, a args, name string) any {
	get := func(v any) any { return v }
	pos := a.pos
	if strings.HasSuffix(name, "attr") {
		if len(pos) == 0 {
			fail("FilterArgumentError", "missing parameter for attribute name")
		}
		get = st.attributeGetter(pos[0], absent{})
		pos = pos[1:]
	}
	passes := truth
	if len(pos) > 0 {
		test := mustText(pos[0], "the name of a test")
		rest := args{pos[1:], a.named}
		passes = func(v any) bool { return st.test(test, v, rest) }
	}
	want := strings.HasPrefix(name, "select")
	if !truth(v) {
		return &generator{func() (any, bool) { return nil, false }}
	}
	next := st.iterate(v)
	return &generator{func() (any, bool) {
		for {
			item, ok := next()
			if !ok {
				return nil, false
			}
			if passes(get(item)) == want {
				return item, true
			}
		}
	}}
}

func filterExtreme(st *state, v any, a args, name string) any {
	p := a.bind(name, 0, "case_sensitive", "attribute")
	key := st.keyFunc(p[1], p[0])
	op := map[string]string{"min": "<", "max": ">"}[name]
	next := st.iterate(v)
	best, ok := next()
	if !ok {
		return &undefined{hint: "no aggregated item, sequence was empty"}
	}
	bestKey := key(best)
	for {
		item, ok := next()
		if !ok {
			return best
		}
		if k := key(item); st.compare(op, k, bestKey) {
			best, bestKey = item, k
		}
	}
}

func filterReverse(st *state, v any, a args) any {
	if s, ok := text(v); ok {
		return like(v, st.sliceText(s, &rangeValue{int64(runeCount(s)) - 1, -1, -1}, runeCount(s)))
	}
	items := st.collect(v)
	return &generator{indexed(len(items), func(i int) any { return items[len(items)-1-i] })}
}

func filterSum(st *state, v any, a args) any {
	p := a.bind("sum", 0, "attribute", "start")
	get := func(v any) any { return v }
	if attribute := or(p[0], nil); attribute != nil {
		get = st.attributeGetter(attribute, absent{})
	}
	sum := or(p[1], int64(0))
	for next := st.iterate(v); ; {
		item, ok := next()
		if !ok {
			return sum
		}
		sum = st.binary("+", sum, get(item))
	}
}

func filterUnique(st *state, v any, a args) any {
	p := a.bind("unique", 0, "case_sensitive", "attribute")
	key := st.keyFunc(p[1], p[0])
	seen := NewDict()
	next := st.iterate(v)
	return &generator{func() (any, bool) {
		for {
			item, ok := next()
			if !ok {
				return nil, false
			}
			k := key(item)
			if _, known := seen.Get(k); !known {
				st.charge(32)
				seen.Set(k, true)
				return item, true
			}
		}
	}}
}
