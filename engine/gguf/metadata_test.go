package gguf

import (
	"math"
	"reflect"
	"testing"
)

var everyValue = []struct {
	key   string
	value any
}{
	{"general.architecture", "llama"},
	{"v.uint8", uint8(200)}, {"v.int8", int8(-100)},
	{"v.uint16", uint16(60000)}, {"v.int16", int16(-30000)},
	{"v.uint32", uint32(4e9)}, {"v.int32", int32(-2e9)},
	{"v.uint64", uint64(math.MaxUint64)}, {"v.int64", int64(math.MinInt64)},
	{"v.float32", float32(1e-5)}, {"v.float64", 1e-300},
	{"v.true", true}, {"v.false", false},
	{"v.empty", ""}, {"v.unicode", "Zaubertrank \u2697\ufe0f \x00\xff"},
	{"a.uint8", []uint8{1, 255}}, {"a.int8", []int8{-1, 127}},
	{"a.uint16", []uint16{1, 65535}}, {"a.int16", []int16{-1, 2}},
	{"a.uint32", []uint32{1, math.MaxUint32}}, {"a.int32", []int32{-1, 2, 3}},
	{"a.uint64", []uint64{1, math.MaxUint64}}, {"a.int64", []int64{-1, 2}},
	{"a.float32", []float32{-1.5, 0, float32(math.Inf(1))}}, {"a.float64", []float64{0.1}},
	{"a.bool", []bool{true, false, true}},
	{"a.string", []string{"", "a", "\u0120the", "<0x0A>"}},
	{"a.empty", []string{}}, {"a.none", []float32{}},
	{"a.nested", []any{[]string{"x", "yz"}, []int32{7}, []any{[]bool{true}}}},
}

func TestValuesRoundTrip(t *testing.T) {
	t.Parallel()
	f, err := OpenBytes("small.gguf", small(t))
	if err != nil {
		t.Fatal(err)
	}
	keys := f.Keys()
	for i, want := range everyValue {
		got, ok := f.Get(want.key)
		if !ok || !reflect.DeepEqual(got, want.value) {
			t.Errorf("%s: %#v, want %#v", want.key, got, want.value)
		}
		if keys[i] != want.key {
			t.Errorf("key %d is %s, want %s", i, keys[i], want.key)
		}
	}
	if v, ok := f.Get("v.absent"); ok {
		t.Errorf("an absent key has the value %v", v)
	}
}

func TestTypedGetters(t *testing.T) {
	t.Parallel()
	f, err := OpenBytes("small.gguf", small(t))
	if err != nil {
		t.Fatal(err)
	}
	type getter func(key string) (any, bool, error)
	uints := func(k string) (any, bool, error) { return erase(f.Uint(k)) }
	ints := func(k string) (any, bool, error) { return erase(f.Int(k)) }
	floats := func(k string) (any, bool, error) { return erase(f.Float(k)) }
	intArrays := func(k string) (any, bool, error) { return erase(f.Ints(k)) }
	floatArrays := func(k string) (any, bool, error) { return erase(f.Floats(k)) }
	tests := []struct {
		get  getter
		key  string
		want any // an error's text if it is an errorText
	}{
		{uints, "v.uint8", uint64(200)}, {uints, "v.uint16", uint64(60000)},
		{uints, "v.uint32", uint64(4e9)}, {uints, "v.uint64", uint64(math.MaxUint64)},
		{uints, "v.int32", errorText("small.gguf: key v.int32: must be an integer, not negative: it is -2000000000")},
		{uints, "v.float32", errorText("its type is float32")},
		{ints, "v.int8", int64(-100)}, {ints, "v.int16", int64(-30000)}, {ints, "v.int32", int64(-2e9)},
		{ints, "v.int64", int64(math.MinInt64)},
		{ints, "v.uint64", errorText("18446744073709551615 is too large")},
		{ints, "v.true", errorText("its type is bool")},
		{floats, "v.float32", float64(float32(1e-5))}, {floats, "v.float64", 1e-300},
		{floats, "v.int8", errorText("key v.int8: must be a floating-point number: its type is int8")},
		{func(k string) (any, bool, error) { return erase(f.Str(k)) }, "general.architecture", "llama"},
		{func(k string) (any, bool, error) { return erase(f.Str(k)) }, "v.true", errorText("must be a string")},
		{func(k string) (any, bool, error) { return erase(f.Bool(k)) }, "v.true", true},
		{func(k string) (any, bool, error) { return erase(f.Bool(k)) }, "v.int8", errorText("must be a bool")},
		{func(k string) (any, bool, error) { return erase(f.Strings(k)) }, "a.string", []string{"", "a", "\u0120the", "<0x0A>"}},
		{func(k string) (any, bool, error) { return erase(f.Strings(k)) }, "a.int8", errorText("its type is []int8")},
		{func(k string) (any, bool, error) { return erase(f.Bools(k)) }, "a.bool", []bool{true, false, true}},
		{intArrays, "a.uint8", []int64{1, 255}}, {intArrays, "a.int8", []int64{-1, 127}},
		{intArrays, "a.uint16", []int64{1, 65535}}, {intArrays, "a.int16", []int64{-1, 2}},
		{intArrays, "a.uint32", []int64{1, math.MaxUint32}}, {intArrays, "a.int32", []int64{-1, 2, 3}},
		{intArrays, "a.int64", []int64{-1, 2}},
		{intArrays, "a.uint64", errorText("element 1, 18446744073709551615, is too large")},
		{intArrays, "v.uint8", errorText("its type is uint8")},
		{floatArrays, "a.float32", []float64{-1.5, 0, math.Inf(1)}}, {floatArrays, "a.float64", []float64{0.1}},
		{floatArrays, "a.string", errorText("must be an array of floating-point numbers: its type is []string")},
	}
	for _, tt := range tests {
		got, ok, err := tt.get(tt.key)
		if text, failing := tt.want.(errorText); failing {
			wantError(t, err, string(text))
		} else if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.key, got, err, tt.want)
		}
		if !ok {
			t.Errorf("%s: ok is false", tt.key)
		}
		if v, ok, err := tt.get("absent"); ok || err != nil {
			t.Errorf("an absent key: %v, %v, %v", v, ok, err)
		}
	}
}

type errorText string

// erase makes the results of getters of all types comparable.
func erase[T any](v T, ok bool, err error) (any, bool, error) { return v, ok, err }
