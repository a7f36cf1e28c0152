package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"sort"
	"strconv"
)

// Values of the language are Go values: nil (None), bool, int64, *big.Int for
// integers beyond it, float64, string, markup, *List, *Dict, and the unexported types below.

// markup is a string that needs no more escaping (markupsafe.Markup).
type markup string

// List is a list, or a tuple if Tuple is set. Templates cannot change one.
type List struct {
	Items []any
	Tuple bool
}

// Dict is a dictionary in the order of insertion.
type Dict struct {
	keys   []any
	values []any
	index  map[any]int
}

// undefined is the result of looking up what is not there. Printed it is empty;
// anything else that is done with it raises.
type undefined struct {
	hint     string
	security bool // an attribute that exists but is not safe
}

// namespace is the one mutable object, made by namespace().
type namespace struct{ attrs *Dict }

// method is a bound method such as "a".strip.
type method struct {
	self any
	name string
	call func(st *state, self any, a args) any
}

// function is a global such as range.
type function struct {
	name string
	call func(st *state, a args) any
}

// object has attributes of its own: loop, cycler.
type object interface {
	attr(st *state, name string) (any, bool)
	typeName() string
}

// NewDict returns an empty dictionary.
func NewDict() *Dict { return &Dict{index: map[any]int{}} }

type tupleKey string
type bigKey string
type undefinedKey struct{}

// dictKey maps values that are equal in Python (1, 1.0, True) to one Go key.
func dictKey(key any) any {
	switch k := key.(type) {
	case nil, int64, string:
		return k
	case bool:
		return intOf(k)
	case float64:
		if i := int64(k); float64(i) == k && math.Abs(k) < 1<<62 {
			return i
		}
		return k
	case *big.Int:
		return bigKey(k.String())
	case markup:
		return string(k)
	case *undefined:
		return undefinedKey{}
	case *List:
		if k.Tuple && len(k.Items) <= 1000 {
			return tupleKeyOf(k)
		}
	}
	switch key.(type) {
	case *List, *Dict:
		fail("TypeError", "unhashable type: '%s'", typeName(key))
	}
	return key // functions and objects: by identity
}

func tupleKeyOf(l *List) tupleKey {
	var b bytes.Buffer
	for _, item := range l.Items {
		k := dictKey(item)
		if _, nested := k.(tupleKey); nested && b.Len() > 1<<16 {
			fail("TypeError", "a tuple that large cannot be a key")
		}
		s := fmt.Sprintf("%T:%v", k, k)
		fmt.Fprintf(&b, "%d:%s", len(s), s)
	}
	return tupleKey(b.String())
}

// Len returns the number of entries.
func (d *Dict) Len() int { return len(d.keys) }

// Get returns the value of a key.
func (d *Dict) Get(key any) (any, bool) {
	i, ok := d.index[dictKey(key)]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

// Set adds or replaces an entry; a replaced one keeps its place and key.
func (d *Dict) Set(key, value any) {
	k := dictKey(key)
	if i, ok := d.index[k]; ok {
		d.values[i] = value
		return
	}
	d.index[k] = len(d.keys)
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
}

// FromGo converts a Go value: what is a value of this package already stays;
// maps are sorted by key; json.RawMessage, structs and the rest go through
// JSON, which keeps the order of fields.
func FromGo(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, int64, float64, string, *List, *Dict:
		return v, nil
	case int:
		return int64(x), nil
	case int32:
		return int64(x), nil
	case json.RawMessage:
		return DecodeJSON(x)
	case []any:
		l := &List{Items: make([]any, len(x))}
		for i, item := range x {
			c, err := FromGo(item)
			if err != nil {
				return nil, err
			}
			l.Items[i] = c
		}
		return l, nil
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		d := NewDict()
		for _, k := range keys {
			c, err := FromGo(x[k])
			if err != nil {
				return nil, err
			}
			d.Set(k, c)
		}
		return d, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return DecodeJSON(data)
}

// maxJSONDepth bounds the nesting of a JSON document.
const maxJSONDepth = 500

// DecodeJSON parses JSON and keeps the order of objects and the difference
// between 1 and 1.0, as Python's json.loads does.
func DecodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more text after the JSON value at byte %d", d.InputOffset())
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("JSON nested more than %d deep", maxJSONDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		return decodeNumber(string(t))
	case json.Delim:
		if t == '[' {
			l := &List{}
			for d.More() {
				v, err := decodeValue(d, depth+1)
				if err != nil {
					return nil, err
				}
				l.Items = append(l.Items, v)
			}
			_, err := d.Token()
			return l, err
		}
		o := NewDict()
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			o.Set(k, v)
		}
		_, err := d.Token()
		return o, err
	}
	return t, nil
}

func decodeNumber(s string) (any, error) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	}
	if len(s) > maxIntDigits {
		return nil, fmt.Errorf("a number of more than %d digits", maxIntDigits)
	}
	if b, ok := new(big.Int).SetString(s, 10); ok {
		return b, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && math.IsInf(f, 0) {
		return f, nil // Python reads 1e999 as inf
	}
	return f, err
}

func intOf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// text returns the characters of a string or markup.
func text(v any) (string, bool) {
	switch s := v.(type) {
	case string:
		return s, true
	case markup:
		return string(s), true
	}
	return "", false
}

// typeName is Python's name of the type of v.
func typeName(v any) string {
	switch x := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case *List:
		if x.Tuple {
			return "tuple"
		}
		return "list"
	case *Dict:
		return "dict"
	case *undefined:
		return "Undefined"
	case *namespace:
		return "Namespace"
	case *generator:
		return "generator"
	case *dictView:
		return "dict_" + x.kind
	case *rangeValue:
		return "range"
	case *method:
		return "builtin_function_or_method"
	case *function:
		return "function"
	case *macro:
		return "Macro"
	case object:
		return x.typeName()
	}
	return "object"
}

// truth is Python's bool(v).
func truth(v any) bool {
	switch x := v.(type) {
	case nil, *undefined:
		return false
	case bool:
		return x
	case int64:
		return x != 0
	case float64:
		return x != 0
	case string:
		return x != ""
	case markup:
		return x != ""
	case *List:
		return len(x.Items) > 0
	case *Dict:
		return x.Len() > 0
	case *dictView:
		return x.dict.Len() > 0
	case *rangeValue:
		return x.len() > 0
	}
	return true
}

// Each calls f for every entry in order.
func (d *Dict) Each(f func(key, value any)) {
	for i, k := range d.keys {
		f(k, d.values[i])
	}
}
