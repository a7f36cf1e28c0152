package jinja

import "math"

type methodFunc = func(st *state, self any, a args) any

// methodOf finds a method of a value's type.
func methodOf(v any, name string) (methodFunc, bool) {
	var m methodFunc
	switch x := v.(type) {
	case string, markup:
		m = stringMethod(name)
	case *Dict:
		m = dictMethod(name)
	case *List:
		m = listMethod(name, x.Tuple)
	case float64:
		if name == "is_integer" {
			m = floatIsInteger
		}
	}
	return m, m != nil
}

func dictMethod(name string) methodFunc {
	switch name {
	case "keys", "values", "items":
		return func(st *state, self any, a args) any {
			a.positional(name, 0, 0)
			return &dictView{name, self.(*Dict)}
		}
	case "get":
		return func(st *state, self any, a args) any {
			p := a.positional("get", 1, 2)
			if v, ok := self.(*Dict).Get(p[0]); ok {
				return v
			}
			return or(p[1], nil)
		}
	case "copy":
		return func(st *state, self any, a args) any {
			a.positional("copy", 0, 0)
			return makeDict(st, "copy", args{pos: []any{self}})
		}
	}
	return nil
}

func listMethod(name string, tuple bool) methodFunc {
	switch {
	case name == "index":
		return func(st *state, self any, a args) any {
			p := a.positional("index", 1, 1)
			for i, item := range self.(*List).Items {
				if st.equal(item, p[0]) {
					return int64(i)
				}
			}
			fail("ValueError", "%s is not in list", st.repr(p[0]))
			return nil
		}
	case name == "count":
		return func(st *state, self any, a args) any {
			p := a.positional("count", 1, 1)
			n := int64(0)
			for _, item := range self.(*List).Items {
				if st.equal(item, p[0]) {
					n++
				}
			}
			return n
		}
	case name == "copy" && !tuple:
		return func(st *state, self any, a args) any {
			a.positional("copy", 0, 0)
			return &List{Items: self.(*List).Items}
		}
	}
	return nil
}

func floatIsInteger(st *state, self any, a args) any {
	a.positional("is_integer", 0, 0)
	f := self.(float64)
	return f == math.Trunc(f) && !math.IsInf(f, 0)
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
