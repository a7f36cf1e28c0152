//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import (
	"errors"
	"unsafe"

	"github.com/potion-engine/potion/cuda/emulator"
)

// kind says what an operation does; a graph is updated only by one of the same
// kinds in the same order.
type kind int

const (
	kindLaunch kind = iota
	kindUpload
	kindDownload
	kindCopy
	kindFill
	kindMark // events: no node of a graph
)

// operation is work that waits in a queue or is recorded in a graph.
type operation struct {
	kind kind
	run  func() error
}

// queued is an operation and the stream that it was given to.
type queued struct {
	stream *stream
	operation
}

// stream is an order of work. Running the queue from its front, in the order of
// the calls, respects the order of every stream and every event.
type stream struct {
	context  *context
	standard bool // the default stream, which blocking streams wait for
	free     bool // CU_STREAM_NON_BLOCKING: does not order with the default stream
	flags    C.uint
	capture  *capture
}

func (o *stream) owner() *context { return o.context }

// maxQueue is where a call that queues more work waits for some of it, as
// hardware does when its queue is full.
const maxQueue = 1024

// run does the first n operations of the queue. An error ends the context. Others may call
// while a kernel runs; what runs stays at the front of the queue until it is done.
func (m *machine) run(c *context, n int) {
	for ; n > 0; n-- {
		for c.busy {
			c.idle.Wait()
		}
		if len(c.queue) == 0 {
			break
		}
		c.busy = true
		err := m.perform(c.queue[0].operation)
		c.busy = false
		c.idle.Broadcast()
		if err != nil {
			c.stop(err)
			break
		}
		c.queue = c.queue[1:]
	}
	if len(c.queue) == 0 {
		c.queue = nil // lets go of the slice's beginning
	}
}

// perform does an operation, a kernel without the machine's lock.
func (m *machine) perform(op operation) error {
	if op.kind == kindLaunch {
		m.mu.Unlock()
		defer m.mu.Lock()
	}
	return op.run()
}

// settle runs the first n operations and reports the context's error.
func (m *machine) settle(c *context, n int) Result {
	m.run(c, n)
	if c.failure != Success {
		return m.fail(c.failure, "%s", c.reason)
	}
	return Success
}

// last is the length of the queue up to the last operation of s.
func (c *context) last(s *stream) int {
	for n := len(c.queue); n > 0; n-- {
		if q := c.queue[n-1].stream; q == s || s.standard && !q.free || q.standard && !s.free {
			return n
		}
	}
	return 0
}

func (c *context) lastBlocking() int { return c.last(c.standard) }

// submit queues an operation, or records it when the stream is captured.
func (m *machine) submit(s *stream, op operation) Result {
	if s.capture != nil {
		return m.record(s, op)
	}
	c := s.context
	if s.standard && c.implicit() {
		return m.fail(CaptureImplicit, "work on the default stream while a stream that waits for it is captured")
	}
	c.queue = append(c.queue, queued{s, op})
	if len(c.queue) > maxQueue {
		return m.settle(c, maxQueue/2)
	}
	return Success
}

// onStream runs a call that names a stream; 0, 1 and 2 are the default stream.
func onStream(h C.CUstream, call func(m *machine, s *stream) Result) C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		if number(h) <= 2 {
			return call(m, c.standard)
		}
		s, ok := lookup[*stream](m, number(h))
		if !ok {
			return m.badHandle("stream", number(h))
		}
		if s.context.failure != Success {
			return m.fail(s.context.failure, "%s", s.context.reason)
		}
		return call(m, s)
	})
}

//export potion_emulated_cuStreamCreate
func potion_emulated_cuStreamCreate(out *C.CUstream, flags C.uint) C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		if flags&^C.CU_STREAM_NON_BLOCKING != 0 {
			return m.fail(InvalidValue, "cuStreamCreate: flags 0x%x", flags)
		}
		s := &stream{context: c, flags: flags, free: flags&C.CU_STREAM_NON_BLOCKING != 0}
		*out = handlePointer[C.CUstream](m.add(s))
		return Success
	})
}

//export potion_emulated_cuStreamCreateWithPriority
func potion_emulated_cuStreamCreateWithPriority(out *C.CUstream, flags C.uint, _ C.int) C.CUresult {
	return potion_emulated_cuStreamCreate(out, flags)
}

//export potion_emulated_cuStreamGetFlags
func potion_emulated_cuStreamGetFlags(h C.CUstream, flags *C.uint) C.CUresult {
	return onStream(h, func(_ *machine, s *stream) Result {
		*flags = s.flags
		return Success
	})
}

//export potion_emulated_cuStreamGetPriority
func potion_emulated_cuStreamGetPriority(h C.CUstream, priority *C.int) C.CUresult {
	return onStream(h, func(*machine, *stream) Result {
		*priority = 0
		return Success
	})
}

//export potion_emulated_cuStreamDestroy_v2
func potion_emulated_cuStreamDestroy_v2(h C.CUstream) C.CUresult {
	return onStream(h, func(m *machine, s *stream) Result {
		if s.standard {
			return m.badHandle("stream that can be destroyed", number(h))
		}
		if s.capture != nil {
			m.dissolve(s.capture)
		}
		delete(m.handles, number(h)) // what it has queued still runs
		return Success
	})
}

//export potion_emulated_cuStreamSynchronize
func potion_emulated_cuStreamSynchronize(h C.CUstream) C.CUresult {
	return onStream(h, func(m *machine, s *stream) Result {
		if s.capture != nil {
			s.capture.broken = true
			return m.fail(CaptureUnsupported, "cuStreamSynchronize of a stream that is captured")
		}
		return m.settle(s.context, s.context.last(s))
	})
}

// Asking does one operation, so that a program that asks in a loop gets on.
//
//export potion_emulated_cuStreamQuery
func potion_emulated_cuStreamQuery(h C.CUstream) C.CUresult {
	return onStream(h, func(m *machine, s *stream) Result {
		if s.capture != nil {
			s.capture.broken = true
			return m.fail(CaptureUnsupported, "cuStreamQuery of a stream that is captured")
		}
		if r := m.settle(s.context, min(1, s.context.last(s))); r != Success {
			return r
		}
		if s.context.last(s) > 0 {
			return NotReady
		}
		return Success
	})
}

//export potion_emulated_cuLaunchKernel
func potion_emulated_cuLaunchKernel(h C.CUfunction, gx, gy, gz, bx, by, bz, shared C.uint, hs C.CUstream, params, extra *unsafe.Pointer) C.CUresult {
	return onStream(hs, func(m *machine, s *stream) Result {
		k, ok := lookup[*kernel](m, number(h))
		if !ok {
			return m.badHandle("function", number(h))
		}
		if k.context != s.context {
			return m.fail(InvalidHandle, "launch of %s: function and stream are of different contexts", k.Name)
		}
		if extra != nil {
			return m.fail(NotSupported, "cuLaunchKernel with a packed parameter buffer")
		}
		grid := emulator.Dim3{X: int(gx), Y: int(gy), Z: int(gz)}
		block := emulator.Dim3{X: int(bx), Y: int(by), Z: int(bz)}
		if err := k.context.gpu.CheckLaunch(k.Function, grid, block, int(shared)); errors.Is(err, emulator.ErrResources) {
			return m.fail(LaunchOutOfResources, "%v", err)
		} else if err != nil {
			return m.fail(InvalidValue, "%v", err)
		}
		if len(k.Params) > 0 && params == nil {
			return m.fail(InvalidValue, "launch of %s: no parameters, it takes %d", k.Name, len(k.Params))
		}
		packed := make([]byte, k.ParamBytes)
		for i, p := range unsafe.Slice(params, len(k.Params)) {
			if p == nil {
				return m.fail(InvalidValue, "launch of %s: parameter %d is missing", k.Name, i)
			}
			copy(packed[k.Params[i].Offset:], host(p, C.size_t(k.Params[i].Size)))
		}
		return m.submit(s, operation{kind: kindLaunch, run: func() error {
			return s.context.gpu.Launch(k.Function, grid, block, int(shared), packed)
		}})
	})
}
