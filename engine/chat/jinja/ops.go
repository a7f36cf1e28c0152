package jinja

import (
	"html"
	"math"
	"math/big"
	"math/bits"
	"strings"
)

func operandError(op string, a, b any) {
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			u.raise()
		}
	}
	fail("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
}

func integerOverflow() {
	fail("OverflowError", "an integer is beyond 64 bits")
}

// number reads an operand; a bool counts as an integer.
func number(v any) (i int64, f float64, isInt, ok bool) {
	switch x := v.(type) {
	case bool:
		return intOf(x), float64(intOf(x)), true, true
	case int64:
		return x, float64(x), true, true
	case float64:
		return 0, x, false, true
	case *big.Int:
		integerOverflow()
	}
	return 0, 0, false, false
}

func negate(op string, v any) any {
	i, f, isInt, ok := number(v)
	if !ok {
		if u, isUndefined := v.(*undefined); isUndefined {
			u.raise()
		}
		fail("TypeError", "bad operand type for unary %s: '%s'", op, typeName(v))
	}
	switch {
	case isInt && op == "-":
		if i == math.MinInt64 {
			integerOverflow()
		}
		return -i
	case isInt:
		return i
	case op == "-":
		return -f
	}
	return f
}

// binary is the arithmetic of + - * / // % **.
func (st *state) binary(op string, a, b any) any {
	ai, af, aInt, aOK := number(a)
	bi, bf, bInt, bOK := number(b)
	switch {
	case aOK && bOK && aInt && bInt && op != "/":
		return intArithmetic(op, ai, bi)
	case aOK && bOK:
		return floatArithmetic(op, af, bf)
	}
	switch op {
	case "+":
		if v, ok := st.add(a, b); ok {
			return v
		}
		if _, isText := text(a); isText {
			if u, ok := b.(*undefined); ok {
				u.raise()
			}
			fail("TypeError", "can only concatenate str (not \"%s\") to str", typeName(b))
		}
	case "*":
		if aOK && aInt {
			a, b, bi, bInt, bOK = b, a, ai, aInt, aOK
		}
		if bOK && bInt {
			if v, ok := st.repeat(a, bi); ok {
				return v
			}
		}
	case "%":
		if s, ok := text(a); ok {
			return st.percentFormat(s, b)
		}
	}
	operandError(op, a, b)
	return nil
}

func (st *state) add(a, b any) (any, bool) {
	as, aText := text(a)
	bs, bText := text(b)
	if aText && bText {
		_, am := a.(markup)
		_, bm := b.(markup)
		switch {
		case am && !bm:
			bs = escapeHTML(bs)
		case bm && !am:
			as = escapeHTML(as)
		}
		sum := st.concat(as, bs)
		if am || bm {
			return markup(sum), true
		}
		return sum, true
	}
	al, aList := a.(*List)
	bl, bList := b.(*List)
	if aList && bList && al.Tuple == bl.Tuple {
		n := len(al.Items) + len(bl.Items)
		st.needItems(n)
		items := make([]any, 0, n)
		return &List{Items: append(append(items, al.Items...), bl.Items...), Tuple: al.Tuple}, true
	}
	return nil, false
}

// escapeHTML is markupsafe.escape.
func escapeHTML(s string) string { return html.EscapeString(s) }

func (st *state) concat(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	st.needBytes(n)
	return strings.Join(parts, "")
}

func (st *state) repeat(v any, n int64) (any, bool) {
	n = max(n, 0)
	if s, ok := text(v); ok {
		if s != "" && n > int64(st.limits.Output/len(s)) {
			st.needBytes(-1)
		}
		st.needBytes(len(s) * int(n))
		if s == "" {
			n = 0
		}
		r := strings.Repeat(s, int(n))
		if _, safe := v.(markup); safe {
			return markup(r), true
		}
		return r, true
	}
	if l, ok := v.(*List); ok {
		if len(l.Items) > 0 && n > int64(st.limits.Items/len(l.Items)) {
			st.needItems(-1)
		}
		r := &List{Tuple: l.Tuple}
		if len(l.Items) == 0 {
			return r, true
		}
		st.needItems(len(l.Items) * int(n))
		for range n {
			r.Items = append(r.Items, l.Items...)
		}
		return r, true
	}
	return nil, false
}

func intArithmetic(op string, a, b int64) any {
	switch op {
	case "+":
		if s := a + b; (s > a) == (b > 0) {
			return s
		}
	case "-":
		if d := a - b; (d < a) == (b > 0) {
			return d
		}
	case "*":
		hi, lo := bits.Mul64(magnitude(a), magnitude(b))
		if hi == 0 && lo <= math.MaxInt64 {
			return a * b
		}
	case "//", "%":
		if b == 0 {
			fail("ZeroDivisionError", "integer division or modulo by zero")
		}
		if b == -1 && a == math.MinInt64 {
			break
		}
		q, r := a/b, a%b
		if r != 0 && (r < 0) != (b < 0) { // Python rounds toward minus infinity
			q, r = q-1, r+b
		}
		if op == "%" {
			return r
		}
		return q
	case "**":
		if b < 0 {
			return floatArithmetic(op, float64(a), float64(b))
		}
		if a >= -1 && a <= 1 {
			b = min(b, 2+b%2) // the same power, by its parity
		}
		if b < 64 {
			if p := new(big.Int).Exp(big.NewInt(a), big.NewInt(b), nil); p.IsInt64() {
				return p.Int64()
			}
		}
	}
	integerOverflow()
	return nil
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func floatArithmetic(op string, a, b float64) any {
	if b == 0 && (op == "/" || op == "//" || op == "%") {
		fail("ZeroDivisionError", "division by zero")
	}
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "//":
		return math.Floor(a / b)
	case "%":
		r := math.Mod(a, b)
		if r != 0 && (r < 0) != (b < 0) {
			r += b
		}
		return r
	}
	return math.Pow(a, b)
}

// compare is == != < <= > >= in and not in.
func (st *state) compare(op string, a, b any) bool {
	switch op {
	case "==":
		return st.equal(a, b)
	case "!=":
		return !st.equal(a, b)
	case "in":
		return st.contains(b, a)
	case "not in":
		return !st.contains(b, a)
	}
	return st.ordered(op, st.order(op, a, b))
}

func (st *state) ordered(op string, c int) bool {
	switch op {
	case "<":
		return c == -1
	case "<=":
		return c == -1 || c == 0
	case ">":
		return c == 1
	}
	return c == 1 || c == 0
}

// unordered is the result of order for NaN.
const unordered = 2

func compareNumbers[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return unordered
}

// order compares two values that have an order, else it raises as Python does.
func (st *state) order(op string, a, b any) int {
	st.step()
	ai, af, aInt, aOK := number(a)
	bi, bf, bInt, bOK := number(b)
	if aOK && bOK {
		if aInt && bInt {
			return compareNumbers(ai, bi)
		}
		return compareNumbers(af, bf)
	}
	if as, ok := text(a); ok {
		if bs, ok := text(b); ok {
			return strings.Compare(as, bs)
		}
	}
	al, aList := a.(*List)
	bl, bList := b.(*List)
	if aList && bList && al.Tuple == bl.Tuple {
		st.enter()
		defer st.leave()
		for i := range min(len(al.Items), len(bl.Items)) {
			if !st.equal(al.Items[i], bl.Items[i]) {
				return st.order(op, al.Items[i], bl.Items[i])
			}
		}
		return compareNumbers(int64(len(al.Items)), int64(len(bl.Items)))
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			u.raise()
		}
	}
	fail("TypeError", "'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
	return 0
}

// equal is Python's ==.
func (st *state) equal(a, b any) bool {
	st.step()
	if x, ok := a.(*big.Int); ok {
		y, ok := b.(*big.Int)
		return ok && x.Cmp(y) == 0
	}
	if _, ok := b.(*big.Int); ok {
		return false
	}
	ai, af, aInt, aOK := number(a)
	bi, bf, bInt, bOK := number(b)
	if aOK || bOK {
		if aInt && bInt {
			return ai == bi
		}
		return aOK && bOK && af == bf
	}
	if as, ok := text(a); ok {
		bs, ok := text(b)
		return ok && as == bs
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case *List:
		y, ok := b.(*List)
		if !ok || x.Tuple != y.Tuple || len(x.Items) != len(y.Items) {
			return false
		}
		st.enter()
		defer st.leave()
		for i := range x.Items {
			if !st.equal(x.Items[i], y.Items[i]) {
				return false
			}
		}
		return true
	case *Dict:
		y, ok := b.(*Dict)
		if !ok || x.Len() != y.Len() {
			return false
		}
		st.enter()
		defer st.leave()
		for i, k := range x.keys {
			v, ok := y.Get(k)
			if !ok || !st.equal(x.values[i], v) {
				return false
			}
		}
		return true
	case *rangeValue:
		y, ok := b.(*rangeValue)
		return ok && *x == *y
	}
	return a == b
}

// contains is "item in v".
func (st *state) contains(v, item any) bool {
	if s, ok := text(v); ok {
		sub, ok := text(item)
		if !ok {
			fail("TypeError", "'in <string>' requires string as left operand, not %s", typeName(item))
		}
		return strings.Contains(s, sub)
	}
	switch x := v.(type) {
	case *Dict:
		_, ok := x.Get(item)
		return ok
	case *dictView:
		if x.kind == "keys" {
			_, ok := x.dict.Get(item)
			return ok
		}
	}
	it, ok := st.iterateOK(v)
	if !ok {
		fail("TypeError", "argument of type '%s' is not iterable", typeName(v))
	}
	for {
		x, ok := it()
		if !ok {
			return false
		}
		if st.equal(x, item) {
			return true
		}
	}
}
