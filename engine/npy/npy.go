// Package npy reads and writes arrays of floats as NumPy's .npy files, format 1.0
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

const magic = "\x93NUMPY"

// WriteHeader begins a file of little-endian float32 in C order; the numbers follow, four
// bytes each.
func WriteHeader(w io.Writer, shape ...int) error {
	dims := make([]string, len(shape))
	for i, n := range shape {
		dims[i] = strconv.Itoa(n)
	}
	if len(dims) == 1 {
		dims = append(dims, "") // Python's tuple of one: (3,)
	}
	text := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", strings.TrimSpace(strings.Join(dims, ", ")))
	// Magic, version, length and text together are a multiple of 64 bytes, as the format asks.
	const before = len(magic) + 2 + 2
	text += strings.Repeat(" ", 63-(before+len(text))%64) + "\n"
	head := append([]byte(magic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(text)))
	_, err := w.Write(append(head, text...))
	return err
}

// Write writes x, in C order of the shape, whose product is len(x).
func Write(w io.Writer, x []float32, shape ...int) error {
	n := 1
	for _, s := range shape {
		n *= s
	}
	if n != len(x) {
		return fmt.Errorf("npy: %d numbers are not %v", len(x), shape)
	}
	if err := WriteHeader(w, shape...); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, x)
}

var header = regexp.MustCompile(`^\{\s*'descr':\s*'<f([48])',\s*'fortran_order':\s*False,\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$`)

// Read reads a little-endian float32 or float64 array in C order.
func Read(data []byte) (x []float64, shape []int, err error) {
	if len(data) < 10 || string(data[:6]) != magic {
		return nil, nil, fmt.Errorf("npy: no .npy file")
	}
	if data[6] != 1 {
		return nil, nil, fmt.Errorf("npy: format %d.%d, want 1.0", data[6], data[7])
	}
	size := int(binary.LittleEndian.Uint16(data[8:]))
	if len(data)-10 < size {
		return nil, nil, fmt.Errorf("npy: the header is cut off")
	}
	m := header.FindSubmatch(bytes.TrimSpace(data[10 : 10+size]))
	if m == nil {
		return nil, nil, fmt.Errorf("npy: header %.80q; want little-endian floats in C order", data[10:10+size])
	}
	n := 1
	for _, s := range strings.Split(string(m[2]), ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		d, err := strconv.Atoi(s)
		if err != nil || d > 0 && n > math.MaxInt32/d {
			return nil, nil, fmt.Errorf("npy: shape (%s)", m[2])
		}
		n *= d
		shape = append(shape, d)
	}
	rest := data[10+size:]
	width := int(m[1][0] - '0')
	if len(rest) != n*width {
		return nil, nil, fmt.Errorf("npy: %d bytes for %d numbers of %d bytes", len(rest), n, width)
	}
	x = make([]float64, n)
	for i := range x {
		if width == 4 {
			x[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:])))
		} else {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(rest[8*i:]))
		}
	}
	return x, shape, nil
}
