//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

const (
	// alignment of every piece of memory: what cuMemAlloc promises, and a multiple of a
	// cache line.
	alignment = 256
	// granule is what chunks are multiples of. The driver hands out memory in pages of
	// this size anyway.
	granule = 2 << 20
)

// arena cuts memory of the device into pieces. Pieces are handed out and taken back in
// the order of the stream's commands, so that one that was freed can be used again at once.
type arena struct {
	alloc func(bytes int64) (uint64, error)
	free  func(addr uint64) error

	// exact makes every piece a chunk of its own, of just its size: an emulated device
	// then notices a step past its end.
	exact bool

	chunks []*chunk // by address
	sizes  map[uint64]int64
	used   int64 // bytes in pieces
}

// chunk is memory from one cuMemAlloc.
type chunk struct {
	base  uint64
	bytes int64
	holes []hole // by address; no two touch
}

// hole is a part of a chunk that is not in use.
type hole struct {
	at    uint64
	bytes int64
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// get is a piece of memory with any content.
func (a *arena) get(bytes int64) (uint64, error) {
	if bytes <= 0 || bytes > math.MaxInt64/2 {
		return 0, fmt.Errorf("%d bytes of memory", bytes)
	}
	size, chunkSize := bytes, bytes
	if !a.exact {
		size = roundUp(bytes, alignment)
		chunkSize = roundUp(size, granule)
	}
	best, at := a.smallest(size)
	if best == nil {
		base, err := a.alloc(chunkSize)
		if err != nil {
			return 0, err
		}
		best, at = &chunk{base, chunkSize, []hole{{base, chunkSize}}}, 0
		i := a.find(base) + 1
		a.chunks = slices.Insert(a.chunks, i, best)
	}
	h := &best.holes[at]
	addr := h.at
	h.at += uint64(size)
	if h.bytes -= size; h.bytes == 0 {
		best.holes = slices.Delete(best.holes, at, at+1)
	}
	if a.sizes == nil {
		a.sizes = map[uint64]int64{}
	}
	a.sizes[addr] = size
	a.used += size
	return addr, nil
}

// smallest is the smallest hole that is large enough, or no chunk.
func (a *arena) smallest(size int64) (best *chunk, at int) {
	var least int64 = math.MaxInt64
	for _, c := range a.chunks {
		for i, h := range c.holes {
			if h.bytes >= size && h.bytes < least {
				best, at, least = c, i, h.bytes
			}
		}
	}
	return best, at
}

// find is the last chunk that begins at addr or before, -1 if there is none.
func (a *arena) find(addr uint64) int {
	return sort.Search(len(a.chunks), func(i int) bool { return a.chunks[i].base > addr }) - 1
}

// put takes a piece back. known says whether addr was one.
func (a *arena) put(addr uint64) (known bool, err error) {
	size, known := a.sizes[addr]
	if !known {
		return false, nil
	}
	delete(a.sizes, addr)
	a.used -= size
	at := a.find(addr)
	c := a.chunks[at]
	i := sort.Search(len(c.holes), func(i int) bool { return c.holes[i].at > addr })
	c.holes = slices.Insert(c.holes, i, hole{addr, size})
	c.join(i)
	c.join(i - 1)
	if len(c.holes) == 1 && c.holes[0].bytes == c.bytes {
		a.chunks = slices.Delete(a.chunks, at, at+1)
		return true, a.free(c.base)
	}
	return true, nil
}

// join makes holes i and i+1 one if they touch.
func (c *chunk) join(i int) {
	if i < 0 || i+1 >= len(c.holes) || c.holes[i].at+uint64(c.holes[i].bytes) != c.holes[i+1].at {
		return
	}
	c.holes[i].bytes += c.holes[i+1].bytes
	c.holes = slices.Delete(c.holes, i+1, i+2)
}

// owns says whether n bytes from addr on lie in a chunk.
func (a *arena) owns(addr uint64, n int64) bool {
	i := a.find(addr)
	return i >= 0 && n >= 0 && addr-a.chunks[i].base <= uint64(a.chunks[i].bytes) && n <= a.chunks[i].bytes-int64(addr-a.chunks[i].base)
}
