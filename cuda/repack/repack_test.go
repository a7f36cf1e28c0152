package repack

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

// randomRows are packed rows in which every bit of every field occurs: random bytes,
// but with scales that are finite.
func randomRows(r *rand.Rand, f format.Format, rows, cols int) []byte {
	packed := make([]byte, rows*f.RowBytes(cols))
	for i := range packed {
		packed[i] = byte(r.Uint32())
	}
	scales := map[format.Format][]int{
		format.Q4_0: {0}, format.Q4_1: {0, 2}, format.Q5_0: {0}, format.Q5_1: {0, 2}, format.Q8_0: {0},
		format.Q2_K: {80, 82}, format.Q3_K: {108}, format.Q4_K: {0, 2}, format.Q5_K: {0, 2}, format.Q6_K: {208},
		format.F16: {0}, format.BF16: {0}, format.F32: {2},
	}
	for at := 0; at < len(packed); at += f.BlockBytes() {
		for _, s := range scales[f] {
			packed[at+s+1] &^= 0x40 // clears an exponent bit: no infinity, no NaN
		}
	}
	return packed
}

func TestDequantizeEqualsFormat(t *testing.T) {
	t.Parallel()
	for _, f := range format.All() {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(f)))
			widths := []int{1, 2, 3, 5, 8}
			if f.BlockLen() == 1 {
				widths = append(widths, 31, 33, 97, 768)
			}
			for _, n := range widths {
				const rows = 7
				cols := n * f.BlockLen()
				packed := randomRows(r, f, rows, cols)
				l, err := New(f, rows, cols)
				if err != nil {
					t.Fatal(err)
				}
				data := bytes.Repeat([]byte{0xa5}, int(l.Bytes))
				l.Pack(data, packed)
				want, got := make([]float32, cols), make([]float32, cols)
				for row := range rows {
					f.Dequantize(want, packed[row*f.RowBytes(cols):][:f.RowBytes(cols)])
					l.Dequantize(got, data, row)
					for i := range want {
						if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
							t.Fatalf("[%d, %d] row %d column %d: %v, want %v", rows, cols, row, i, got[i], want[i])
						}
					}
				}
			}
		})
	}
}

func TestPackRowsInPieces(t *testing.T) {
	t.Parallel()
	for _, f := range format.All() {
		r := rand.New(rand.NewPCG(2, uint64(f)))
		const rows, cols = 11, 768
		packed := randomRows(r, f, rows, cols)
		l, err := New(f, rows, cols)
		if err != nil {
			t.Fatal(err)
		}
		whole, pieces := make([]byte, l.Bytes), make([]byte, l.Bytes)
		l.Pack(whole, packed)
		n := f.RowBytes(cols)
		l.PackRows(pieces, packed[8*n:], 8)
		l.PackRows(pieces, packed[:3*n], 0)
		l.PackRows(pieces, packed[3*n:8*n], 3)
		if !bytes.Equal(whole, pieces) {
			t.Errorf("%v: rows packed in pieces differ from all rows at once", f)
		}
		// As an upload in pieces does it: a layout for some rows, copied plane by plane.
		part, err := New(f, 4, cols)
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, part.Bytes)
		part.Pack(buffer, packed[5*n:9*n])
		for i, p := range l.Planes {
			from := part.Planes[i].Offset
			got := buffer[from : from+int64(4*p.RowStride)]
			at := p.Offset + int64(5*p.RowStride)
			if !bytes.Equal(got, whole[at:at+int64(len(got))]) {
				t.Errorf("%v: plane %s of a part differs from the whole's", f, p.Name)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, f := range format.All() {
		for _, shape := range [][2]int{{4096, 4096}, {14336, 4096}, {4096, 14336}, {128256, 4096}} {
			rows, cols := shape[0], shape[1]
			l, err := New(f, rows, cols)
			if err != nil {
				t.Fatal(err)
			}
			packed := int64(rows) * int64(f.RowBytes(cols))
			if ratio := float64(l.Bytes) / float64(packed); ratio > 1.02 {
				t.Errorf("%v [%d, %d]: %.4f times the packed bytes", f, rows, cols, ratio)
			}
			for _, p := range l.Planes {
				if p.Offset%256 != 0 || p.RowStride%RowAlign != 0 {
					t.Errorf("%v plane %s: offset %d, row stride %d", f, p.Name, p.Offset, p.RowStride)
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f          format.Format
		rows, cols int
	}{
		{format.Q4_0, 1, 33}, {format.Q6_K, 4, 128}, {format.F32, 0, 8}, {format.F32, -1, 8}, {format.F16, 8, 0},
		{format.Invalid, 1, 1}, {format.F32, 1, math.MaxInt32}, {format.F32, math.MaxInt, 32},
	} {
		if l, err := New(c.f, c.rows, c.cols); err == nil {
			t.Errorf("New(%v, %d, %d) = %+v, want an error", c.f, c.rows, c.cols, l)
		}
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	t.Parallel()
	l, err := New(format.Q4_0, 2, 64)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(){
		"short packed":  func() { l.Pack(make([]byte, l.Bytes), make([]byte, 71)) },
		"short dst":     func() { l.Pack(make([]byte, l.Bytes-1), make([]byte, 72)) },
		"rows past end": func() { l.PackRows(make([]byte, l.Bytes), make([]byte, 72), 1) },
		"row past end":  func() { l.Dequantize(make([]float32, 64), make([]byte, l.Bytes), 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

func BenchmarkPack(b *testing.B) {
	for _, f := range []format.Format{format.F16, format.Q4_0, format.Q8_0, format.Q4_K, format.Q6_K} {
		b.Run(fmt.Sprint(f), func(b *testing.B) {
			const rows, cols = 512, 4096
			packed := randomRows(rand.New(rand.NewPCG(3, 3)), f, rows, cols)
			l, err := New(f, rows, cols)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]byte, l.Bytes)
			b.SetBytes(int64(len(packed)))
			for b.Loop() {
				l.Pack(dst, packed)
			}
		})
	}
}
