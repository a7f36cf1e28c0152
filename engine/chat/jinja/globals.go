package jinja

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// maxRange is the longest range the sandbox of Jinja2 allows.
const maxRange = 100000

// globals are the functions every template sees.
func globals() map[string]any {
	g := map[string]any{}
	for name, f := range map[string]func(st *state, a args) any{
		"range":           makeRange,
		"dict":            func(st *state, a args) any { return makeDict(st, "dict", a) },
		"namespace":       func(st *state, a args) any { return &namespace{makeDict(st, "namespace", a)} },
		"raise_exception": raiseException,
		"strftime_now":    strftimeNow,
		"joiner":          makeJoiner,
		"cycler":          makeCycler,
	} {
		g[name] = &function{name, f}
	}
	return g
}

func raiseException(st *state, a args) any {
	fail("TemplateError", "%s", st.str(a.bind("raise_exception", 1, "message")[0]))
	return nil
}

func makeRange(st *state, a args) any {
	p := a.positional("range", 1, 3)
	r := &rangeValue{0, mustInt(p[0], "range argument"), 1}
	if given(p[1]) {
		r.start, r.stop = r.stop, mustInt(p[1], "range argument")
	}
	if given(p[2]) {
		r.step = mustInt(p[2], "range argument")
	}
	if r.step == 0 {
		fail("ValueError", "range() arg 3 must not be zero")
	}
	if n := (float64(r.stop) - float64(r.start)) / float64(r.step); n > maxRange {
		fail("OverflowError", "range too big, the sandbox blocks ranges larger than %d", maxRange)
	}
	if r.start > math.MaxInt64/2 || r.start < math.MinInt64/2 || r.stop > math.MaxInt64/2 || r.stop < math.MinInt64/2 {
		if r.start < r.stop == (r.step > 0) {
			integerOverflow()
		}
	}
	if r.step > math.MaxInt64/2 || r.step < math.MinInt64/2 {
		integerOverflow()
	}
	return r
}

func makeDict(st *state, name string, a args) *Dict {
	d := NewDict()
	if len(a.pos) > 1 {
		fail("TypeError", "%s expected at most 1 argument, got %d", name, len(a.pos))
	}
	if len(a.pos) == 1 {
		if from, ok := a.pos[0].(*Dict); ok {
			st.needItems(2 * from.Len())
			for i, k := range from.keys {
				d.Set(k, from.values[i])
			}
		} else {
			for _, item := range st.collect(a.pos[0]) {
				pair := st.collect(item)
				if len(pair) != 2 {
					fail("ValueError", "dictionary update sequence element has length %d; 2 is required", len(pair))
				}
				d.Set(pair[0], pair[1])
			}
		}
	}
	for _, n := range a.named {
		d.Set(n.name, n.value)
	}
	return d
}

// joiner returns nothing when first called, then its separator.
type joiner struct {
	sep  any
	used bool
}

func makeJoiner(st *state, a args) any {
	return &joiner{sep: or(a.bind("joiner", 0, "sep")[0], ", ")}
}

func (j *joiner) next() any {
	if !j.used {
		j.used = true
		return ""
	}
	return j.sep
}

func (j *joiner) typeName() string { return "Joiner" }

func (j *joiner) attr(st *state, name string) (any, bool) {
	switch name {
	case "sep":
		return j.sep, true
	case "used":
		return j.used, true
	}
	return nil, false
}

type cycler struct {
	items []any
	pos   int
}

func makeCycler(st *state, a args) any {
	if len(a.pos) == 0 {
		fail("RuntimeError", "at least one item has to be provided")
	}
	return &cycler{items: a.pos}
}

func (c *cycler) typeName() string { return "Cycler" }

func (c *cycler) attr(st *state, name string) (any, bool) {
	switch name {
	case "current":
		return c.items[c.pos], true
	case "next":
		return &function{"next", func(st *state, a args) any {
			v := c.items[c.pos]
			c.pos = (c.pos + 1) % len(c.items)
			return v
		}}, true
	case "reset":
		return &function{"reset", func(st *state, a args) any { c.pos = 0; return nil }}, true
	}
	return nil, false
}

// strftimeNow formats the time of the rendering.
func strftimeNow(st *state, a args) any {
	format := mustText(a.bind("strftime_now", 1, "format")[0], "format")
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		unpadded := format[i] == '-' && i+1 < len(format)
		if unpadded {
			i++
		}
		s, ok := strftime(st.now, format[i])
		if !ok {
			fail("ValueError", "strftime_now: unknown directive %%%c", format[i])
		}
		if unpadded {
			if t := strings.TrimLeft(s, "0 "); t != "" {
				s = t
			} else {
				s = "0"
			}
		}
		b.WriteString(s)
	}
	st.needBytes(b.Len())
	return b.String()
}

// strftime formats one directive of https://docs.python.org/3/library/datetime.html#format-codes
// in the C locale.
func strftime(t time.Time, directive byte) (string, bool) {
	layout := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'M': "04", 'S': "05", 'I': "03", 'p': "PM", 'y': "06",
		'B': "January", 'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon", 'j': "002",
		'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'x': "01/02/06", 'X': "15:04:05", 'R': "15:04", 'c': "Mon Jan _2 15:04:05 2006",
	}[directive]
	if layout != "" {
		return t.Format(layout), true
	}
	pad := func(n int) string { return strings.Repeat("0", 2-len(strconv.Itoa(n))) + strconv.Itoa(n) }
	switch directive {
	case 'Z', 'z': // datetime.now() knows no zone
		return "", true
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case 'f':
		us := strconv.Itoa(t.Nanosecond() / 1000)
		return strings.Repeat("0", 6-len(us)) + us, true
	case 's':
		return strconv.FormatInt(t.Unix(), 10), true
	case 'w':
		return strconv.Itoa(int(t.Weekday())), true
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), true
	case 'U':
		return pad((t.YearDay() + 6 - int(t.Weekday())) / 7), true
	case 'W':
		return pad((t.YearDay() + 6 - (int(t.Weekday())+6)%7) / 7), true
	case 'V':
		_, week := t.ISOWeek()
		return pad(week), true
	case 'G':
		year, _ := t.ISOWeek()
		return strconv.Itoa(year), true
	}
	return "", false
}
