package tokenizer

import (
	"fmt"
	"math"
)

// Typed access to Metadata. A missing value is no error, one of the wrong type is.

func metaString(m Metadata, key string) (s string, ok bool, err error) {
	v, ok := m.Get(key)
	if !ok {
		return "", false, nil
	}
	if s, ok = v.(string); !ok {
		return "", false, typeError(key, v, "a string")
	}
	return s, true, nil
}

func metaStrings(m Metadata, key string) ([]string, error) {
	v, ok := m.Get(key)
	if !ok {
		return nil, fmt.Errorf("%s is missing", key)
	}
	s, ok := v.([]string)
	if !ok {
		return nil, typeError(key, v, "an array of strings")
	}
	return s, nil
}

func metaBool(m Metadata, key string, otherwise bool) (bool, error) {
	v, ok := m.Get(key)
	if !ok {
		return otherwise, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, typeError(key, v, "true or false")
	}
	return b, nil
}

func metaInt(m Metadata, key string) (n int64, ok bool, err error) {
	v, ok := m.Get(key)
	if !ok {
		return 0, false, nil
	}
	switch v := v.(type) {
	case int8:
		n = int64(v)
	case uint8:
		n = int64(v)
	case int16:
		n = int64(v)
	case uint16:
		n = int64(v)
	case int32:
		n = int64(v)
	case uint32:
		n = int64(v)
	case int64:
		n = v
	case uint64:
		n = int64(min(v, math.MaxInt64))
	case int:
		n = int64(v)
	case uint:
		n = int64(min(v, math.MaxInt64))
	default:
		return 0, false, typeError(key, v, "an integer")
	}
	return n, true, nil
}

// metaInts returns nil if key is missing.
func metaInts(m Metadata, key string) ([]int64, error) {
	v, ok := m.Get(key)
	if !ok {
		return nil, nil
	}
	switch v := v.(type) {
	case []int32:
		return widen(v), nil
	case []uint32:
		return widen(v), nil
	case []int8:
		return widen(v), nil
	case []uint8:
		return widen(v), nil
	case []int16:
		return widen(v), nil
	case []uint16:
		return widen(v), nil
	case []int64:
		return v, nil
	case []int:
		return widen(v), nil
	}
	return nil, typeError(key, v, "an array of integers")
}

func widen[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int](in []T) []int64 {
	out := make([]int64, len(in))
	for i, n := range in {
		out[i] = int64(n)
	}
	return out
}

// metaFloats returns nil if key is missing.
func metaFloats(m Metadata, key string) ([]float32, error) {
	v, ok := m.Get(key)
	if !ok {
		return nil, nil
	}
	switch v := v.(type) {
	case []float32:
		return v, nil
	case []float64:
		out := make([]float32, len(v))
		for i, f := range v {
			out[i] = float32(f)
		}
		return out, nil
	}
	ints, err := metaInts(m, key)
	if err != nil {
		return nil, typeError(key, v, "an array of numbers")
	}
	out := make([]float32, len(ints))
	for i, n := range ints {
		out[i] = float32(n)
	}
	return out, nil
}

func typeError(key string, v any, want string) error {
	return fmt.Errorf("%s: %s is expected, the file has %T", key, want, v)
}
