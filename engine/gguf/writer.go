package gguf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Writer writes a GGUF file of version 3: first Set every key and Add every
// tensor, then Write the file. Only the header is held in memory.
type Writer struct {
	out       io.Writer
	file      *pendingFile // nil if the caller owns out
	alignment int
	keys      map[string]bool
	entries   bytes.Buffer
	tensors   []*Tensor
	tensorBy  map[string]bool
	done      bool
}

// NewWriter makes a Writer that writes to out, which the caller closes.
func NewWriter(out io.Writer) *Writer {
	return &Writer{out: out, alignment: defaultAlignment, keys: map[string]bool{}, tensorBy: map[string]bool{}}
}

// Create makes a Writer for a file at path. The file appears there, replacing an
// older one, when Write succeeds; until then a temporary file stands in the same
// folder, which Close removes.
func Create(path string) (*Writer, error) {
	file, err := createPending(path)
	if err != nil {
		return nil, err
	}
	w := NewWriter(file)
	w.file = file
	return w, nil
}

// Close gives up a file whose Write did not succeed: nothing is left of it. After
// a successful Write it does nothing, so it can be deferred.
func (w *Writer) Close() error {
	w.done = true
	if w.file == nil {
		return nil
	}
	return w.file.discard()
}

// Set adds a key. The value is of one of the types that Get returns; int and
// other types are errors, because the file must say a width. The key
// general.alignment (a uint32) takes effect for the whole file; without it tensors
// are aligned to 32 bytes.
func (w *Writer) Set(key string, value any) error {
	if err := w.set(key, value); err != nil {
		return fmt.Errorf("key %s: %w", show(key), err)
	}
	return nil
}

func (w *Writer) set(key string, value any) error {
	t := typeOfValue(value)
	switch {
	case w.done:
		return errors.New("set after the file was written or closed")
	case w.keys[key]:
		return errors.New("is set twice")
	case len(key) > maxKeyBytes:
		return fmt.Errorf("has %d bytes; at most %d are allowed", len(key), maxKeyBytes)
	}
	if err := checkIdentifier(key); err != nil {
		return err
	}
	encoded, err := appendValue(nil, t, value, 0)
	if err != nil {
		return err
	}
	if key == alignmentKey {
		a, ok := value.(uint32)
		if !ok || bits.OnesCount32(a) != 1 {
			return fmt.Errorf("must be a uint32 and a power of two, not %v (%T)", value, value)
		}
		w.alignment = int(a)
	}
	w.keys[key] = true
	w.entries.Write(appendString(nil, key))
	w.entries.Write(binary.LittleEndian.AppendUint32(nil, uint32(t)))
	w.entries.Write(encoded)
	return nil
}

// Add declares the next tensor. dims are in ggml's order, dims[0] the length of a
// row. llama.cpp reads names of at most 63 bytes.
func (w *Writer) Add(name string, typ Type, dims ...int64) error {
	if err := w.add(name, typ, dims); err != nil {
		return fmt.Errorf("tensor %s: %w", show(name), err)
	}
	return nil
}

func (w *Writer) add(name string, typ Type, dims []int64) error {
	switch {
	case w.done:
		return errors.New("added after the file was written or closed")
	case w.tensorBy[name]:
		return errors.New("is added twice")
	case len(name) >= maxNameBytes:
		return fmt.Errorf("the name has %d bytes; llama.cpp reads at most %d", len(name), maxNameBytes-1)
	case len(dims) < 1 || len(dims) > maxDims:
		return fmt.Errorf("%d dimensions; there must be one to %d", len(dims), maxDims)
	}
	if err := checkIdentifier(name); err != nil {
		return err
	}
	t := &Tensor{Name: name, Type: typ, Dims: append([]int64(nil), dims...)}
	if err := t.measure(); err != nil {
		return err
	}
	w.tensorBy[name] = true
	w.tensors = append(w.tensors, t)
	return nil
}

// Write writes the whole file. It calls fill once for each tensor, in the order
// of Add; fill writes exactly t.Size() bytes to dst, in pieces of any size. A file
// of Create is complete at its path when Write returns nil, and is removed when it
// returns an error. Write can be called once.
func (w *Writer) Write(fill func(t *Tensor, dst io.Writer) error) error {
	if w.done {
		return errors.New("the file was written or closed already")
	}
	w.done = true
	buffered := bufio.NewWriterSize(w.out, 1<<20)
	err := w.write(&counter{w: buffered}, fill)
	if err == nil {
		err = buffered.Flush()
	}
	if w.file == nil {
		return err
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", w.file.path, err), w.file.discard())
	}
	return w.file.commit()
}

func (w *Writer) write(out *counter, fill func(t *Tensor, dst io.Writer) error) error {
	header, err := w.header()
	if err != nil {
		return err
	}
	if _, err := out.Write(header); err != nil {
		return err
	}
	for _, t := range w.tensors {
		if err := w.pad(out); err != nil {
			return err
		}
		dst := &exact{out: out, left: t.size}
		if err := fill(t, dst); err != nil {
			return fmt.Errorf("tensor %s: %w", show(t.Name), err)
		}
		if dst.left != 0 {
			return fmt.Errorf("tensor %s: %d of its %d bytes were not written", show(t.Name), dst.left, t.size)
		}
	}
	return w.pad(out)
}

// header is everything before the padding of the data section.
func (w *Writer) header() ([]byte, error) {
	le := binary.LittleEndian
	h := append([]byte(magic), 3, 0, 0, 0)
	h = le.AppendUint64(h, uint64(len(w.tensors)))
	h = le.AppendUint64(h, uint64(len(w.keys)))
	h = append(h, w.entries.Bytes()...)
	offset, align := uint64(0), uint64(w.alignment)
	for _, t := range w.tensors {
		h = appendString(h, t.Name)
		h = le.AppendUint32(h, uint32(len(t.Dims)))
		for _, d := range t.Dims {
			h = le.AppendUint64(h, uint64(d))
		}
		h = le.AppendUint32(h, uint32(t.Type))
		h = le.AppendUint64(h, offset)
		offset = (offset + uint64(t.size) + align - 1) &^ (align - 1)
		if offset > 1<<62 {
			return nil, errors.New("the tensors are larger than any file can be")
		}
	}
	return h, nil
}

func (w *Writer) pad(out *counter) error {
	align := int64(w.alignment)
	_, err := io.CopyN(out, zeros{}, (align-out.n%align)%align)
	return err
}

// zeros reads as an endless row of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// counter counts the bytes that passed through.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// exact refuses bytes beyond the size of a tensor.
type exact struct {
	out  io.Writer
	left int64
}

func (e *exact) Write(p []byte) (int, error) {
	if int64(len(p)) > e.left {
		return 0, fmt.Errorf("%d bytes too many", int64(len(p))-e.left)
	}
	n, err := e.out.Write(p)
	e.left -= int64(n)
	return n, err
}
