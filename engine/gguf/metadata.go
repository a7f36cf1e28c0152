package gguf

import (
	"fmt"
	"math"
)

// Get is the value of a key: uint8, int8, uint16, int16, uint32, int32, uint64,
// int64, float32, float64, bool, string, or for an array a slice of one of these;
// an array of arrays is []any. Arrays are decoded at every call and belong to the
// caller. Strings are as the file has them, which need not be UTF-8; a bool is
// true unless its byte is 0.
func (f *File) Get(key string) (any, bool) {
	i, ok := f.keys[key]
	if !ok {
		return nil, false
	}
	return decode(f.entries[i].typ, f.entries[i].data), true
}

// get is Get with the conversion that a typed getter makes. want names the type
// in errors.
func get[T any](f *File, key, want string, convert func(any) (T, error)) (v T, ok bool, err error) {
	raw, ok := f.Get(key)
	if !ok {
		return v, false, nil
	}
	v, err = convert(raw)
	if err != nil {
		return v, true, f.errorf("key %s: must be %s: %w", show(key), want, err)
	}
	return v, true, nil
}

// wrongType describes a value that a typed getter was not made for.
func wrongType(v any) error { return fmt.Errorf("its type is %T", v) }

// as converts by a type assertion only.
func as[T any](raw any) (T, error) {
	v, ok := raw.(T)
	if !ok {
		return v, wrongType(raw)
	}
	return v, nil
}

// Uint is the value of a key that holds an integer of any width, not negative.
// Like all typed getters it gives ok = false where the key is absent, and an error
// that names file and key where the value has another type.
func (f *File) Uint(key string) (v uint64, ok bool, err error) {
	return get(f, key, "an integer, not negative", func(raw any) (uint64, error) {
		if v, ok := raw.(uint64); ok {
			return v, nil
		}
		v, err := integer(raw)
		if err == nil && v < 0 {
			err = fmt.Errorf("it is %d", v)
		}
		return uint64(v), err
	})
}

// Int is the value of a key that holds an integer of any width.
func (f *File) Int(key string) (v int64, ok bool, err error) {
	return get(f, key, "an integer", integer)
}

// Float is the value of a key that holds a float32 or float64.
func (f *File) Float(key string) (v float64, ok bool, err error) {
	return get(f, key, "a floating-point number", func(raw any) (float64, error) {
		switch v := raw.(type) {
		case float32:
			return float64(v), nil
		case float64:
			return v, nil
		}
		return 0, wrongType(raw)
	})
}

// Str is the value of a key that holds a string.
func (f *File) Str(key string) (v string, ok bool, err error) {
	return get(f, key, "a string", as[string])
}

// Bool is the value of a key that holds a bool.
func (f *File) Bool(key string) (v bool, ok bool, err error) {
	return get(f, key, "a bool", as[bool])
}

// Strings is the value of a key that holds an array of strings.
func (f *File) Strings(key string) (v []string, ok bool, err error) {
	return get(f, key, "an array of strings", as[[]string])
}

// Bools is the value of a key that holds an array of bools.
func (f *File) Bools(key string) (v []bool, ok bool, err error) {
	return get(f, key, "an array of bools", as[[]bool])
}

// Ints is the value of a key that holds an array of integers of any width.
func (f *File) Ints(key string) (v []int64, ok bool, err error) {
	return get(f, key, "an array of integers", integers)
}

// Floats is the value of a key that holds an array of float32 or float64.
func (f *File) Floats(key string) (v []float64, ok bool, err error) {
	return get(f, key, "an array of floating-point numbers", func(raw any) ([]float64, error) {
		switch v := raw.(type) {
		case []float32:
			return widen(v, func(x float32) float64 { return float64(x) }), nil
		case []float64:
			return v, nil
		}
		return nil, wrongType(raw)
	})
}

func integer(raw any) (int64, error) {
	switch v := raw.(type) {
	case uint8:
		return int64(v), nil
	case int8:
		return int64(v), nil
	case uint16:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case int64:
		return v, nil
	case uint64:
		if v > math.MaxInt64 {
			return 0, fmt.Errorf("%d is too large", v)
		}
		return int64(v), nil
	}
	return 0, wrongType(raw)
}

func integers(raw any) ([]int64, error) {
	switch v := raw.(type) {
	case []uint8:
		return widen(v, toInt64[uint8]), nil
	case []int8:
		return widen(v, toInt64[int8]), nil
	case []uint16:
		return widen(v, toInt64[uint16]), nil
	case []int16:
		return widen(v, toInt64[int16]), nil
	case []uint32:
		return widen(v, toInt64[uint32]), nil
	case []int32:
		return widen(v, toInt64[int32]), nil
	case []int64:
		return v, nil
	case []uint64:
		for i, x := range v {
			if x > math.MaxInt64 {
				return nil, fmt.Errorf("element %d, %d, is too large", i, x)
			}
		}
		return widen(v, toInt64[uint64]), nil
	}
	return nil, wrongType(raw)
}

func toInt64[T uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64](v T) int64 { return int64(v) }

func widen[S, T any](from []S, convert func(S) T) []T {
	to := make([]T, len(from))
	for i, v := range from {
		to[i] = convert(v)
	}
	return to
}
