// Package safetensors reads the weight files of Hugging Face models.
//
// The format is described at https://github.com/huggingface/safetensors: eight
// bytes with the length of a header, the header in JSON (name, dtype, shape and
// byte range of each tensor), then the tensors' bytes without a gap.
//
// Files are memory-mapped: opening one reads its header only, and a tensor's
// bytes are a view of the mapping. Files come from strangers, so the rules of the
// reference implementation are all checked when a file is opened: no duplicate
// names, no gap, no overlap, no byte unused, shapes that agree with byte ranges.
package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/potion-engine/potion/engine/internal/mapfile"
)

// maxHeader is the longest header that the reference implementation reads.
const maxHeader = 100_000_000

// File is an open safetensors file. It may be read from several goroutines at once.
type File struct {
	name     string
	metadata map[string]string
	tensors  []*Tensor
	byName   map[string]*Tensor
	mapped   *mapfile.File // nil for OpenBytes
}

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	Dtype string  // as the file says it: "F32", "BF16", ...
	Shape []int64 // in row-major order, the last axis innermost; empty for a scalar

	begin, end int64 // byte range within the data section
	data       []byte
}

// Bytes is the tensor's data, little-endian: a view of the file, not a copy, and
// read-only. It may start at any address, aligned or not. It is nil after Close.
func (t *Tensor) Bytes() []byte { return t.data }

// dtypeBits is the size of one number of each dtype.
var dtypeBits = map[string]uint64{
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
	"BOOL": 8, "U8": 8, "I8": 8,
	"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"U16": 16, "I16": 16, "F16": 16, "BF16": 16,
	"U32": 32, "I32": 32, "F32": 32,
	"U64": 64, "I64": 64, "F64": 64, "C64": 64,
}

// Open maps the file at path and checks its header.
func Open(path string) (*File, error) {
	m, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := OpenBytes(path, m.Bytes())
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	f.mapped = m
	return f, nil
}

// OpenBytes reads a file that is already in memory; name stands for it in errors.
// The data must not change while the File is in use.
func OpenBytes(name string, data []byte) (*File, error) {
	f := &File{name: name}
	if err := f.parse(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Close unmaps the file. The File is empty from then on, and slices that Bytes
// returned must not be touched any more.
func (f *File) Close() error {
	for _, t := range f.tensors {
		t.data = nil
	}
	f.tensors, f.byName = nil, nil
	if f.mapped == nil {
		return nil
	}
	return f.mapped.Close()
}

// Name is the path or name that the file was opened by.
func (f *File) Name() string { return f.name }

// Metadata is the free text of the header ("__metadata__"), often {"format": "pt"}.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Tensors lists the tensors in the order of their data.
func (f *File) Tensors() []*Tensor { return slices.Clone(f.tensors) }

// Tensor finds a tensor by its name; nil if there is none.
func (f *File) Tensor(name string) *Tensor { return f.byName[name] }

func (f *File) parse(data []byte) error {
	if len(data) < 8 {
		return fmt.Errorf("not a safetensors file: %d bytes are too few", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	switch {
	case n > maxHeader:
		return fmt.Errorf("not a safetensors file: a header of %d bytes is over the limit of %d", n, maxHeader)
	case n > uint64(len(data)-8):
		return fmt.Errorf("the header of %d bytes is longer than the file", n)
	}
	if err := f.parseHeader(data[8 : 8+n]); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return f.place(data[8+n:])
}

// place gives every tensor its bytes. The tensors must fill the section exactly.
func (f *File) place(section []byte) error {
	for _, t := range f.tensors {
		if t.end > int64(len(section)) {
			return fmt.Errorf("tensor %s: %d bytes past the end of the file; is it complete?", show(t.Name), t.end-int64(len(section)))
		}
		if err := t.checkSize(); err != nil {
			return fmt.Errorf("tensor %s: %w", show(t.Name), err)
		}
	}
	slices.SortStableFunc(f.tensors, func(a, b *Tensor) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	for _, t := range f.tensors {
		switch {
		case t.begin > at:
			return fmt.Errorf("tensor %s: bytes %d to %d before it belong to no tensor", show(t.Name), at, t.begin)
		case t.begin < at:
			return fmt.Errorf("tensor %s: its bytes %d to %d overlap those of another tensor", show(t.Name), t.begin, t.end)
		}
		t.data = section[t.begin:t.end:t.end]
		at = t.end
	}
	if at != int64(len(section)) {
		return fmt.Errorf("the last %d bytes belong to no tensor", int64(len(section))-at)
	}
	return nil
}

// checkSize compares the byte range with product(Shape) * bits of the dtype / 8.
func (t *Tensor) checkSize() error {
	size, ok := dtypeBits[t.Dtype]
	if !ok {
		return fmt.Errorf("unknown dtype %s", show(t.Dtype))
	}
	empty := false
	for _, d := range t.Shape {
		hi, lo := bits.Mul64(size, uint64(max(d, 1)))
		if hi != 0 || lo > math.MaxInt64 {
			return fmt.Errorf("shape %v is too large for %s", t.Shape, t.Dtype)
		}
		size, empty = lo, empty || d == 0
	}
	if empty {
		size = 0
	}
	if size%8 != 0 {
		return fmt.Errorf("shape %v of %s does not fill whole bytes", t.Shape, t.Dtype)
	}
	if int64(size/8) != t.end-t.begin {
		return fmt.Errorf("shape %v of %s takes %d bytes, but data_offsets give it %d", t.Shape, t.Dtype, size/8, t.end-t.begin)
	}
	return nil
}
