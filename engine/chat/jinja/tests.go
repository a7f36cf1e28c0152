package jinja

import (
	"math/big"
	"strings"
	"unicode"
)

// test evaluates "v is name(args)"
// (https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-tests).
func (st *state) test(name string, v any, a args) bool {
	st.step()
	if u, ok := v.(*undefined); ok && name != "defined" && name != "undefined" {
		u.mustNotBeUnsafe()
	}
	if op, ok := comparisonTests[name]; ok {
		return st.compare(op, v, a.positional(name, 1, 1)[0])
	}
	switch name {
	case "divisibleby":
		return st.equal(st.binary("%", v, a.positional(name, 1, 1)[0]), int64(0))
	case "sameas":
		return same(v, a.positional(name, 1, 1)[0])
	case "odd", "even":
		rest := st.binary("%", v, int64(2))
		return st.equal(rest, int64(1)) == (name == "odd")
	case "iterable":
		_, ok := st.iterateOK(v)
		return ok
	case "filter":
		s, ok := text(v)
		return ok && (valueFilter(s) != nil || sequenceFilter(s) != nil)
	case "test":
		s, ok := text(v)
		_, simple := simpleTests[s]
		_, comparison := comparisonTests[s]
		return ok && (simple || comparison || strings.Contains(" divisibleby sameas odd even iterable filter test lower upper ", " "+s+" "))
	case "lower", "upper":
		want, not := unicode.IsLower, unicode.IsUpper
		if name == "upper" {
			want, not = not, want
		}
		return caseMethod(want, not)(st, st.str(v), a).(bool)
	}
	is, ok := simpleTests[name]
	if !ok {
		fail("TemplateRuntimeError", "no test named '%s'", name)
	}
	a.positional(name, 0, 0)
	return is(v)
}

var comparisonTests = map[string]string{
	"==": "==", "eq": "==", "equalto": "==", "!=": "!=", "ne": "!=", "in": "in",
	"<": "<", "lt": "<", "lessthan": "<", "<=": "<=", "le": "<=",
	">": ">", "gt": ">", "greaterthan": ">", ">=": ">=", "ge": ">=",
}

var simpleTests = map[string]func(v any) bool{
	"boolean": func(v any) bool { _, ok := v.(bool); return ok },
	"callable": func(v any) bool {
		switch v.(type) {
		case *macro, *method, *function, *joiner, *loopObject, *undefined: // Undefined defines __call__
			return true
		}
		return false
	},
	"defined":   func(v any) bool { _, ok := v.(*undefined); return !ok },
	"undefined": func(v any) bool { _, ok := v.(*undefined); return ok },
	"escaped":   func(v any) bool { _, ok := v.(markup); return ok },
	"false":     func(v any) bool { return v == false },
	"true":      func(v any) bool { return v == true },
	"none":      func(v any) bool { return v == nil },
	"float":     func(v any) bool { _, ok := v.(float64); return ok },
	"integer":   isInteger,
	"number": func(v any) bool {
		switch v.(type) {
		case bool, float64:
			return true
		}
		return isInteger(v)
	},
	"mapping": func(v any) bool { _, ok := v.(*Dict); return ok },
	"string":  func(v any) bool { _, ok := text(v); return ok },
	"sequence": func(v any) bool {
		switch v.(type) {
		case string, markup, *List, *Dict, *rangeValue, *undefined:
			return true
		}
		return false
	},
}

func isInteger(v any) bool {
	switch v.(type) {
	case int64, *big.Int:
		return true
	}
	return false
}

// same is Python's "is" for the values where it means something.
func same(a, b any) bool {
	switch a.(type) {
	case *List, *Dict, *namespace, *generator, nil, bool, *undefined:
		return a == b
	}
	return a == b && typeName(a) == typeName(b)
}
