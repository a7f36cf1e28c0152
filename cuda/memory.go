//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
)

// NewTensor gives a zeroed tensor in the device's memory, with the backend as its
// gorgonia engine. It fails with a *MemoryError if the memory does not suffice.
func (b *Backend) NewTensor(dt tensor.Dtype, shape ...int) (engine.Tensor, error) {
	if dt != engine.Float32 && dt != engine.Int32 {
		return engine.Tensor{}, fmt.Errorf("cuda: a tensor of %v: want float32 or int32", dt)
	}
	if len(shape) != 1 && len(shape) != 2 {
		return engine.Tensor{}, fmt.Errorf("cuda: a tensor of shape %v: want one or two dimensions", shape)
	}
	n := 1
	for _, s := range shape {
		if s <= 0 || n > math.MaxInt/8/s {
			return engine.Tensor{}, fmt.Errorf("cuda: a tensor of shape %v: every dimension must be positive and the whole fit in memory", shape)
		}
		n *= s
	}
	addr, err := b.zeros(4 * int64(n))
	if err != nil {
		return engine.Tensor{}, fmt.Errorf("a tensor of shape %v: %w", shape, err)
	}
	return engine.Wrap(tensor.New(tensor.Of(dt), tensor.WithShape(shape...), tensor.WithEngine(b), tensor.FromMemory(uintptr(addr), uintptr(4*n))))
}

// zeros is memory of n bytes that the stream will have set to zero.
func (b *Backend) zeros(n int64) (uint64, error) {
	addr, err := b.memory(n)
	if err != nil {
		return 0, err
	}
	b.set(addr, n, 0)
	return addr, nil
}

// set queues the filling of n bytes with a word.
func (b *Backend) set(addr uint64, n int64, word uint32) {
	if b.queue.closed {
		return
	}
	c := b.queue.next(fill)
	c.dst, c.bytes, c.value = addr, n, word
}

// copy queues a copy of n bytes within the device.
func (b *Backend) copy(dst, src uint64, n int64) {
	if b.queue.closed {
		return
	}
	c := b.queue.next(copying)
	c.dst, c.src, c.bytes = dst, src, n
}

// memory is n bytes with any content.
func (b *Backend) memory(n int64) (uint64, error) {
	if b.queue.closed {
		return 0, errClosed
	}
	return b.arena.get(n)
}

// discard gives memory back. A failure comes out of the next Sync or Read.
func (b *Backend) discard(op string, addr uint64) {
	if b.queue.closed {
		return
	}
	known, err := b.arena.put(addr)
	if !known {
		wrong(op, "%#x is no memory of this backend, or was given back before", addr)
	}
	if err != nil && !b.queue.device.lost {
		b.fail(err)
	}
}

// Release gives the memory of a tensor from NewTensor back.
func (b *Backend) Release(t engine.Tensor) {
	if !t.IsZero() {
		b.discard("Release", address("Release", "the tensor", t))
	}
}

// Write copies src to dst.
func (b *Backend) Write(dst engine.Tensor, src []float32) {
	if dst.IsZero() || dst.Dtype() != engine.Float32 {
		wrong("Write", "dst holds no float32")
	}
	if len(src) != dst.Len() {
		wrong("Write", "%d numbers to a tensor of %d", len(src), dst.Len())
	}
	if b.queue.closed {
		return
	}
	if err := b.upload(address("Write", "dst", dst), bytesOf(src)); err != nil {
		b.fail(err)
	}
}

// Read waits for the operations queued so far and copies src to dst.
func (b *Backend) Read(dst []float32, src engine.Tensor) error {
	if src.IsZero() || src.Dtype() != engine.Float32 {
		wrong("Read", "src holds no float32")
	}
	if len(dst) != src.Len() {
		wrong("Read", "%d numbers from a tensor of %d", len(dst), src.Len())
	}
	return b.read(bytesOf(dst), address("Read", "src", src))
}

// ReadInts is Read for int32.
func (b *Backend) ReadInts(dst []int32, src engine.Tensor) error {
	if src.IsZero() || src.Dtype() != engine.Int32 {
		wrong("ReadInts", "src holds no int32")
	}
	if len(dst) != src.Len() {
		wrong("ReadInts", "%d numbers from a tensor of %d", len(dst), src.Len())
	}
	return b.read(bytesOf(dst), address("ReadInts", "src", src))
}

// buffer is memory that grows and is kept between operations.
type buffer struct {
	addr  uint64
	bytes int64
}

// reserve makes a buffer n bytes long at least. Its content is lost when it grows.
func (b *Backend) reserve(buf *buffer, n int64) error {
	if buf.bytes >= n {
		return nil
	}
	if buf.bytes > 0 {
		b.discard("reserve", buf.addr)
		*buf = buffer{}
	}
	n = max(n, 64<<10)
	addr, err := b.memory(n)
	if err != nil {
		return err
	}
	*buf = buffer{addr, n}
	return nil
}
