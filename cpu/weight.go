package cpu

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// weight is a packed matrix as it lies in the file.
type weight struct {
	format     format.Format
	rows, cols int
	rowBytes   int
	packed     []byte // nil once freed
}

// NewWeight keeps packed itself. Only floats that do not start at a multiple of their
// size are copied, on machines that cannot load such.
func (b *Backend) NewWeight(f format.Format, rows, cols int, packed []byte) (engine.Weight, error) {
	if err := engine.CheckWeight(f, rows, cols, packed); err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	if int(f) >= formats || b.kernels.unpack[f] == nil {
		return nil, fmt.Errorf("cpu: %v: %w", f, engine.ErrFormat)
	}
	if !aligned(f, packed) {
		packed = slices.Clone(packed)
	}
	b.touched += touch(packed)
	return &weight{format: f, rows: rows, cols: cols, rowBytes: f.RowBytes(cols), packed: packed}, nil
}

func (w *weight) Format() format.Format { return w.format }
func (w *weight) Rows() int             { return w.rows }
func (w *weight) Cols() int             { return w.cols }
func (w *weight) Bytes() int64          { return int64(w.rows) * int64(w.rowBytes) }
func (w *weight) Free()                 { w.packed = nil }

// row is row n as it is packed.
func (w *weight) row(n int) []byte { return w.packed[n*w.rowBytes : (n+1)*w.rowBytes] }

// own is w as the type that this backend makes.
func own(op string, w engine.Weight) *weight {
	x, ok := w.(*weight)
	if !ok {
		wrong(op, "the weight is a %T, which belongs to another backend", w)
	}
	if x.packed == nil {
		wrong(op, "the weight was freed")
	}
	return x
}

// littleEndian says whether the machine's numbers lie in memory as those of a file do.
func littleEndian() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}

// aligned says whether the floats of a weight can be loaded where they are.
func aligned(f format.Format, packed []byte) bool {
	switch runtime.GOARCH {
	case "386", "amd64", "arm64", "loong64", "ppc64le", "wasm":
		return true
	}
	size := uintptr(1)
	if f.BlockLen() == 1 {
		size = uintptr(f.BlockBytes())
	}
	return uintptr(unsafe.Pointer(unsafe.SliceData(packed)))%size == 0
}

// asFloats is packed F32 numbers as what they are on a little-endian machine.
func asFloats(packed []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(packed))), len(packed)/4)
}

// asHalves is asFloats for numbers of 16 bits.
func asHalves(packed []byte) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(packed))), len(packed)/2)
}

// alignedBytes is n bytes that start at a multiple of 64.
func alignedBytes(n int) []byte {
	b := make([]byte, n+63)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 63
	return b[skip:][:n:n]
}

// touch reads a byte of every page. A page of new memory, or of a mapped file, is brought
// in by the system when it is first used, which costs more than the work on it: it is the
// loading of a model that takes this time, not the first tokens. It returns the sum of the
// bytes, so that they are not left unread.
func touch(b []byte) (sum uint64) {
	const page = 4096
	for i := 0; i < len(b); i += page {
		sum += uint64(b[i])
	}
	return sum
}
