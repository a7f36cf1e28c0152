package repack

import (
	"encoding/binary"
	"fmt"

	"github.com/potion-engine/potion/engine/format"
)

// Dequantize unpacks one row of data, which holds the whole layout, into dst of Cols
// numbers: to the bit what Format.Dequantize gives for the packed row. It is the
// specification of what the kernels do, not fast.
func (l Layout) Dequantize(dst []float32, data []byte, row int) {
	if len(dst) != l.Cols || int64(len(data)) != l.Bytes || row < 0 || row >= l.Rows {
		panic(fmt.Sprintf("repack: Dequantize %v [%d, %d]: row %d of %d bytes into %d numbers",
			l.Format, l.Rows, l.Cols, row, len(data), len(dst)))
	}
	planes := l.row(nil, data, row)
	if l.Format.BlockLen() == 1 {
		l.Format.Dequantize(dst, planes[0][:l.Format.RowBytes(l.Cols)])
		return
	}
	for i := 0; i < len(dst); i += 4 {
		q, s := quad(l.Format, planes, i/4), scaling(l.Format, planes, i)
		for j := range 4 {
			code := int32(q >> (8 * j) & 255)
			dst[i+j] = s.scale * float32(code-s.origin)
			if s.shifted {
				dst[i+j] = float32(dst[i+j]) + s.add
			}
		}
	}
}

// affine turns a code into a number: scale * (code - origin), rounded, and if it is
// shifted + add, rounded again.
type affine struct {
	scale   float32
	origin  int32
	shifted bool // the format has minima
	add     float32
}

func symmetric(scale float32, origin int32) affine { return affine{scale: scale, origin: origin} }
func shifted(scale, add float32) affine            { return affine{scale: scale, shifted: true, add: add} }

// quad reads quad i of a row.
func quad(f format.Format, planes [][]byte, i int) uint32 {
	switch f {
	case format.Q4_0, format.Q4_1, format.Q4_K:
		return nibbleQuad(planes[0], i)
	case format.Q5_0, format.Q5_1, format.Q5_K:
		return nibbleQuad(planes[0], i) | bitQuad(planes[1], i)<<4
	case format.Q8_0:
		half := planes[i/4%2]
		return load32(half[i/8*16+i%4*4:]) ^ each(128)
	case format.Q2_K:
		return pairQuad(planes[0], i)
	case format.Q3_K:
		return pairQuad(planes[0], i) | bitQuad(planes[1], i)<<2
	default: // Q6_K
		half := planes[i/8%2]
		return nibbleQuad(half[i/16*16:], i%8) | pairQuad(planes[2], i)<<4
	}
}

// scaling is what makes numbers of the codes at number n of a row.
func scaling(f format.Format, planes [][]byte, n int) affine {
	switch f {
	case format.Q4_0:
		return symmetric(f16(planes[1], n/32), 8)
	case format.Q4_1:
		return shifted(f16(planes[1], n/32*2), f16(planes[1], n/32*2+1))
	case format.Q5_0:
		return symmetric(f16(planes[2], n/32), 16)
	case format.Q5_1:
		return shifted(f16(planes[2], n/32*2), f16(planes[2], n/32*2+1))
	case format.Q8_0:
		return symmetric(f16(planes[2], n/32), 128)
	case format.Q2_K:
		s, d, dm := planes[1][n/16], f16(planes[2], n/256*2), f16(planes[2], n/256*2+1)
		return shifted(d*float32(s&15), -float32(dm*float32(s>>4)))
	case format.Q3_K:
		record := planes[2][n/256*16:]
		s := int32(scale(record, n%256/16)) - 32
		return symmetric(f16(record, 6)*float32(s), 4)
	case format.Q4_K, format.Q5_K:
		record := planes[len(planes)-1][n/256*16:]
		s, m := scaleMin(record, n%256/32)
		return shifted(f16(record, 0)*float32(s), -float32(f16(record, 1)*float32(m)))
	default: // Q6_K
		return symmetric(f16(planes[4], n/256)*float32(int8(planes[3][n/16])), 32)
	}
}

func f16(b []byte, i int) float32 { return format.F16ToF32(binary.LittleEndian.Uint16(b[2*i:])) }
