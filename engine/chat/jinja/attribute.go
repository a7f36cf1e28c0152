package jinja

import (
	"math"
	"strconv"
	"unicode/utf8"
)

func (u *undefined) raise() {
	if u.security {
		fail("SecurityError", "%s", u.hint)
	}
	fail("UndefinedError", "%s", u.hint)
}

// mustNotBeUnsafe raises for an unsafe attribute, which unlike an ordinary
// undefined value may not even be printed.
func (u *undefined) mustNotBeUnsafe() {
	if u.security {
		u.raise()
	}
}

// mutators are the methods that the immutable sandbox refuses.
var mutators = map[string]map[string]bool{
	"list": {"append": true, "clear": true, "pop": true, "reverse": true, "insert": true, "sort": true, "extend": true, "remove": true},
	"dict": {"clear": true, "pop": true, "popitem": true, "setdefault": true, "update": true},
}

func missing(v any, name string) any {
	return &undefined{hint: "'" + typeName(v) + " object' has no attribute '" + name + "'"}
}

// attribute looks up what getattr(v, name) finds.
func (st *state) attribute(v any, name string) (any, bool) {
	if u, ok := v.(*undefined); ok {
		u.raise()
	}
	if mutators[typeName(v)][name] {
		return &undefined{hint: "access to attribute '" + name + "' of '" + typeName(v) + "' object is unsafe", security: true}, true
	}
	if ns, ok := v.(*namespace); ok {
		return ns.attrs.Get(name)
	}
	if o, ok := v.(object); ok {
		return o.attr(st, name)
	}
	if m, ok := methodOf(v, name); ok {
		return &method{self: v, name: name, call: m}, true
	}
	return nil, false
}

// getAttr is "v.name": the attribute first, then the item.
func (st *state) getAttr(v any, name string) any {
	if a, ok := st.attribute(v, name); ok {
		return a
	}
	if d, ok := v.(*Dict); ok {
		if item, ok := d.Get(name); ok {
			return item
		}
	}
	return missing(v, name)
}

// getItem is "v[key]": the item first, then the attribute.
func (st *state) getItem(v, key any) any {
	switch x := v.(type) {
	case *undefined:
		x.raise()
	case *Dict:
		if hashable(key) {
			if item, ok := x.Get(key); ok {
				return item
			}
		}
	case *List, *rangeValue, string, markup:
		if i, _, isInt, ok := number(key); ok && isInt {
			if item, ok := st.at(v, i); ok {
				return item
			}
			return missing(v, strconv.FormatInt(i, 10))
		}
	}
	if name, ok := text(key); ok {
		if a, ok := st.attribute(v, name); ok {
			return a
		}
		return missing(v, name)
	}
	return missing(v, st.repr(key))
}

func hashable(v any) bool {
	switch x := v.(type) {
	case *Dict:
		return false
	case *List:
		if !x.Tuple {
			return false
		}
		for _, item := range x.Items {
			if !hashable(item) {
				return false
			}
		}
	}
	return true
}

// at returns the element i of a sequence; negative i counts from the end.
func (st *state) at(v any, i int64) (any, bool) {
	n, _ := st.length(v)
	if i < 0 {
		i += int64(n)
	}
	if i < 0 || i >= int64(n) {
		return nil, false
	}
	switch x := v.(type) {
	case *List:
		return x.Items[i], true
	case *rangeValue:
		return x.start + i*x.step, true
	}
	s, _ := text(v)
	start := runeOffset(s, int(i))
	_, size := splitRune(s[start:])
	return s[start : start+size], true
}

func splitRune(s string) (rune, int) { return utf8.DecodeRuneInString(s) }

func runeCount(s string) int { return utf8.RuneCountInString(s) }

// runeOffset returns the byte offset of character i.
func runeOffset(s string, i int) int {
	if i <= 0 {
		return 0
	}
	for offset := range s {
		if i == 0 {
			return offset
		}
		i--
	}
	return len(s)
}

// slice is v[start:stop:step]; a bound that is absent is nil.
func (st *state) slice(v any, bounds [3]any) any {
	if u, ok := v.(*undefined); ok {
		u.raise()
	}
	n, sized := st.length(v)
	step := sliceBound(bounds[2], 1)
	if step == 0 {
		fail("ValueError", "slice step cannot be zero")
	}
	var start, stop int64
	if step > 0 {
		start = clampBound(sliceBound(bounds[0], 0), n, 0, n)
		stop = clampBound(sliceBound(bounds[1], math.MaxInt64), n, 0, n)
	} else {
		start = clampBound(sliceBound(bounds[0], math.MaxInt64), n, -1, n-1)
		stop = -1
		if bounds[1] != nil {
			stop = clampBound(sliceBound(bounds[1], 0), n, -1, n-1)
		}
	}
	r := &rangeValue{start, stop, step}
	if step > int64(n) || step < -int64(n) { // same elements, no overflow in len
		r.step = max(int64(n), 1)
		if step < 0 {
			r.step = -r.step
		}
	}
	count := int(r.len())
	switch x := v.(type) {
	case *List:
		if step == 1 {
			return &List{Items: x.Items[start : start+int64(count)], Tuple: x.Tuple}
		}
		st.needItems(count)
		out := &List{Items: make([]any, count), Tuple: x.Tuple}
		for i := range out.Items {
			out.Items[i] = x.Items[r.start+int64(i)*r.step]
		}
		return out
	case *rangeValue:
		return &rangeValue{x.start + r.start*x.step, x.start + r.stop*x.step, x.step * r.step}
	}
	s, ok := text(v)
	if !ok || !sized {
		fail("TypeError", "'%s' object is not subscriptable", typeName(v))
	}
	out := st.sliceText(s, r, count)
	if _, safe := v.(markup); safe {
		return markup(out)
	}
	return out
}

func (st *state) sliceText(s string, r *rangeValue, count int) string {
	if r.step == 1 {
		from := runeOffset(s, int(r.start))
		return s[from : from+runeOffset(s[from:], count)]
	}
	st.needBytes(4 * len(s))
	runes := []rune(s)
	out := make([]rune, count)
	for i := range out {
		out[i] = runes[r.start+int64(i)*r.step]
	}
	return string(out)
}

func sliceBound(v any, absentValue int64) int64 {
	if v == nil {
		return absentValue
	}
	i, _, isInt, ok := number(v)
	if !ok || !isInt {
		if u, isUndefined := v.(*undefined); isUndefined {
			u.raise()
		}
		fail("TypeError", "slice indices must be integers or None")
	}
	return i
}

func clampBound(i int64, n, low, high int) int64 {
	if i < 0 {
		i += int64(n)
	}
	return min(max(i, int64(low)), int64(high))
}
