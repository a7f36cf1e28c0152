// Package gguf reads and writes GGUF, the file format of llama.cpp's models.
//
// The format is described at
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: a header of typed
// key-value pairs, a list of tensors (name, dimensions, type, offset), then the
// tensors' bytes, each aligned to general.alignment. Versions 2 and 3,
// little-endian, are read; version 3 is written.
//
// Files are memory-mapped: opening one reads its header only, and a tensor's
// bytes are a view of the mapping. Files come from strangers, so everything that
// a header claims is checked when the file is opened, nothing is allocated for a
// claim that the file's size does not bear out, and whatever Open accepts can be
// read without further errors.
package gguf

import (
	"errors"
	"slices"

	"github.com/potion-engine/potion/engine/internal/mapfile"
)

// File is an open GGUF file, or all parts of a split one. It may be read from
// several goroutines at once.
type File struct {
	name      string
	version   uint32
	alignment int
	entries   []entry
	keys      map[string]int
	tensors   []*Tensor
	tensorBy  map[string]*Tensor
	mapped    []*mapfile.File
}

// entry is one key-value pair; data is the encoded value, already checked.
type entry struct {
	key  string
	typ  valueType
	data []byte
}

// Tensor is one tensor of a file.
type Tensor struct {
	Name string
	Type Type
	// Dims counts the numbers along each axis in ggml's order: Dims[0] is the
	// innermost, the length of a row. There are one to four.
	Dims []int64

	size int64
	data []byte
}

// Open maps the file at path. If the file says that it is one part of a split
// model (key split.count), all parts name-00001-of-0000N.gguf beside it are opened
// and their tensors are listed together; the keys are those of the first part.
func Open(path string) (*File, error) {
	f, err := openPart(path)
	if err != nil {
		return nil, err
	}
	split, err := f.split()
	if err == nil && split.count > 1 {
		return openSplit(path, f, split)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// OpenBytes reads a file that is already in memory, such as an embedded one; name
// stands for it in errors. The data must not change while the File is in use. A
// part of a split model is an error.
func OpenBytes(name string, data []byte) (*File, error) {
	f, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	split, err := f.split()
	if err != nil {
		return nil, err
	}
	if split.count > 1 {
		return nil, f.errorf("part %d of %d: a split model must be opened by its path", split.no+1, split.count)
	}
	return f, nil
}

func openPart(path string) (*File, error) {
	m, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := parse(path, m.Bytes())
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	f.mapped = []*mapfile.File{m}
	return f, nil
}

// Close unmaps the file. The File is empty from then on, and slices that Bytes
// returned must not be touched any more. Values of Get stay valid.
func (f *File) Close() error {
	for _, t := range f.tensors {
		t.data = nil
	}
	f.entries, f.keys, f.tensors, f.tensorBy = nil, nil, nil, nil
	var errs []error
	for _, m := range f.mapped {
		errs = append(errs, m.Close())
	}
	f.mapped = nil
	return errors.Join(errs...)
}

// Name is the path or name that the file was opened by; of a split model, the
// path of its first part.
func (f *File) Name() string { return f.name }

// Version is the version of the format, 2 or 3.
func (f *File) Version() uint32 { return f.version }

// Alignment is the multiple of bytes at which each tensor starts (usually 32; a
// power of two; it may be as small as 1).
func (f *File) Alignment() int { return f.alignment }

// Keys lists the metadata keys in the order of the file.
func (f *File) Keys() []string {
	keys := make([]string, len(f.entries))
	for i, e := range f.entries {
		keys[i] = e.key
	}
	return keys
}

// Tensors lists the tensors in the order of the file, or of its parts.
func (f *File) Tensors() []*Tensor { return slices.Clone(f.tensors) }

// Tensor finds a tensor by its name; nil if there is none.
func (f *File) Tensor(name string) *Tensor { return f.tensorBy[name] }

// Bytes is the packed data: a view of the file, not a copy, and read-only. It
// starts at a multiple of Alignment in the file. It is nil after Close.
func (t *Tensor) Bytes() []byte { return t.data }

// Size is the number of bytes of the packed data.
func (t *Tensor) Size() int64 { return t.size }

// Cols is the length of a row, Dims[0].
func (t *Tensor) Cols() int { return int(t.Dims[0]) }

// Rows is the number of rows, the product of all dimensions but the first.
func (t *Tensor) Rows() int {
	rows := 1
	for _, d := range t.Dims[1:] {
		rows *= int(d)
	}
	return rows
}
