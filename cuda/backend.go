//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"math"

	"gorgonia.org/cu"
	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/engine"
)

// Backend computes on one device. It is an engine.Backend, used from one goroutine at a
// time, and a gorgonia engine: see MatMul.
//
// After Close operations do nothing, and what returns an error returns one.
type Backend struct {
	queue queue
	info  engine.Info
	limits
	modules  *modules
	arena    arena
	staging  staging
	step     deviceStep
	sampler  sampler
	lists    buffer // Gather's rows, Attend's rows of weights
	products products
	int8     bool   // activations are rounded for quantised weights
	counters buffer // zeros, see zeroCounters
	parts    buffer // results of parts of Attend and TopK, before they are merged
	ops      operations
	launches uint64

	arguments arguments // of the launch that is being put together
}

var (
	_ engine.Backend  = (*Backend)(nil)
	_ tensor.Engine   = (*Backend)(nil)
	_ tensor.MatMuler = (*Backend)(nil)
)

// limits are what the backend needs to know of a device beside its Info.
type limits struct {
	compute   int // compute capability: 90 for 9.0
	maxShared int // bytes of shared memory that a block may opt in to
}

func newBackend(d *device, info engine.Info, l limits) *Backend {
	b := &Backend{
		queue: queue{device: d, batch: <-d.empty},
		info:  info, limits: l,
		modules: newModules(),
	}
	b.arena = arena{alloc: b.cuAlloc, free: b.cuFree, exact: info.Kind == "emulated"}
	b.ops = b.findOperations()
	return b
}

// Info describes the device. Its free memory is asked for now.
func (b *Backend) Info() engine.Info {
	i := b.info
	b.queue.do(func() (err error) {
		i.Free, _, err = cu.MemInfo()
		return err
	})
	return i
}

// Launches is how many kernels were queued so far.
func (b *Backend) Launches() uint64 { return b.launches }

// Sync waits for the operations queued so far and returns the first failure.
func (b *Backend) Sync() error {
	err := b.queue.sync()
	b.staging.settled()
	return err
}

// Close gives everything back that the backend has on the device. It returns a failure
// that no Sync or Read has told.
func (b *Backend) Close() error {
	if b.queue.closed {
		return nil
	}
	b.queue.do(b.staging.free)
	return b.queue.close()
}

// wrong panics in the form of package engine's checks.
func wrong(op, form string, args ...any) {
	panic("engine: " + op + ": " + fmt.Sprintf(form, args...))
}

// address is where a tensor that has passed the checks lies on the device.
func address(op, name string, t engine.Tensor) uint64 {
	if t.F32() != nil || t.I32() != nil {
		wrong(op, "%s lies in this computer's memory, not on the device", name)
	}
	return uint64(t.Addr())
}

// optional is address for a tensor that may be none: 0 then.
func optional(op, name string, t engine.Tensor) uint64 {
	if t.IsZero() {
		return 0
	}
	return address(op, name, t)
}

// bits is a float32 as an argument of a kernel.
func bits(x float32) uint64 { return uint64(math.Float32bits(x)) }

// cuAlloc is the arena's source.
func (b *Backend) cuAlloc(n int64) (addr uint64, err error) {
	err = b.queue.do(func() error {
		p, err := cu.MemAlloc(n)
		if err == nil {
			addr = uint64(p)
			return nil
		}
		err = driver.Check("cuMemAlloc", err)
		if r, _ := driver.ResultOf(err); r == driver.OutOfMemory {
			free, all, _ := cu.MemInfo()
			return &MemoryError{Device: b.queue.device.String(), Wanted: n, Free: free, Memory: all, Err: r}
		}
		return fmt.Errorf("%s: %d bytes of memory: %w", b.queue.device, n, err)
	})
	return addr, err
}

// cuFree waits for the stream, on which commands may be queued that use the memory.
func (b *Backend) cuFree(addr uint64) error {
	d := b.queue.device
	return b.queue.do(func() error {
		if err := d.stream.Synchronize(); err != nil {
			return driver.Check("cuStreamSynchronize", err)
		}
		return driver.Check("cuMemFree", cu.MemFree(cu.DevicePtr(addr)))
	})
}
