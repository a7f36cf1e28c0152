package gguf

import (
	"fmt"

	"github.com/potion-engine/potion/engine/format"
)

// Type is ggml's number for the way a tensor's values are packed. A file may use
// any type below; Format says which of them Potion computes with.
type Type uint32

// The types, numbered as in ggml.h (enum ggml_type). The gaps are types that
// ggml has removed.
const (
	F32     Type = 0
	F16     Type = 1
	Q4_0    Type = 2
	Q4_1    Type = 3
	Q5_0    Type = 6
	Q5_1    Type = 7
	Q8_0    Type = 8
	Q8_1    Type = 9
	Q2_K    Type = 10
	Q3_K    Type = 11
	Q4_K    Type = 12
	Q5_K    Type = 13
	Q6_K    Type = 14
	Q8_K    Type = 15
	IQ2_XXS Type = 16
	IQ2_XS  Type = 17
	IQ3_XXS Type = 18
	IQ1_S   Type = 19
	IQ4_NL  Type = 20
	IQ3_S   Type = 21
	IQ2_S   Type = 22
	IQ4_XS  Type = 23
	I8      Type = 24
	I16     Type = 25
	I32     Type = 26
	I64     Type = 27
	F64     Type = 28
	IQ1_M   Type = 29
	BF16    Type = 30
	TQ1_0   Type = 34
	TQ2_0   Type = 35
	MXFP4   Type = 39
	NVFP4   Type = 40
	Q1_0    Type = 41
)

// packing is one row of the table of types.
type packing struct {
	name       string
	blockLen   int64 // numbers in a block; 0 for a number that is no type
	blockBytes int64 // bytes in a block
	format     format.Format
}

var packings = [...]packing{
	F32:     {"F32", 1, 4, format.F32},
	F16:     {"F16", 1, 2, format.F16},
	Q4_0:    {"Q4_0", 32, 18, format.Q4_0},
	Q4_1:    {"Q4_1", 32, 20, format.Q4_1},
	4:       {name: "Q4_2"},
	5:       {name: "Q4_3"},
	Q5_0:    {"Q5_0", 32, 22, format.Q5_0},
	Q5_1:    {"Q5_1", 32, 24, format.Q5_1},
	Q8_0:    {"Q8_0", 32, 34, format.Q8_0},
	Q8_1:    {"Q8_1", 32, 36, format.Invalid},
	Q2_K:    {"Q2_K", 256, 84, format.Q2_K},
	Q3_K:    {"Q3_K", 256, 110, format.Q3_K},
	Q4_K:    {"Q4_K", 256, 144, format.Q4_K},
	Q5_K:    {"Q5_K", 256, 176, format.Q5_K},
	Q6_K:    {"Q6_K", 256, 210, format.Q6_K},
	Q8_K:    {"Q8_K", 256, 292, format.Invalid},
	IQ2_XXS: {"IQ2_XXS", 256, 66, format.Invalid},
	IQ2_XS:  {"IQ2_XS", 256, 74, format.Invalid},
	IQ3_XXS: {"IQ3_XXS", 256, 98, format.Invalid},
	IQ1_S:   {"IQ1_S", 256, 50, format.Invalid},
	IQ4_NL:  {"IQ4_NL", 32, 18, format.Invalid},
	IQ3_S:   {"IQ3_S", 256, 110, format.Invalid},
	IQ2_S:   {"IQ2_S", 256, 82, format.Invalid},
	IQ4_XS:  {"IQ4_XS", 256, 136, format.Invalid},
	I8:      {"I8", 1, 1, format.Invalid},
	I16:     {"I16", 1, 2, format.Invalid},
	I32:     {"I32", 1, 4, format.Invalid},
	I64:     {"I64", 1, 8, format.Invalid},
	F64:     {"F64", 1, 8, format.Invalid},
	IQ1_M:   {"IQ1_M", 256, 56, format.Invalid},
	BF16:    {"BF16", 1, 2, format.BF16},
	31:      {name: "Q4_0_4_4"},
	32:      {name: "Q4_0_4_8"},
	33:      {name: "Q4_0_8_8"},
	TQ1_0:   {"TQ1_0", 256, 54, format.Invalid},
	TQ2_0:   {"TQ2_0", 256, 66, format.Invalid},
	36:      {name: "IQ4_NL_4_4"},
	37:      {name: "IQ4_NL_4_8"},
	38:      {name: "IQ4_NL_8_8"},
	MXFP4:   {"MXFP4", 32, 17, format.Invalid},
	NVFP4:   {"NVFP4", 64, 36, format.Invalid},
	Q1_0:    {"Q1_0", 128, 18, format.Invalid},
}

// check says why t is no type of a tensor, or nil.
func (t Type) check() error {
	switch {
	case uint64(t) >= uint64(len(packings)):
		return fmt.Errorf("unknown type %d; the newest known is %v (%d)", uint32(t), Type(len(packings)-1), len(packings)-1)
	case packings[t].blockLen == 0:
		return fmt.Errorf("type %v (%d) was removed from ggml; convert the model again", t, uint32(t))
	}
	return nil
}

// Valid says whether t is one of the types above.
func (t Type) Valid() bool { return t.check() == nil }

// String is the type's name as ggml writes it: "Q4_K", "IQ2_XXS".
func (t Type) String() string {
	if uint64(t) >= uint64(len(packings)) {
		return fmt.Sprintf("Type(%d)", uint32(t))
	}
	return packings[t].name
}

// BlockLen is how many numbers share one block; 0 if t is not Valid.
func (t Type) BlockLen() int {
	if !t.Valid() {
		return 0
	}
	return int(packings[t].blockLen)
}

// BlockBytes is how many bytes one block takes; 0 if t is not Valid.
func (t Type) BlockBytes() int {
	if !t.Valid() {
		return 0
	}
	return int(packings[t].blockBytes)
}

// Format is the weight format with the same layout, and whether there is one:
// tensors of other types can be listed but not computed with.
func (t Type) Format() (format.Format, bool) {
	if !t.Valid() {
		return format.Invalid, false
	}
	f := packings[t].format
	return f, f != format.Invalid
}

// TypeOf is the type that stores weights of format f, which must be valid.
func TypeOf(f format.Format) Type {
	for t, p := range packings {
		if f.Valid() && p.format == f {
			return Type(t)
		}
	}
	panic(fmt.Sprintf("gguf: no type for %v", f))
}
