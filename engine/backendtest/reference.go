package backendtest

import (
	"fmt"
	"slices"
	"sort"
	"unsafe"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// Reference is a backend made of the oracle: plain loops in float64, no threads, no
// cleverness. Numbers stay float64 from one operation to the next, and in F32 pages, so
// that the logits of a whole model come out as a float64 forward pass would give them.
// It is for tests; nothing about it is fast.
type Reference struct {
	shadows []shadow // in the order of their addresses
}

// shadow holds a tensor's numbers in float64 beside its float32 elements. An element
// of it counts only while it rounds to the float32 element: whoever writes to the
// float32 by another way than an operation is believed.
type shadow struct {
	owner engine.Tensor // keeps the elements where they are
	exact []float64
}

// NewReference makes a Reference.
func NewReference() *Reference { return &Reference{} }

// Info implements engine.Backend.
func (b *Reference) Info() engine.Info {
	return engine.Info{Kind: "cpu", Name: "float64 reference", Units: 1}
}

// NewTensor implements engine.Backend.
func (b *Reference) NewTensor(dt tensor.Dtype, shape ...int) (engine.Tensor, error) {
	n := 1
	for _, s := range shape {
		n *= s
	}
	if n <= 0 || len(shape) > 2 {
		return engine.Tensor{}, fmt.Errorf("a tensor of shape %v", shape)
	}
	if dt != engine.Float32 && dt != engine.Int32 {
		return engine.Tensor{}, fmt.Errorf("a tensor of %v; want float32 or int32", dt)
	}
	t, err := engine.Wrap(tensor.New(tensor.Of(dt), tensor.WithShape(shape...)))
	if err != nil || dt == engine.Int32 {
		return t, err
	}
	at := b.after(t.Addr())
	b.shadows = slices.Insert(b.shadows, at, shadow{t, make([]float64, n)})
	return t, nil
}

// after is the index of the first shadow past addr.
func (b *Reference) after(addr uintptr) int {
	return sort.Search(len(b.shadows), func(i int) bool { return b.shadows[i].owner.Addr() > addr })
}

// exact is the float64 numbers beside t, or nil if t was not made by b.
func (b *Reference) exact(t engine.Tensor) []float64 {
	i := b.after(t.Addr()) - 1
	if i < 0 {
		return nil
	}
	s := b.shadows[i]
	first := int(t.Addr()-s.owner.Addr()) / int(unsafe.Sizeof(float32(0)))
	if first+t.Len() > len(s.exact) {
		return nil
	}
	return s.exact[first : first+t.Len()]
}

// Values is what t holds, before rounding to float32; nil for none.
func (b *Reference) Values(t engine.Tensor) []float64 {
	if t.IsZero() {
		return nil
	}
	x := widen(t.F32())
	for i, e := range b.exact(t) {
		if float32(e) == t.F32()[i] {
			x[i] = e
		}
	}
	return x
}

// set makes x what t holds.
func (b *Reference) set(t engine.Tensor, x []float64) {
	copy(t.F32(), narrow(x))
	copy(b.exact(t), x)
}

// Release implements engine.Backend.
func (b *Reference) Release(t engine.Tensor) {
	i := b.after(t.Addr()) - 1
	if i >= 0 && b.shadows[i].owner.Addr() == t.Addr() {
		b.shadows = slices.Delete(b.shadows, i, i+1)
	}
}

// NewWeight implements engine.Backend.
func (b *Reference) NewWeight(f format.Format, rows, cols int, bytes []byte) (engine.Weight, error) {
	if err := engine.CheckWeight(f, rows, cols, bytes); err != nil {
		return nil, err
	}
	return &refWeight{packed{f: f, cols: cols, bytes: bytes}, rows}, nil
}

type refWeight struct {
	packed
	rows int
}

func (w *refWeight) Format() format.Format { return w.f }
func (w *refWeight) Rows() int             { return w.rows }
func (w *refWeight) Cols() int             { return w.cols }
func (w *refWeight) Bytes() int64          { return int64(len(w.bytes)) }
func (w *refWeight) Free()                 { w.bytes = nil }

// NewKV implements engine.Backend.
func (b *Reference) NewKV(spec engine.KVSpec) (engine.KV, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	n := spec.Pages * engine.PageLen * spec.Heads * spec.HeadDim
	return &refKV{spec, make([]float64, n), make([]float64, n)}, nil
}

// refKV holds positions in the order of pages: [Pages * PageLen][G*D].
type refKV struct {
	spec         engine.KVSpec
	keys, values []float64
}

func (kv *refKV) Spec() engine.KVSpec { return kv.spec }
func (kv *refKV) Free()               { kv.keys, kv.values = nil, nil }

func (kv *refKV) CopyPage(dst, src int) {
	n := engine.PageLen * kv.spec.Heads * kv.spec.HeadDim
	copy(kv.keys[dst*n:(dst+1)*n], kv.keys[src*n:(src+1)*n])
	copy(kv.values[dst*n:(dst+1)*n], kv.values[src*n:(src+1)*n])
}

// at is the part of keys or values that belongs to a position of a sequence.
func (kv *refKV) at(of []float64, pages []int32, pos int) []float64 {
	n := kv.spec.Heads * kv.spec.HeadDim
	slot := int(pages[pos/engine.PageLen])*engine.PageLen + pos%engine.PageLen
	return of[slot*n : (slot+1)*n]
}

// Write implements engine.Backend.
func (b *Reference) Write(dst engine.Tensor, src []float32) {
	copy(dst.F32(), src)
	copy(b.exact(dst), widen(src))
}

// Read implements engine.Backend.
func (b *Reference) Read(dst []float32, src engine.Tensor) error {
	copy(dst, src.F32())
	return nil
}

// ReadInts implements engine.Backend.
func (b *Reference) ReadInts(dst []int32, src engine.Tensor) error {
	copy(dst, src.I32())
	return nil
}

// Sync implements engine.Backend.
func (b *Reference) Sync() error { return nil }

// Close implements engine.Backend.
func (b *Reference) Close() error {
	b.shadows = nil
	return nil
}
