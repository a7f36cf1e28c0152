//go:build cuda && cgo && linux

package cuda

import (
	"fmt"

	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// weight is a packed matrix in the layout of the kernels.
type weight struct {
	b      *Backend
	layout repack.Layout
	addr   uint64 // 0 once freed
	planes [maxPlanes]uint64
}

// maxPlanes is the most planes of a layout.
const maxPlanes = 5

// NewWeight rewrites packed to the kernels' layout and uploads it, in pieces that fit the
// pinned buffers. It has its own copy when it returns.
func (b *Backend) NewWeight(f format.Format, rows, cols int, packed []byte) (engine.Weight, error) {
	if err := engine.CheckWeight(f, rows, cols, packed); err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	k := b.ops.weights[f]
	if k == nil {
		return nil, fmt.Errorf("cuda: %v: %w", f, engine.ErrFormat)
	}
	for _, kernel := range []*kernel{k.embed, b.matvecKernel(f), k.matmul} {
		if err := b.ready(kernel); err != nil {
			return nil, fmt.Errorf("%v: %w", f, err)
		}
	}
	if err := b.readyProducts(f); err != nil {
		return nil, fmt.Errorf("%v: %w", f, err)
	}
	layout, err := repack.New(f, rows, cols)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	addr, err := b.memory(layout.Bytes)
	if err != nil {
		return nil, fmt.Errorf("a %v weight of [%d %d]: %w", f, rows, cols, err)
	}
	w := &weight{b: b, layout: layout, addr: addr}
	for i, p := range layout.Planes {
		w.planes[i] = addr + uint64(p.Offset)
	}
	if err := w.fill(packed); err != nil {
		w.Free()
		return nil, fmt.Errorf("uploading a %v weight of [%d %d]: %w", f, rows, cols, err)
	}
	return w, nil
}

// fill uploads packed, as many rows at a time as fit half a pinned buffer.
func (w *weight) fill(packed []byte) error {
	l := w.layout
	rowBytes := l.Format.RowBytes(l.Cols)
	at := max(1, stagingBytes/2/rowBytes)
	for from := 0; from < l.Rows; from += at {
		rows := min(at, l.Rows-from)
		piece, err := repack.New(l.Format, rows, l.Cols)
		if err != nil {
			return err
		}
		part, err := w.b.room(int(piece.Bytes))
		if err != nil {
			return err
		}
		piece.Pack(part, packed[from*rowBytes:(from+rows)*rowBytes])
		for i, p := range piece.Planes {
			w.b.send(w.planes[i]+uint64(from*p.RowStride), part[p.Offset:p.Offset+int64(rows*p.RowStride)])
		}
	}
	return nil
}

func (w *weight) Format() format.Format { return w.layout.Format }
func (w *weight) Rows() int             { return w.layout.Rows }
func (w *weight) Cols() int             { return w.layout.Cols }
func (w *weight) Bytes() int64          { return w.layout.Bytes }

func (w *weight) Free() {
	if w.addr != 0 {
		w.b.discard("Free", w.addr)
		w.addr = 0
	}
}

// ownWeight is w as the type that this backend makes.
func (b *Backend) ownWeight(op string, w engine.Weight) *weight {
	x, ok := w.(*weight)
	if !ok {
		wrong(op, "the weight is a %T, which belongs to another backend", w)
	}
	if x.b != b {
		wrong(op, "the weight belongs to another device's backend")
	}
	if x.addr == 0 {
		wrong(op, "the weight was freed")
	}
	return x
}
