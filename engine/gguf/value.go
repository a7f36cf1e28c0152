package gguf

import (
	"encoding/binary"
	"fmt"
)

// valueType is GGUF's number for the type of a metadata value.
type valueType uint32

const (
	typeUint8 valueType = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
	valueTypes
)

// maxDepth bounds arrays of arrays: the format sets no limit and no known model
// nests them at all.
const maxDepth = 8

// codec is one row of the table of value types.
type codec struct {
	name string
	// size in bytes of a number; of a string or an array, the least size.
	size   int
	scalar func(data []byte) any
	array  func(data []byte, n int) any
}

var codecs = [valueTypes]codec{
	typeUint8:   {"uint8", 1, scalar[uint8], array[uint8]},
	typeInt8:    {"int8", 1, scalar[int8], array[int8]},
	typeUint16:  {"uint16", 2, scalar[uint16], array[uint16]},
	typeInt16:   {"int16", 2, scalar[int16], array[int16]},
	typeUint32:  {"uint32", 4, scalar[uint32], array[uint32]},
	typeInt32:   {"int32", 4, scalar[int32], array[int32]},
	typeFloat32: {"float32", 4, scalar[float32], array[float32]},
	typeBool:    {"bool", 1, scalar[bool], array[bool]},
	typeString:  {name: "string", size: 8},
	typeArray:   {name: "array", size: 4 + 8},
	typeUint64:  {"uint64", 8, scalar[uint64], array[uint64]},
	typeInt64:   {"int64", 8, scalar[int64], array[int64]},
	typeFloat64: {"float64", 8, scalar[float64], array[float64]},
}

func (t valueType) String() string {
	if t >= valueTypes {
		return fmt.Sprintf("type %d", uint32(t))
	}
	return codecs[t].name
}

// scalar and array decode numbers and bools whose size skip has checked.
func scalar[T any](data []byte) any {
	var v T
	mustDecode(data, &v)
	return v
}

func array[T any](data []byte, n int) any {
	v := make([]T, n)
	mustDecode(data, v)
	return v
}

func mustDecode(data []byte, v any) {
	if _, err := binary.Decode(data, binary.LittleEndian, v); err != nil {
		panic(fmt.Sprintf("gguf: decoding checked bytes: %v", err))
	}
}

// skip moves c past a value of type t and checks all of it, so that decode
// cannot fail later. It allocates nothing, however long an array claims to be.
func skip(c *cursor, t valueType, depth int) error {
	switch {
	case t >= valueTypes:
		return fmt.Errorf("unknown value type %d", uint32(t))
	case t == typeArray:
		return skipArray(c, depth)
	case t == typeString:
		return c.skipString()
	}
	_, err := c.take(uint64(codecs[t].size))
	return err
}

func skipArray(c *cursor, depth int) error {
	if depth >= maxDepth {
		return fmt.Errorf("arrays are nested more than %d deep", maxDepth)
	}
	t, n, err := c.arrayHead()
	if err != nil {
		return err
	}
	if t != typeString && t != typeArray {
		_, err := c.take(uint64(n * codecs[t].size))
		return err
	}
	for i := range n {
		if t == typeString {
			err = c.skipString()
		} else {
			err = skipArray(c, depth+1)
		}
		if err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// decode makes a Go value of the bytes that skip went over.
func decode(t valueType, data []byte) any {
	switch t {
	case typeString:
		return string(data[8:])
	case typeArray:
		return decodeArray(&cursor{data: data})
	}
	return codecs[t].scalar(data)
}

func decodeArray(c *cursor) any {
	t, n, err := c.arrayHead()
	if err != nil {
		panic(fmt.Sprintf("gguf: decoding a checked array: %v", err))
	}
	switch t {
	case typeString:
		return decodeStrings(c, n)
	case typeArray:
		v := make([]any, n)
		for i := range v {
			v[i] = decodeArray(c)
		}
		return v
	}
	start := c.off
	c.off += n * codecs[t].size
	return codecs[t].array(c.data[start:c.off], n)
}

// decodeStrings copies all strings at once and cuts the copy up: a vocabulary of
// 150,000 tokens costs two allocations.
func decodeStrings(c *cursor, n int) []string {
	start := c.off
	v := make([]string, n)
	for range n {
		c.off += 8 + int(binary.LittleEndian.Uint64(c.data[c.off:]))
	}
	all := string(c.data[start:c.off])
	at := 0
	for i := range v {
		size := int(binary.LittleEndian.Uint64(c.data[start+at:]))
		v[i] = all[at+8 : at+8+size]
		at += 8 + size
	}
	return v
}
