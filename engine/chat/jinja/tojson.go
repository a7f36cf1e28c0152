package jinja

import (
	"fmt"
	"math"
	"math/big"
	"sort"
	"strings"
)

// jsonWriter writes as Python's json.dumps with the given options.
type jsonWriter struct {
	st              *state
	b               strings.Builder
	ascii           bool
	sortKeys        bool
	indent          string // one level
	indented        bool
	itemSep, keySep string
}

// toJSON is the filter tojson as Hugging Face transformers defines it:
// json.dumps with ensure_ascii=False and no escaping of HTML.
func (st *state) toJSON(v any, a args) any {
	p := a.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys")
	w := &jsonWriter{st: st, ascii: truth(or(p[0], false)), sortKeys: truth(or(p[3], false)), itemSep: ", ", keySep: ": "}
	switch indent := or(p[1], nil).(type) {
	case nil:
	case string:
		w.indented, w.indent = true, indent
	default:
		n, _, isInt, ok := number(indent)
		if !ok || !isInt {
			fail("TypeError", "indent must be an integer or a string, not %s", typeName(indent))
		}
		if n > 1000 {
			fail("LimitError", "indent of %d", n)
		}
		w.indented, w.indent = true, strings.Repeat(" ", int(max(n, 0)))
	}
	if w.indented {
		w.itemSep = ","
	}
	if seps := or(p[2], nil); seps != nil {
		l, ok := seps.(*List)
		if !ok || len(l.Items) != 2 {
			fail("TypeError", "separators must be a pair of strings")
		}
		var aOK, bOK bool
		w.itemSep, aOK = text(l.Items[0])
		w.keySep, bOK = text(l.Items[1])
		if !aOK || !bOK {
			fail("TypeError", "separators must be a pair of strings")
		}
	}
	w.value(v, 0)
	st.needBytes(w.b.Len())
	return w.b.String()
}

func (w *jsonWriter) newline(level int) {
	if !w.indented {
		return
	}
	w.b.WriteByte('\n')
	for range level {
		w.b.WriteString(w.indent)
	}
	w.check()
}

func (w *jsonWriter) check() {
	w.st.step()
	if w.b.Len() > w.st.limits.Output {
		w.st.needBytes(w.b.Len())
	}
}

func (w *jsonWriter) value(v any, level int) {
	w.check()
	switch x := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		fmt.Fprint(&w.b, x)
	case int64:
		fmt.Fprint(&w.b, x)
	case *big.Int:
		w.b.WriteString(x.String())
	case float64:
		w.b.WriteString(jsonFloat(x))
	case string:
		w.str(x)
	case markup:
		w.str(string(x))
	case *List:
		w.group("[", "]", len(x.Items), level, func(i int) { w.value(x.Items[i], level+1) })
	case *Dict:
		order := w.keyOrder(x)
		w.group("{", "}", x.Len(), level, func(i int) {
			w.str(jsonKey(x.keys[order[i]]))
			w.b.WriteString(w.keySep)
			w.value(x.values[order[i]], level+1)
		})
	case *undefined:
		x.mustNotBeUnsafe()
		fail("TypeError", "Object of type Undefined is not JSON serializable: %s", x.hint)
	default:
		fail("TypeError", "Object of type %s is not JSON serializable", typeName(v))
	}
}

func (w *jsonWriter) group(open, end string, n, level int, item func(int)) {
	w.b.WriteString(open)
	if n > 0 {
		w.st.enter()
		for i := range n {
			if i > 0 {
				w.b.WriteString(w.itemSep)
			}
			w.newline(level + 1)
			item(i)
		}
		w.newline(level)
		w.st.leave()
	}
	w.b.WriteString(end)
}

func (w *jsonWriter) keyOrder(d *Dict) []int {
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	if w.sortKeys {
		sort.SliceStable(order, func(i, j int) bool {
			return w.st.compare("<", d.keys[order[i]], d.keys[order[j]])
		})
	}
	return order
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return reprFloat(f)
}

func jsonKey(k any) string {
	switch x := k.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(x)
	case int64:
		return fmt.Sprint(x)
	case *big.Int:
		return x.String()
	case float64:
		return jsonFloat(x)
	}
	s, ok := text(k)
	if !ok {
		fail("TypeError", "keys must be str, int, float, bool or None, not %s", typeName(k))
	}
	return s
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}

func (w *jsonWriter) str(s string) {
	w.st.charge(len(s))
	w.b.WriteByte('"')
	for _, r := range s {
		if r >= 0x20 && r < 0x7f && r != '"' && r != '\\' {
			w.b.WriteByte(byte(r))
			continue
		}
		switch e, special := jsonEscapes[r]; {
		case special:
			w.b.WriteString(e)
		case r < 0x20 || (w.ascii && r > 0x7e && r < 0x10000):
			fmt.Fprintf(&w.b, `\u%04x`, r)
		case w.ascii && r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
	w.check()
}
