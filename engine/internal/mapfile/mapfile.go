// Package mapfile maps whole files into memory, read-only, so that weights are
// paged in by the operating system and shared between processes.
package mapfile

import (
	"fmt"
	"math"
	"os"

	"github.com/edsrzf/mmap-go"
)

// File is a mapped file. Bytes is valid until Close.
type File struct {
	data mmap.MMap
}

// Open maps the regular file at path. Anything else (a directory, a pipe, a
// device) is refused before it is opened, because opening a pipe can block.
//
// The mapping follows the file: whoever truncates the file while it is mapped
// makes later reads fault, so files must be replaced by renaming, never rewritten.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s: is a directory, not a file", path)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a regular file (%v)", path, info.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping outlives the descriptor

	// The size is asked again of the open file: the path may have been replaced.
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: is not a regular file (%v)", path, info.Mode().Type())
	case info.Size() == 0:
		return &File{}, nil // an empty mapping is an error on every system
	case info.Size() > math.MaxInt:
		return nil, fmt.Errorf("%s: %d bytes cannot be mapped on a 32-bit system", path, info.Size())
	}
	data, err := mmap.MapRegion(f, int(info.Size()), mmap.RDONLY, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be mapped into memory: %w", path, err)
	}
	return &File{data: data}, nil
}

// Bytes is the content of the file. Writing to it faults.
func (f *File) Bytes() []byte { return f.data }

// Close unmaps the file; every slice of Bytes is invalid from then on. A second
// Close does nothing.
func (f *File) Close() error {
	if f.data == nil {
		return nil
	}
	return f.data.Unmap()
}
