package gguf

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

const (
	magic            = "GGUF"
	alignmentKey     = "general.alignment"
	defaultAlignment = 32

	maxKeyBytes  = 1<<16 - 1 // limits of the specification
	maxNameBytes = 64
	maxDims      = 4

	// The least bytes that a key-value pair and a tensor's description take.
	minEntry  = 8 + 1 + 4 + 1
	minTensor = 8 + 1 + 4 + 4 + 8
)

func (f *File) errorf(text string, args ...any) error {
	return fmt.Errorf("%s: "+text, append([]any{f.name}, args...)...)
}

// parse reads the header of one file and checks all that it claims.
func parse(name string, data []byte) (*File, error) {
	f := &File{name: name, alignment: defaultAlignment}
	if err := f.parse(&cursor{data: data}); err != nil {
		return nil, f.errorf("%w", err)
	}
	return f, nil
}

func (f *File) parse(c *cursor) error {
	if err := f.parseVersion(c); err != nil {
		return err
	}
	nTensors, err := c.count("tensors", minTensor)
	if err != nil {
		return err
	}
	nEntries, err := c.count("metadata keys", minEntry)
	if err != nil {
		return err
	}
	if err := f.parseEntries(c, nEntries); err != nil {
		return err
	}
	if err := f.parseAlignment(); err != nil {
		return err
	}
	offsets, err := f.parseTensors(c, nTensors)
	if err != nil {
		return err
	}
	return f.place(c, offsets)
}

func (f *File) parseVersion(c *cursor) error {
	head, err := c.take(8)
	if len(c.data) >= 4 && string(c.data[:4]) != magic {
		return wrongMagic(c.data[:4])
	}
	if err != nil {
		return fmt.Errorf("not a whole GGUF file: %w", err)
	}
	f.version = binary.LittleEndian.Uint32(head[4:])
	switch {
	case f.version == 2 || f.version == 3:
		return nil
	case f.version == 1:
		return errors.New("GGUF version 1 is not supported; convert the model again with a current converter")
	case f.version != 0 && f.version&0xffff == 0:
		return errors.New("a big-endian GGUF file is not supported; convert it with gguf_convert_endian.py of llama.cpp")
	}
	return fmt.Errorf("GGUF version %d is not supported, only 2 and 3", f.version)
}

func wrongMagic(start []byte) error {
	hint := ""
	switch string(start) {
	case "FUGG":
		hint = ": its bytes are in reverse order"
	case "ggml", "lmgg", "ggjt", "tjgg", "ggmf", "fmgg", "ggla", "algg":
		hint = ": a model from before GGUF; convert it again"
	case "PK\x03\x04":
		hint = ": a zip archive or PyTorch checkpoint"
	case "<!DO", "<htm", "<HTM":
		hint = ": a web page; the download went wrong"
	case "vers":
		hint = ": perhaps a Git LFS pointer; fetch the file itself"
	}
	return fmt.Errorf("not a GGUF file: it starts with %q, not %q%s", start, magic, hint)
}

func (f *File) parseEntries(c *cursor, n int) error {
	f.keys = make(map[string]int)
	for i := range n {
		e, err := parseEntry(c)
		if err != nil {
			if e.key != "" {
				return fmt.Errorf("key %s: %w", show(e.key), err)
			}
			return fmt.Errorf("key %d of %d: %w", i, n, err)
		}
		if _, dup := f.keys[e.key]; dup {
			return fmt.Errorf("key %s: appears twice", show(e.key))
		}
		f.keys[e.key] = i
		f.entries = append(f.entries, e)
	}
	return nil
}

// parseEntry returns the key even with an error, if it could be read.
func parseEntry(c *cursor) (e entry, err error) {
	key, err := c.identifier(maxKeyBytes)
	if err != nil {
		return e, err
	}
	e.key = key
	t, err := c.uint32()
	if err != nil {
		return e, err
	}
	e.typ = valueType(t)
	start := c.off
	err = skip(c, e.typ, 0)
	e.data = c.data[start:c.off]
	return e, err
}

func (f *File) parseAlignment() error {
	i, ok := f.keys[alignmentKey]
	if !ok {
		return nil
	}
	e := f.entries[i]
	if e.typ != typeUint32 {
		return fmt.Errorf("key %s: must be a uint32, not %v", alignmentKey, e.typ)
	}
	a := binary.LittleEndian.Uint32(e.data)
	if bits.OnesCount32(a) != 1 {
		return fmt.Errorf("key %s: %d is not a power of two", alignmentKey, a)
	}
	f.alignment = int(a)
	return nil
}

// parseTensors reads the list of tensors and returns their offsets within the
// data section.
func (f *File) parseTensors(c *cursor, n int) ([]uint64, error) {
	f.tensorBy = make(map[string]*Tensor)
	var offsets []uint64
	for i := range n {
		t, offset, err := parseTensor(c)
		if err != nil {
			if t.Name != "" {
				return nil, fmt.Errorf("tensor %s: %w", show(t.Name), err)
			}
			return nil, fmt.Errorf("tensor %d of %d: %w", i, n, err)
		}
		if f.tensorBy[t.Name] != nil {
			return nil, fmt.Errorf("tensor %s: appears twice", show(t.Name))
		}
		f.tensorBy[t.Name] = t
		f.tensors = append(f.tensors, t)
		offsets = append(offsets, offset)
	}
	return offsets, nil
}

// parseTensor returns a tensor with a name even with an error, if that could be read.
func parseTensor(c *cursor) (*Tensor, uint64, error) {
	t := new(Tensor)
	name, err := c.identifier(maxNameBytes)
	if err != nil {
		return t, 0, err
	}
	t.Name = name
	nDims, err := c.uint32()
	if err != nil {
		return t, 0, err
	}
	if nDims > maxDims {
		return t, 0, fmt.Errorf("%d dimensions; at most %d are allowed", nDims, maxDims)
	}
	for range nDims {
		d, err := c.uint64()
		if err != nil {
			return t, 0, err
		}
		t.Dims = append(t.Dims, int64(d)) // a wrapped one is negative, see measure
	}
	if nDims == 0 { // ggml reads it as one number
		t.Dims = []int64{1}
	}
	typ, err := c.uint32()
	if err != nil {
		return t, 0, err
	}
	t.Type = Type(typ)
	offset, err := c.uint64()
	if err != nil {
		return t, 0, err
	}
	return t, offset, t.measure()
}

// measure checks type and dimensions and sets the size in bytes:
// product(Dims) / blockLen * blockBytes.
func (t *Tensor) measure() error {
	if err := t.Type.check(); err != nil {
		return err
	}
	p := packings[t.Type]
	// Dimensions of zero count as one here, so that Rows cannot overflow either.
	numbers, empty := int64(1), false
	for _, d := range t.Dims {
		hi, lo := bits.Mul64(uint64(numbers), uint64(max(d, 1)))
		if d < 0 || hi != 0 || lo > math.MaxInt64 {
			return fmt.Errorf("dimensions %v are too large", formatDims(t.Dims))
		}
		numbers, empty = int64(lo), empty || d == 0
	}
	if t.Dims[0]%p.blockLen != 0 {
		return fmt.Errorf("rows of %d numbers cannot be packed as %v, whose blocks hold %d", t.Dims[0], t.Type, p.blockLen)
	}
	hi, size := bits.Mul64(uint64(numbers/p.blockLen), uint64(p.blockBytes))
	if hi != 0 || size > math.MaxInt64 {
		return fmt.Errorf("dimensions %v are too large for %v", formatDims(t.Dims), t.Type)
	}
	if empty {
		size = 0
	}
	t.size = int64(size)
	return nil
}

func formatDims(dims []int64) []uint64 {
	unsigned := make([]uint64, len(dims))
	for i, d := range dims {
		unsigned[i] = uint64(d)
	}
	return unsigned
}

// place gives every tensor its bytes: within the file, aligned, none shared.
func (f *File) place(c *cursor, offsets []uint64) error {
	align := uint64(f.alignment)
	start := (uint64(c.off) + align - 1) &^ (align - 1)
	// Without a single byte of tensors the header need not be padded.
	section := c.data[min(start, uint64(len(c.data))):]
	last := uint64(0) // where the data of all tensors end
	for i, t := range f.tensors {
		if offsets[i]%align != 0 {
			return fmt.Errorf("tensor %s: offset %d is not a multiple of the alignment %d", show(t.Name), offsets[i], align)
		}
		end, carry := bits.Add64(offsets[i], uint64(t.size), 0)
		if carry != 0 || end > math.MaxInt64 {
			return fmt.Errorf("tensor %s: offset %d is past the end of the file", show(t.Name), offsets[i])
		}
		if t.size == 0 {
			continue
		}
		if end += start; end > uint64(len(c.data)) {
			return fmt.Errorf("tensor %s: %d bytes past the end of the file; is it complete?", show(t.Name), end-uint64(len(c.data)))
		}
		t.data = section[offsets[i]:][:t.size:t.size]
		last = max(last, end)
	}
	// Some writers leave out the padding after the last tensor. None writes half
	// of it, so a file that ends there was cut.
	padded := (last + align - 1) &^ (align - 1)
	if n := uint64(len(c.data)); n > last && n < padded {
		return fmt.Errorf("the file ends %d bytes short, in the padding after the last tensor; is it complete?", padded-n)
	}
	return f.checkOverlap(offsets)
}

func (f *File) checkOverlap(offsets []uint64) error {
	order := make([]int, 0, len(offsets))
	for i, t := range f.tensors {
		if t.size > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(offsets[a], offsets[b]) })
	for i := 1; i < len(order); i++ {
		a, b := order[i-1], order[i]
		if offsets[a]+uint64(f.tensors[a].size) > offsets[b] {
			return fmt.Errorf("tensor %s: overlaps tensor %s", show(f.tensors[b].Name), show(f.tensors[a].Name))
		}
	}
	return nil
}
