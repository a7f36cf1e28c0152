// Package format is the specification of every weight format that Potion reads:
// how a row of float32 numbers is packed into blocks of bytes, and back.
//
// The layouts are ggml's, byte for byte (https://github.com/ggml-org/ggml,
// src/ggml-common.h), because that is what users' files contain. Each format has a
// file of its own with a picture of its block. The code here is plain Go and is
// written to be read: fast versions in the backends are tested against it.
package format

import (
	"fmt"
	"math"
	"strings"
)

// Format names one packing of weights. The zero value is not a format.
type Format uint8

// The formats, in the order in which they are usually listed: floats, then
// 32-number blocks ("legacy" quants), then 256-number super-blocks (K-quants).
const (
	Invalid Format = iota
	F32
	F16
	BF16
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q2_K
	Q3_K
	Q4_K
	Q5_K
	Q6_K
	count
)

// layout is one row of the table below.
type layout struct {
	name       string
	blockLen   int // numbers in a block
	blockBytes int // bytes in a block
	quantize   func(dst []byte, src []float32)
	dequantize func(dst []float32, src []byte)
}

var layouts = [count]layout{
	F32:  {"F32", 1, 4, quantizeF32, dequantizeF32},
	F16:  {"F16", 1, 2, quantizeF16, dequantizeF16},
	BF16: {"BF16", 1, 2, quantizeBF16, dequantizeBF16},
	Q4_0: {"Q4_0", 32, 18, quantizeQ4_0, dequantizeQ4_0},
	Q4_1: {"Q4_1", 32, 20, quantizeQ4_1, dequantizeQ4_1},
	Q5_0: {"Q5_0", 32, 22, quantizeQ5_0, dequantizeQ5_0},
	Q5_1: {"Q5_1", 32, 24, quantizeQ5_1, dequantizeQ5_1},
	Q8_0: {"Q8_0", 32, 34, quantizeQ8_0, dequantizeQ8_0},
	Q2_K: {"Q2_K", 256, 84, quantizeQ2_K, dequantizeQ2_K},
	Q3_K: {"Q3_K", 256, 110, quantizeQ3_K, dequantizeQ3_K},
	Q4_K: {"Q4_K", 256, 144, quantizeQ4_K, dequantizeQ4_K},
	Q5_K: {"Q5_K", 256, 176, quantizeQ5_K, dequantizeQ5_K},
	Q6_K: {"Q6_K", 256, 210, quantizeQ6_K, dequantizeQ6_K},
}

// All lists every format, in the order of the constants.
func All() []Format {
	all := make([]Format, 0, count-1)
	for f := F32; f < count; f++ {
		all = append(all, f)
	}
	return all
}

// Parse finds a format by its name as ggml writes it, in upper or lower case.
func Parse(name string) (Format, error) {
	for f := F32; f < count; f++ {
		if strings.EqualFold(layouts[f].name, name) {
			return f, nil
		}
	}
	return Invalid, fmt.Errorf("unknown weight format %q; known: %v", name, All())
}

// String is the name that ggml and the model files' names use: "Q4_K".
func (f Format) String() string {
	if !f.Valid() {
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
	return layouts[f].name
}

// Valid says whether f is one of the formats above.
func (f Format) Valid() bool { return f > Invalid && f < count }

// BlockLen is how many numbers share one block.
func (f Format) BlockLen() int { return layouts[f].blockLen }

// BlockBytes is how many bytes one block takes.
func (f Format) BlockBytes() int { return layouts[f].blockBytes }

// BitsPerWeight is the average number of bits that one number takes.
func (f Format) BitsPerWeight() float64 {
	return float64(f.BlockBytes()) * 8 / float64(f.BlockLen())
}

// CheckCols says why a row of cols numbers cannot be packed in f, or nil.
func (f Format) CheckCols(cols int) error {
	if !f.Valid() {
		return fmt.Errorf("%v is not a weight format", f)
	}
	if cols <= 0 || cols%f.BlockLen() != 0 {
		return fmt.Errorf("rows of %d numbers cannot be packed as %v: its blocks hold %d numbers", cols, f, f.BlockLen())
	}
	if cols/f.BlockLen() > math.MaxInt/f.BlockBytes() {
		return fmt.Errorf("rows of %d numbers cannot be packed as %v: too many bytes for this machine", cols, f)
	}
	return nil
}

// RowBytes is the size in bytes of a packed row of cols numbers, which CheckCols
// must accept.
func (f Format) RowBytes(cols int) int {
	return cols / f.BlockLen() * f.BlockBytes()
}

// Quantize packs src into dst. len(src) is a multiple of BlockLen and
// len(dst) = RowBytes(len(src)); other lengths panic.
//
// The bytes are those of ggml's reference quantisers (quantize_row_*_ref, which use no
// importance matrix), on every machine. Where C leaves ggml's result undefined, this
// one is defined: a quantised block in which there is NaN or an infinity unpacks to
// NaNs only, and one with a scale too small to have an inverse unpacks to zeros.
//
// Scales are binary16, so that a block whose scale would be above 65504 unpacks to
// infinities and NaNs.
func (f Format) Quantize(dst []byte, src []float32) {
	f.checkLengths("Quantize", len(dst), len(src))
	layouts[f].quantize(dst, src)
}

// Dequantize unpacks src into dst: the exact value of each number, rounded to
// float32 as ggml rounds it. Lengths as for Quantize.
func (f Format) Dequantize(dst []float32, src []byte) {
	f.checkLengths("Dequantize", len(src), len(dst))
	layouts[f].dequantize(dst, src)
}

func (f Format) checkLengths(op string, bytes, numbers int) {
	if !f.Valid() || numbers%f.BlockLen() != 0 || bytes != numbers/f.BlockLen()*f.BlockBytes() {
		panic(fmt.Sprintf("format: %s %v: %d bytes do not hold %d numbers", op, f, bytes, numbers))
	}
}
