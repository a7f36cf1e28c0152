//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/potion-engine/potion/cuda/emulator"
)

// emulatedVersion is what cuDriverGetVersion says: CUDA 12.4, whose PTX 8.4 is the
// newest that the emulator is written against.
const emulatedVersion = 12040

// machine answers the driver API with emulated devices. Work on streams waits in
// a queue until somebody waits for it, as on hardware, so that a missing
// synchronisation shows as stale data in the tests.
type machine struct {
	mu      sync.Mutex
	gpus    []*gpu
	handles map[uintptr]any
	next    uintptr
	pinned  map[uintptr]int // sizes of host allocations by address
}

// emulated is what the exported functions work on: C calls have no receiver.
var emulated machine

// gpu is one device.
type gpu struct {
	*emulator.Device
	ordinal int
	primary *context
	retains int
}

// context owns queues of work, and the error that stops it for good.
type context struct {
	gpu      *gpu
	handle   uintptr
	flags    C.uint
	standard *stream  // the default stream
	queue    []queued // of all streams, in the order of the calls
	busy     bool     // the first of queue is being done
	idle     *sync.Cond
	captures map[*capture]bool
	memory   map[uint64]bool // allocations, freed with the context
	failure  Result
	reason   string
}

func (m *machine) open(devices []*emulator.Device) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handles, m.pinned, m.next = map[uintptr]any{}, map[uintptr]int{}, firstHandle
	for i, d := range devices {
		m.gpus = append(m.gpus, &gpu{Device: d, ordinal: i})
	}
}

// Handles are numbers that C programs hold as pointers: above the first page, for
// Go's runtime refuses smaller ones where it expects pointers, and never reused,
// so that one that was destroyed is recognised.
const (
	firstHandle = 1 << 16
	handleStep  = 16
)

func (m *machine) add(object any) uintptr {
	h := m.next
	m.next += handleStep
	m.handles[h] = object
	return h
}

// lookup finds the object of a handle, if it is of that kind.
func lookup[T any](m *machine, handle uintptr) (T, bool) {
	object, ok := m.handles[handle].(T)
	return object, ok
}

// fail keeps the reason of a failure for LastError.
func (m *machine) fail(r Result, format string, args ...any) Result {
	t := C.potion_thread()
	t.result = C.CUresult(r)
	out := unsafe.Slice((*byte)(unsafe.Pointer(&t.said)), len(t.said))
	out[copy(out[:len(out)-1], fmt.Sprintf(format, args...))] = 0
	return r
}

func (m *machine) badHandle(kind string, handle uintptr) Result {
	return m.fail(InvalidHandle, "0x%x is no %s", handle, kind)
}

// LastError is what the emulator said about the last call that failed on this
// thread: which kernel, line, thread and address. Empty on hardware.
func LastError() string { return C.GoString(&C.potion_thread().said[0]) }

// anywhere runs a call that needs no context.
func anywhere(call func(m *machine) Result) C.CUresult {
	m := &emulated
	m.mu.Lock()
	defer m.mu.Unlock()
	return C.CUresult(call(m))
}

// inContext runs a call in the context that is current on this thread.
func inContext(call func(m *machine, c *context) Result) C.CUresult {
	return anywhere(func(m *machine) Result {
		c := m.current()
		switch {
		case c == nil:
			return m.fail(InvalidContext, "no context is current on this thread: call runtime.LockOSThread and cu.SetCurrentContext first")
		case c.failure != Success:
			return m.fail(c.failure, "%s", c.reason)
		}
		return call(m, c)
	})
}

// current is the context on top of the calling thread's stack; the C side keeps
// the stack, for Go code does not know on which thread it runs.
func (m *machine) current() *context {
	t := C.potion_thread()
	if t.depth == 0 {
		return nil
	}
	c, _ := lookup[*context](m, uintptr(t.context[t.depth-1]))
	return c
}

func (m *machine) newContext(g *gpu, flags C.uint) *context {
	c := &context{gpu: g, flags: flags, idle: sync.NewCond(&m.mu), captures: map[*capture]bool{}, memory: map[uint64]bool{}}
	c.handle = m.add(c)
	c.standard = &stream{context: c, standard: true}
	return c
}

func (m *machine) destroy(c *context) {
	m.run(c, len(c.queue))
	for h, object := range m.handles {
		if o, ok := object.(interface{ owner() *context }); ok && o.owner() == c {
			if module, ok := o.(*module); ok {
				module.Unload()
			}
			delete(m.handles, h)
		}
	}
	for addr := range c.memory {
		c.gpu.Free(addr)
	}
	delete(m.handles, c.handle)
}

// stop ends the context: hardware reports the error of a kernel from every later
// call until the context is destroyed.
func (c *context) stop(err error) {
	c.failure, c.reason = LaunchFailed, err.Error()
	var fault *emulator.Fault
	if errors.As(err, &fault) {
		switch fault.Kind {
		case emulator.OutOfBounds:
			c.failure = IllegalAddress
		case emulator.Misaligned:
			c.failure = MisalignedAddress
		case emulator.TooManyInstructions, emulator.Deadlock:
			c.failure = LaunchTimeout
		}
	}
	c.queue = nil
}
