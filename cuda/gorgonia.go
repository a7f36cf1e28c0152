//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// The methods of a gorgonia engine. A gorgonia tensor made with tensor.WithEngine(backend)
// lies in the device's memory, which gorgonia's own code cannot see; engine.Wrap with Write
// and Read move its numbers. Of gorgonia's operations MatMul is there; of the others
// gorgonia says that the engine does not support them.

// AllocAccessible says that the CPU cannot reach the backend's memory.
func (b *Backend) AllocAccessible() bool { return false }

// Alloc is zeroed memory of the device. Free gives it back: the garbage collector does not.
func (b *Backend) Alloc(size int64) (tensor.Memory, error) {
	addr, err := b.zeros(size)
	if err != nil {
		return nil, fmt.Errorf("cuda: %d bytes for a gorgonia tensor: %w", size, err)
	}
	return deviceMemory{addr: uintptr(addr), size: uintptr(size)}, nil
}

// Free gives memory from Alloc back.
func (b *Backend) Free(mem tensor.Memory, _ int64) error {
	if b.queue.closed {
		return nil
	}
	known, err := b.arena.put(uint64(mem.Uintptr()))
	if !known {
		return fmt.Errorf("cuda: %#x is no memory of this backend, or was given back before", mem.Uintptr())
	}
	return err
}

// Memset sets all numbers of memory to val, a float32 or int32.
func (b *Backend) Memset(mem tensor.Memory, val any) error {
	var word uint32
	switch v := val.(type) {
	case float32:
		word = math.Float32bits(v)
	case int32:
		word = uint32(v)
	default:
		return fmt.Errorf("cuda: Memset to a %T: want float32 or int32", val)
	}
	n := int64(mem.MemSize())
	if n%4 != 0 || !b.arena.owns(uint64(mem.Uintptr()), n) {
		return fmt.Errorf("cuda: Memset of %d bytes: want whole numbers in memory of this backend", n)
	}
	b.set(uint64(mem.Uintptr()), n, word)
	return nil
}

// Memclr sets memory to zeros.
func (b *Backend) Memclr(mem tensor.Memory) {
	b.set(uint64(mem.Uintptr()), int64(mem.MemSize()), 0)
}

// Memcpy copies within the device.
func (b *Backend) Memcpy(dst, src tensor.Memory) error {
	n := int64(src.MemSize())
	if int64(dst.MemSize()) < n || !b.arena.owns(uint64(dst.Uintptr()), n) || !b.arena.owns(uint64(src.Uintptr()), n) {
		return fmt.Errorf("cuda: Memcpy of %d bytes: both sides must be memory of this backend and as long", n)
	}
	b.copy(uint64(dst.Uintptr()), uint64(src.Uintptr()), n)
	return nil
}

// Accessible refuses: the CPU cannot reach the memory.
func (b *Backend) Accessible(mem tensor.Memory) (tensor.Memory, error) {
	return nil, errors.New("cuda: the CPU cannot reach a device's memory; use engine.Wrap and Read")
}

// WorksWith says that the kernels take row-major matrices.
func (b *Backend) WorksWith(order tensor.DataOrder) bool { return order.IsRowMajor() }

// deviceMemory is a piece of memory as gorgonia sees it.
type deviceMemory struct{ addr, size uintptr }

func (m deviceMemory) Uintptr() uintptr { return m.addr }
func (m deviceMemory) MemSize() uintptr { return m.size }

// MatMul is gorgonia's prealloc = a . b, with a [M,K], b [K,N], all of them contiguous
// row-major float32 matrices made with this engine. b is brought to the layout of a weight
// on the host: for a matrix that is used again, NewWeight and Linear do that once.
func (b *Backend) MatMul(a, bt, prealloc tensor.Tensor) error {
	x, err := b.matrix("a", a)
	if err != nil {
		return err
	}
	w, err := b.matrix("b", bt)
	if err != nil {
		return err
	}
	y, err := b.matrix("the result", prealloc)
	if err != nil {
		return err
	}
	k, n := w.Rows(), w.Cols()
	if x.Cols() != k || y.Rows() != x.Rows() || y.Cols() != n {
		return fmt.Errorf("cuda: MatMul of [%d %d] and [%d %d] to [%d %d]", x.Rows(), x.Cols(), k, n, y.Rows(), y.Cols())
	}
	rows := make([]float32, k*n)
	if err := b.Read(rows, w); err != nil {
		return err
	}
	cols := make([]float32, k*n)
	for i := range k {
		for j := range n {
			cols[j*k+i] = rows[i*n+j]
		}
	}
	weight, err := b.NewWeight(format.F32, n, k, bytesOf(cols))
	if err != nil {
		return err
	}
	defer weight.Free()
	b.Linear(y, x, weight, engine.Tensor{})
	return b.Sync()
}

// matrix is a gorgonia tensor as the engine's, if it is one that MatMul takes.
func (b *Backend) matrix(name string, t tensor.Tensor) (engine.Tensor, error) {
	d, ok := t.(*tensor.Dense)
	if !ok || d.Dtype() != tensor.Float32 || d.Dims() != 2 {
		return engine.Tensor{}, fmt.Errorf("cuda: MatMul: %s is no dense matrix of float32", name)
	}
	if s := d.Strides(); s[0] != d.Shape()[1] || s[1] != 1 {
		return engine.Tensor{}, fmt.Errorf("cuda: MatMul: %s is transposed, column-major or a part of a greater matrix", name)
	}
	if !b.arena.owns(uint64(d.Uintptr()), int64(d.MemSize())) {
		return engine.Tensor{}, fmt.Errorf("cuda: MatMul: %s does not lie in this backend's memory", name)
	}
	return engine.Wrap(d)
}
