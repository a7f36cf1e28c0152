package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// typeOfValue is the value type of a Go value, or valueTypes if it has none.
func typeOfValue(v any) valueType {
	switch v.(type) {
	case uint8:
		return typeUint8
	case int8:
		return typeInt8
	case uint16:
		return typeUint16
	case int16:
		return typeInt16
	case uint32:
		return typeUint32
	case int32:
		return typeInt32
	case float32:
		return typeFloat32
	case bool:
		return typeBool
	case string:
		return typeString
	case uint64:
		return typeUint64
	case int64:
		return typeInt64
	case float64:
		return typeFloat64
	}
	if elem, _ := elements(v); elem < valueTypes {
		return typeArray
	}
	return valueTypes
}

// elements is the type and the number of the elements of a slice.
func elements(v any) (valueType, int) {
	switch v := v.(type) {
	case []uint8:
		return typeUint8, len(v)
	case []int8:
		return typeInt8, len(v)
	case []uint16:
		return typeUint16, len(v)
	case []int16:
		return typeInt16, len(v)
	case []uint32:
		return typeUint32, len(v)
	case []int32:
		return typeInt32, len(v)
	case []float32:
		return typeFloat32, len(v)
	case []bool:
		return typeBool, len(v)
	case []string:
		return typeString, len(v)
	case []any:
		return typeArray, len(v)
	case []uint64:
		return typeUint64, len(v)
	case []int64:
		return typeInt64, len(v)
	case []float64:
		return typeFloat64, len(v)
	}
	return valueTypes, 0
}

// appendValue appends v, which is of type t, as decode reads it.
func appendValue(to []byte, t valueType, v any, depth int) ([]byte, error) {
	switch t {
	case valueTypes:
		return nil, fmt.Errorf("a %T cannot be stored", v)
	case typeString:
		return appendString(to, v.(string)), nil
	case typeArray:
		return appendArray(to, v, depth)
	}
	return binary.Append(to, binary.LittleEndian, v)
}

func appendArray(to []byte, v any, depth int) ([]byte, error) {
	if depth >= maxDepth {
		return nil, fmt.Errorf("arrays are nested more than %d deep", maxDepth)
	}
	elem, n := elements(v)
	to = binary.LittleEndian.AppendUint32(to, uint32(elem))
	to = binary.LittleEndian.AppendUint64(to, uint64(n))
	switch v := v.(type) {
	case []string:
		for _, s := range v {
			to = appendString(to, s)
		}
		return to, nil
	case []any:
		for _, x := range v {
			if typeOfValue(x) != typeArray {
				return nil, errors.New("a []any may hold slices only")
			}
			var err error
			if to, err = appendArray(to, x, depth+1); err != nil {
				return nil, err
			}
		}
		return to, nil
	}
	return binary.Append(to, binary.LittleEndian, v)
}

func appendString(to []byte, s string) []byte {
	to = binary.LittleEndian.AppendUint64(to, uint64(len(s)))
	return append(to, s...)
}
