//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import "unsafe"

// handlePointer makes a number the opaque pointer that C programs hold. The
// pointers are to incomplete C types, which Go's collector does not follow.
func handlePointer[T any](h uintptr) (p T) {
	*(*uintptr)(unsafe.Pointer(&p)) = h
	return p
}

func number[T any](p T) uintptr { return *(*uintptr)(unsafe.Pointer(&p)) }

//export potion_emulated_cuCtxCreate_v2
func potion_emulated_cuCtxCreate_v2(ctx *C.CUcontext, flags C.uint, d C.CUdevice) C.CUresult {
	return onDevice(d, func(m *machine, g *gpu) Result {
		c := m.newContext(g, flags)
		if r := m.push(c); r != Success {
			m.destroy(c)
			return r
		}
		*ctx = handlePointer[C.CUcontext](c.handle)
		return Success
	})
}

func (m *machine) push(c *context) Result {
	t := C.potion_thread()
	if int(t.depth) == len(t.context) {
		return m.fail(InvalidContext, "%d contexts are current on this thread, as many as the emulator keeps", t.depth)
	}
	t.context[t.depth] = C.uint64_t(c.handle)
	t.depth++
	return Success
}

// onContext runs a call that names a context.
func onContext(ctx C.CUcontext, call func(m *machine, c *context) Result) C.CUresult {
	return anywhere(func(m *machine) Result {
		c, ok := lookup[*context](m, number(ctx))
		if !ok {
			return m.fail(InvalidContext, "0x%x is no context", number(ctx))
		}
		return call(m, c)
	})
}

//export potion_emulated_cuCtxDestroy_v2
func potion_emulated_cuCtxDestroy_v2(ctx C.CUcontext) C.CUresult {
	return onContext(ctx, func(m *machine, c *context) Result {
		if c.gpu.primary == c {
			return m.fail(InvalidContext, "a primary context is released, not destroyed")
		}
		if m.current() == c {
			C.potion_thread().depth--
		}
		m.destroy(c)
		return Success
	})
}

//export potion_emulated_cuCtxPushCurrent_v2
func potion_emulated_cuCtxPushCurrent_v2(ctx C.CUcontext) C.CUresult {
	return onContext(ctx, func(m *machine, c *context) Result { return m.push(c) })
}

//export potion_emulated_cuCtxPopCurrent_v2
func potion_emulated_cuCtxPopCurrent_v2(ctx *C.CUcontext) C.CUresult {
	return anywhere(func(m *machine) Result {
		t := C.potion_thread()
		if t.depth == 0 {
			return m.fail(InvalidContext, "no context is current on this thread")
		}
		t.depth--
		if ctx != nil {
			*ctx = handlePointer[C.CUcontext](uintptr(t.context[t.depth]))
		}
		return Success
	})
}

//export potion_emulated_cuCtxSetCurrent
func potion_emulated_cuCtxSetCurrent(ctx C.CUcontext) C.CUresult {
	t := C.potion_thread()
	if ctx == nil {
		t.depth = max(t.depth-1, 0)
		return C.CUDA_SUCCESS
	}
	return onContext(ctx, func(m *machine, c *context) Result {
		t.depth = max(t.depth-1, 0)
		return m.push(c)
	})
}

//export potion_emulated_cuCtxGetCurrent
func potion_emulated_cuCtxGetCurrent(ctx *C.CUcontext) C.CUresult {
	return anywhere(func(m *machine) Result {
		*ctx = nil
		if c := m.current(); c != nil {
			*ctx = handlePointer[C.CUcontext](c.handle)
		}
		return Success
	})
}

//export potion_emulated_cuCtxGetDevice
func potion_emulated_cuCtxGetDevice(d *C.CUdevice) C.CUresult {
	return inContext(func(_ *machine, c *context) Result {
		*d = C.CUdevice(c.gpu.ordinal)
		return Success
	})
}

//export potion_emulated_cuCtxGetFlags
func potion_emulated_cuCtxGetFlags(flags *C.uint) C.CUresult {
	return inContext(func(_ *machine, c *context) Result {
		*flags = c.flags
		return Success
	})
}

//export potion_emulated_cuCtxGetApiVersion
func potion_emulated_cuCtxGetApiVersion(ctx C.CUcontext, version *C.uint) C.CUresult {
	return onContext(ctx, func(*machine, *context) Result {
		*version = emulatedVersion
		return Success
	})
}

//export potion_emulated_cuCtxGetStreamPriorityRange
func potion_emulated_cuCtxGetStreamPriorityRange(least, greatest *C.int) C.CUresult {
	*least, *greatest = 0, 0 // streams here have no priorities
	return C.CUDA_SUCCESS
}

//export potion_emulated_cuCtxSynchronize
func potion_emulated_cuCtxSynchronize() C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		if r := m.forbidden(c, "cuCtxSynchronize"); r != Success {
			return r
		}
		return m.settle(c, len(c.queue))
	})
}

//export potion_emulated_cuDevicePrimaryCtxRetain
func potion_emulated_cuDevicePrimaryCtxRetain(ctx *C.CUcontext, d C.CUdevice) C.CUresult {
	return onDevice(d, func(m *machine, g *gpu) Result {
		if g.primary == nil {
			g.primary = m.newContext(g, 0)
		}
		g.retains++
		*ctx = handlePointer[C.CUcontext](g.primary.handle)
		return Success
	})
}

//export potion_emulated_cuDevicePrimaryCtxRelease_v2
func potion_emulated_cuDevicePrimaryCtxRelease_v2(d C.CUdevice) C.CUresult {
	return onDevice(d, func(m *machine, g *gpu) Result {
		if g.retains == 0 {
			return m.fail(InvalidContext, "the primary context of device %d is not retained", d)
		}
		if g.retains--; g.retains == 0 {
			m.reset(g)
		}
		return Success
	})
}

//export potion_emulated_cuDevicePrimaryCtxReset_v2
func potion_emulated_cuDevicePrimaryCtxReset_v2(d C.CUdevice) C.CUresult {
	return onDevice(d, func(m *machine, g *gpu) Result {
		m.reset(g)
		return Success
	})
}

func (m *machine) reset(g *gpu) {
	if g.primary != nil {
		m.destroy(g.primary)
		g.primary = nil
	}
}

//export potion_emulated_cuDevicePrimaryCtxGetState
func potion_emulated_cuDevicePrimaryCtxGetState(d C.CUdevice, flags *C.uint, active *C.int) C.CUresult {
	return onDevice(d, func(_ *machine, g *gpu) Result {
		*flags, *active = 0, 0
		if g.primary != nil {
			*flags, *active = g.primary.flags, 1
		}
		return Success
	})
}
