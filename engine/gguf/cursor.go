package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cursor reads little-endian fields one after the other. Every size that a file
// claims is compared with the bytes that are left before anything is done with it.
type cursor struct {
	data []byte
	off  int
}

func (c *cursor) left() uint64 { return uint64(len(c.data) - c.off) }

func (c *cursor) take(n uint64) ([]byte, error) {
	if n > c.left() {
		return nil, fmt.Errorf("the file ends too early: %d bytes wanted at offset %d, %d are left", n, c.off, c.left())
	}
	data := c.data[c.off : c.off+int(n)]
	c.off += int(n)
	return data, nil
}

func (c *cursor) uint32() (uint32, error) {
	data, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(data), nil
}

func (c *cursor) uint64() (uint64, error) {
	data, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(data), nil
}

// count reads how many things follow, each of which takes at least size bytes.
func (c *cursor) count(what string, size int) (int, error) {
	n, err := c.uint64()
	if err != nil {
		return 0, fmt.Errorf("number of %s: %w", what, err)
	}
	if n > c.left()/uint64(size) {
		return 0, fmt.Errorf("%d %s at offset %d cannot fit in the %d bytes that are left", n, what, c.off, c.left())
	}
	return int(n), nil
}

// skipString moves past a string without looking at its text.
func (c *cursor) skipString() error {
	n, err := c.uint64()
	if err != nil {
		return err
	}
	if n > c.left() {
		return fmt.Errorf("a string of %d bytes at offset %d runs past the end of the file, %d are left", n, c.off, c.left())
	}
	c.off += int(n)
	return nil
}

// identifier reads the name of a key or a tensor.
func (c *cursor) identifier(limit int) (string, error) {
	start := c.off + 8
	if err := c.skipString(); err != nil {
		return "", err
	}
	if c.off-start > limit {
		return "", fmt.Errorf("the name at offset %d has %d bytes; at most %d are allowed", start, c.off-start, limit)
	}
	name := string(c.data[start:c.off])
	return name, checkIdentifier(name)
}

func checkIdentifier(name string) error {
	if name == "" {
		return errors.New("the name is empty")
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("the name %s is not UTF-8", show(name))
	}
	return nil
}

// arrayHead reads the element type and the number of elements of an array.
func (c *cursor) arrayHead() (valueType, int, error) {
	v, err := c.uint32()
	if err != nil {
		return 0, 0, err
	}
	t := valueType(v)
	if t >= valueTypes {
		return 0, 0, fmt.Errorf("unknown type %d of array elements", v)
	}
	n, err := c.count(t.String()+" elements", codecs[t].size)
	return t, n, err
}

// show makes a name from a file fit for an error message: short, on one line and
// without control characters.
func show(name string) string {
	const limit = 80
	plain := func(r rune) bool { return r != utf8.RuneError && unicode.IsGraphic(r) && !unicode.IsSpace(r) }
	if len(name) <= limit && name != "" && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	if len(name) > limit {
		return strconv.Quote(name[:limit]) + "..."
	}
	return strconv.Quote(name)
}
