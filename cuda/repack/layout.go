// Package repack defines the layouts in which the CUDA kernels read weights, and
// rewrites packed rows into them.
//
// The blocks of package format are 18, 20, 22, 24, 34, 84, 110, 144, 176 or 210 bytes
// long, so that a 16-byte load of codes would be misaligned in nearly all of them. On
// the device the parts of a block therefore lie in planes of their own: a plane is a
// row-major matrix of records, one record for every 32, 64 or 256 numbers of a row,
// and each row of a plane starts at a multiple of 16 bytes. A lane of a warp owns 32 or
// 64 neighbouring numbers, its neighbour the next ones, and so every load of a warp is
// one contiguous piece of a plane:
//
//	numbers of a row     |   0..31   |  32..63   |  64..95   | ...
//	plane q, 16 bytes    | lane 0    | lane 1    | lane 2    | ...
//	plane d,  2 bytes    | lane 0    | lane 1    | lane 2    | ...
//
// The planes of each format, records in bytes for so many numbers:
//
//	F32   w 4/1
//	F16   w 2/1
//	BF16  w 2/1
//	Q4_0  q 16/32            d  2/32
//	Q4_1  q 16/32            dm 4/32
//	Q5_0  q 16/32   h 4/32   d  2/32
//	Q5_1  q 16/32   h 4/32   dm 4/32
//	Q8_0  q0 16/32  q1 16/32 d  2/32
//	Q2_K  q 16/64            s  4/64   dm 4/256
//	Q3_K  q 16/64   h 8/64   s 16/256
//	Q4_K  q 16/32            s 16/256
//	Q5_K  q 16/32   h 4/32   s 16/256
//	Q6_K  q0 16/64  q1 16/64  h 16/64  s 4/64  d 2/256
//
// What is in them, with four codes of neighbouring numbers to a 32-bit word, the first
// in the lowest byte (a quad; quad i of a record holds the numbers 4i..4i+3):
//
//	nibbles  q of Q4 and Q5, q0 and q1 of Q6_K: word i = quad 2i | quad 2i+1 << 4, bits
//	         3..0 of each code; q0 of Q6_K has the numbers 0..31 of 64, q1 the others
//	pairs    q of Q2_K and Q3_K (bits 1 0), h of Q6_K (bits 5 4): word i = quads
//	         4i..4i+3, shifted left by 0, 2, 4, 6
//	bits     h of Q5 (bit 4), of Q3_K (bit 2): word i = quads 8i..8i+7, shifted left by
//	         0..7
//	bytes    q0 and q1 of Q8_0: signed codes of the numbers 0..15 and 16..31
//	d, dm    the block's binary16 scale; scale, then minimum
//	s        Q2_K: 4 bytes, low nibble scale, high nibble minimum of 16 numbers each
//	         Q6_K: 4 signed bytes, scales of 16 numbers each
//	         Q4_K, Q5_K: d and dm, then 96 bits: bits 12j..12j+5 the scale of numbers
//	         32j..32j+31, bits 12j+6..12j+11 their minimum
//	         Q3_K: 96 bits, bits 6j..6j+5 the scale + 32 of numbers 16j..16j+15, then d
//	         and 2 bytes of zeros
//
// All is little-endian. But for the rounding up of rows to 16 bytes (and the 2 bytes of
// Q3_K, 1.8 %) a plane layout is as long as the packed rows.
package repack

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

const (
	// RowAlign is what the rows of every plane are padded to, in bytes.
	RowAlign = 16
	// planeAlign is where planes start: a cache line of 128 bytes and what cuMemAlloc
	// gives.
	planeAlign = 256
	// maxCols keeps the bytes of a row, padding included, below 2^31.
	maxCols = math.MaxInt32 / 8
)

// Plane is a matrix of records inside a Layout.
type Plane struct {
	Name      string
	Numbers   int   // numbers of a row that one record serves
	Bytes     int   // bytes of a record
	Offset    int64 // of the first row from the start of the layout, a multiple of 256
	RowStride int   // bytes from row to row, a multiple of RowAlign
}

// Layout says where everything lies in a repacked weight [Rows, Cols].
type Layout struct {
	Format     format.Format
	Rows, Cols int
	Planes     []Plane // in the order of the kernels' parameters
	Bytes      int64   // of all planes
}

// records are the planes of a format before their place is known.
func records(f format.Format) []Plane {
	plane := func(name string, bytes, numbers int) Plane {
		return Plane{Name: name, Bytes: bytes, Numbers: numbers}
	}
	switch f {
	case format.F32:
		return []Plane{plane("w", 4, 1)}
	case format.F16, format.BF16:
		return []Plane{plane("w", 2, 1)}
	case format.Q4_0:
		return []Plane{plane("q", 16, 32), plane("d", 2, 32)}
	case format.Q4_1:
		return []Plane{plane("q", 16, 32), plane("dm", 4, 32)}
	case format.Q5_0:
		return []Plane{plane("q", 16, 32), plane("h", 4, 32), plane("d", 2, 32)}
	case format.Q5_1:
		return []Plane{plane("q", 16, 32), plane("h", 4, 32), plane("dm", 4, 32)}
	case format.Q8_0:
		return []Plane{plane("q0", 16, 32), plane("q1", 16, 32), plane("d", 2, 32)}
	case format.Q2_K:
		return []Plane{plane("q", 16, 64), plane("s", 4, 64), plane("dm", 4, 256)}
	case format.Q3_K:
		return []Plane{plane("q", 16, 64), plane("h", 8, 64), plane("s", 16, 256)}
	case format.Q4_K:
		return []Plane{plane("q", 16, 32), plane("s", 16, 256)}
	case format.Q5_K:
		return []Plane{plane("q", 16, 32), plane("h", 4, 32), plane("s", 16, 256)}
	case format.Q6_K:
		return []Plane{plane("q0", 16, 64), plane("q1", 16, 64), plane("h", 16, 64), plane("s", 4, 64), plane("d", 2, 256)}
	}
	return nil
}

// New works out the layout of a weight. It fails if cols is no multiple of the format's
// block or the sizes are beyond what the kernels can address: MaxRows rows of maxCols
// numbers.
func New(f format.Format, rows, cols int) (Layout, error) {
	if err := f.CheckCols(cols); err != nil {
		return Layout{}, err
	}
	if rows <= 0 || rows > MaxRows || cols > maxCols {
		return Layout{}, fmt.Errorf("a weight of %d rows of %d numbers: the kernels take 1..%d rows of at most %d", rows, cols, MaxRows, maxCols)
	}
	l := Layout{Format: f, Rows: rows, Cols: cols, Planes: records(f)}
	for i := range l.Planes {
		p := &l.Planes[i]
		p.Offset = roundUp(l.Bytes, planeAlign)
		p.RowStride = int(roundUp(int64(cols/p.Numbers*p.Bytes), RowAlign))
		l.Bytes = p.Offset + int64(rows)*int64(p.RowStride) // below 2^56
	}
	return l, nil
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// row is where row r of each plane lies in data, which holds the whole layout.
func (l Layout) row(into [][]byte, data []byte, r int) [][]byte {
	into = into[:0]
	for _, p := range l.Planes {
		at := p.Offset + int64(r)*int64(p.RowStride)
		into = append(into, data[at:at+int64(p.RowStride)])
	}
	return into
}
