//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import (
	"errors"
	"math"
	"unsafe"

	"github.com/potion-engine/potion/cuda/emulator"
)

//export potion_emulated_cuMemGetInfo_v2
func potion_emulated_cuMemGetInfo_v2(free, total *C.size_t) C.CUresult {
	return inContext(func(_ *machine, c *context) Result {
		f, t := c.gpu.MemoryInfo()
		*free, *total = C.size_t(f), C.size_t(t)
		return Success
	})
}

//export potion_emulated_cuMemAlloc_v2
func potion_emulated_cuMemAlloc_v2(p *C.CUdeviceptr, n C.size_t) C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		if r := m.forbidden(c, "cuMemAlloc"); r != Success {
			return r
		}
		if n == 0 {
			return m.fail(InvalidValue, "cuMemAlloc of 0 bytes")
		}
		addr, err := c.gpu.Alloc(int64(min(n, math.MaxInt64)))
		if errors.Is(err, emulator.ErrOutOfMemory) {
			return m.fail(OutOfMemory, "%v", err)
		}
		if err != nil {
			return m.fail(InvalidValue, "%v", err)
		}
		c.memory[addr] = true
		*p = C.CUdeviceptr(addr)
		return Success
	})
}

//export potion_emulated_cuMemFree_v2
func potion_emulated_cuMemFree_v2(p C.CUdeviceptr) C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		if p == 0 {
			return Success
		}
		if r := m.forbidden(c, "cuMemFree"); r != Success {
			return r
		}
		if r := m.settle(c, len(c.queue)); r != Success {
			return r // work in flight may use the memory
		}
		if !c.memory[uint64(p)] {
			return m.fail(InvalidValue, "cuMemFree of 0x%x, which is no allocation of this context", p)
		}
		delete(c.memory, uint64(p))
		if err := c.gpu.Free(uint64(p)); err != nil {
			return m.fail(InvalidValue, "%v", err)
		}
		return Success
	})
}

//export potion_emulated_cuMemGetAddressRange_v2
func potion_emulated_cuMemGetAddressRange_v2(base *C.CUdeviceptr, size *C.size_t, p C.CUdeviceptr) C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		b, n, err := c.gpu.Range(uint64(p))
		if err != nil {
			return m.fail(NotFound, "%v", err)
		}
		if base != nil {
			*base = C.CUdeviceptr(b)
		}
		if size != nil {
			*size = C.size_t(n)
		}
		return Success
	})
}

//export potion_emulated_cuMemHostAlloc
func potion_emulated_cuMemHostAlloc(p *unsafe.Pointer, n C.size_t, _ C.uint) C.CUresult {
	return inContext(func(m *machine, _ *context) Result {
		if n == 0 || n > math.MaxInt64 {
			return m.fail(InvalidValue, "cuMemHostAlloc of %d bytes", n)
		}
		if *p = C.potion_host_alloc(n); *p == nil {
			return m.fail(OutOfMemory, "cuMemHostAlloc: no %d bytes of host memory", n)
		}
		m.pinned[uintptr(*p)] = int(n)
		return Success
	})
}

//export potion_emulated_cuMemFreeHost
func potion_emulated_cuMemFreeHost(p unsafe.Pointer) C.CUresult {
	return anywhere(func(m *machine) Result {
		if _, ok := m.pinned[uintptr(p)]; !ok {
			return m.fail(InvalidValue, "cuMemFreeHost of %p, which is no pinned allocation", p)
		}
		var contexts []*context
		for _, g := range m.handles {
			if c, ok := g.(*context); ok {
				contexts = append(contexts, c)
			}
		}
		for _, c := range contexts { // copies in flight may use the memory
			m.run(c, len(c.queue))
		}
		delete(m.pinned, uintptr(p))
		C.free(p)
		return Success
	})
}

// isPinned reports host memory that the device can reach by itself.
func (m *machine) isPinned(p unsafe.Pointer, n int) bool {
	for base, size := range m.pinned {
		if at := uintptr(p) - base; uintptr(p) >= base && at <= uintptr(size) && uintptr(n) <= uintptr(size)-at {
			return true
		}
	}
	return false
}

// span checks that n bytes from p lie in one allocation, as copies and fills do
// before they are queued.
func (m *machine) span(c *context, call string, p C.CUdeviceptr, n C.size_t) Result {
	base, size, err := c.gpu.Range(uint64(p))
	if err != nil {
		return m.fail(InvalidValue, "%s: %v", call, err)
	}
	if left := uint64(size) - (uint64(p) - base); uint64(n) > left {
		return m.fail(InvalidValue, "%s: %d bytes at 0x%x: only %d are left of the allocation of %d bytes at 0x%x", call, n, p, left, size, base)
	}
	return Success
}

func host(p unsafe.Pointer, n C.size_t) []byte { return unsafe.Slice((*byte)(p), int(n)) }

// transfer is a copy or fill: the work itself, and what it touches.
type transfer struct {
	call   string
	n      C.size_t
	device []C.CUdeviceptr // ranges of n bytes that must exist
	kind   kind
	run    func(g *gpu) error
	align  C.size_t // of the range; 0 for any
}

// now runs a transfer that its caller waits for, on the default stream: after
// all work of blocking streams.
func (t transfer) now() C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		if r := m.forbidden(c, t.call); r != Success {
			return r
		}
		if r := t.check(m, c); r != Success || t.n == 0 {
			return r
		}
		if r := m.settle(c, c.lastBlocking()); r != Success {
			return r
		}
		if err := t.run(c.gpu); err != nil {
			return m.fail(InvalidValue, "%s: %v", t.call, err)
		}
		return Success
	})
}

// later queues a transfer on a stream.
func (t transfer) later(s C.CUstream) C.CUresult {
	return onStream(s, func(m *machine, st *stream) Result {
		if r := t.check(m, st.context); r != Success || t.n == 0 {
			return r
		}
		return m.submit(st, operation{kind: t.kind, run: func() error { return t.run(st.context.gpu) }})
	})
}

func (t transfer) check(m *machine, c *context) Result {
	if t.n == 0 {
		return Success
	}
	for _, p := range t.device {
		if t.align > 0 && C.size_t(p)%t.align != 0 {
			return m.fail(InvalidValue, "%s: values of %d bytes at 0x%x, which is misaligned", t.call, t.align, p)
		}
		if r := m.span(c, t.call, p, t.n); r != Success {
			return r
		}
	}
	return Success
}

func upload(call string, dst C.CUdeviceptr, src unsafe.Pointer, n C.size_t) transfer {
	return transfer{call: call, n: n, device: []C.CUdeviceptr{dst}, kind: kindUpload,
		run: func(g *gpu) error { return g.CopyIn(uint64(dst), host(src, n)) }}
}

func download(call string, dst unsafe.Pointer, src C.CUdeviceptr, n C.size_t) transfer {
	return transfer{call: call, n: n, device: []C.CUdeviceptr{src}, kind: kindDownload,
		run: func(g *gpu) error { return g.CopyOut(host(dst, n), uint64(src)) }}
}

func within(call string, dst, src C.CUdeviceptr, n C.size_t) transfer {
	return transfer{call: call, n: n, device: []C.CUdeviceptr{dst, src}, kind: kindCopy,
		run: func(g *gpu) error { return g.CopyWithin(uint64(dst), uint64(src), int64(n)) }}
}

//export potion_emulated_cuMemcpyHtoD_v2
func potion_emulated_cuMemcpyHtoD_v2(dst C.CUdeviceptr, src unsafe.Pointer, n C.size_t) C.CUresult {
	return upload("cuMemcpyHtoD", dst, src, n).now()
}

//export potion_emulated_cuMemcpyDtoH_v2
func potion_emulated_cuMemcpyDtoH_v2(dst unsafe.Pointer, src C.CUdeviceptr, n C.size_t) C.CUresult {
	return download("cuMemcpyDtoH", dst, src, n).now()
}

//export potion_emulated_cuMemcpyDtoD_v2
func potion_emulated_cuMemcpyDtoD_v2(dst, src C.CUdeviceptr, n C.size_t) C.CUresult {
	return within("cuMemcpyDtoD", dst, src, n).later(nil) // hardware does not wait for it either
}

//export potion_emulated_cuMemcpyDtoDAsync_v2
func potion_emulated_cuMemcpyDtoDAsync_v2(dst, src C.CUdeviceptr, n C.size_t, s C.CUstream) C.CUresult {
	return within("cuMemcpyDtoDAsync", dst, src, n).later(s)
}

// Of pageable memory the driver makes a copy before it returns.
//
//export potion_emulated_cuMemcpyHtoDAsync_v2
func potion_emulated_cuMemcpyHtoDAsync_v2(dst C.CUdeviceptr, src unsafe.Pointer, n C.size_t, s C.CUstream) C.CUresult {
	t := upload("cuMemcpyHtoDAsync", dst, src, n)
	return onStream(s, func(m *machine, st *stream) Result {
		r := t.check(m, st.context)
		if r != Success || n == 0 {
			return r
		}
		op := operation{kind: kindUpload, run: func() error { return t.run(st.context.gpu) }}
		if !m.isPinned(src, int(n)) {
			if st.capture != nil {
				return m.pageable(st, t.call)
			}
			staged := append([]byte(nil), host(src, n)...)
			op.run = func() error { return st.context.gpu.CopyIn(uint64(dst), staged) }
		}
		return m.submit(st, op)
	})
}

// To pageable memory the driver copies before it returns.
//
//export potion_emulated_cuMemcpyDtoHAsync_v2
func potion_emulated_cuMemcpyDtoHAsync_v2(dst unsafe.Pointer, src C.CUdeviceptr, n C.size_t, s C.CUstream) C.CUresult {
	t := download("cuMemcpyDtoHAsync", dst, src, n)
	return onStream(s, func(m *machine, st *stream) Result {
		r := t.check(m, st.context)
		if r != Success || n == 0 {
			return r
		}
		pinned := m.isPinned(dst, int(n))
		if !pinned && st.capture != nil {
			return m.pageable(st, t.call)
		}
		if r = m.submit(st, operation{kind: kindDownload, run: func() error { return t.run(st.context.gpu) }}); r != Success || pinned {
			return r
		}
		return m.settle(st.context, len(st.context.queue))
	})
}

// pageable refuses to record the address of memory that may have moved or gone by
// the time the graph runs.
func (m *machine) pageable(st *stream, call string) Result {
	st.capture.broken = true
	return m.fail(CaptureUnsupported, "%s of pageable host memory in a capture: use memory of AllocPinned", call)
}

func fill[V uint8 | uint16 | uint32](call string, dst C.CUdeviceptr, v V, n C.size_t) transfer {
	size := C.size_t(unsafe.Sizeof(v))
	if n > math.MaxInt64/size {
		n = math.MaxInt64 / size // no allocation is that large: refused by check
	}
	return transfer{call: call, n: n * size, device: []C.CUdeviceptr{dst}, align: size, kind: kindFill, run: func(g *gpu) error {
		switch v := any(v).(type) {
		case uint8:
			return g.Memset8(uint64(dst), v, int64(n))
		case uint16:
			return g.Memset16(uint64(dst), v, int64(n))
		case uint32:
			return g.Memset32(uint64(dst), v, int64(n))
		}
		return nil
	}}
}

//export potion_emulated_cuMemsetD8_v2
func potion_emulated_cuMemsetD8_v2(dst C.CUdeviceptr, v C.uchar, n C.size_t) C.CUresult {
	return fill("cuMemsetD8", dst, uint8(v), n).later(nil)
}

//export potion_emulated_cuMemsetD16_v2
func potion_emulated_cuMemsetD16_v2(dst C.CUdeviceptr, v C.ushort, n C.size_t) C.CUresult {
	return fill("cuMemsetD16", dst, uint16(v), n).later(nil)
}

//export potion_emulated_cuMemsetD32_v2
func potion_emulated_cuMemsetD32_v2(dst C.CUdeviceptr, v C.uint, n C.size_t) C.CUresult {
	return fill("cuMemsetD32", dst, uint32(v), n).later(nil)
}

//export potion_emulated_cuMemsetD8Async
func potion_emulated_cuMemsetD8Async(dst C.CUdeviceptr, v C.uchar, n C.size_t, s C.CUstream) C.CUresult {
	return fill("cuMemsetD8Async", dst, uint8(v), n).later(s)
}

//export potion_emulated_cuMemsetD16Async
func potion_emulated_cuMemsetD16Async(dst C.CUdeviceptr, v C.ushort, n C.size_t, s C.CUstream) C.CUresult {
	return fill("cuMemsetD16Async", dst, uint16(v), n).later(s)
}

//export potion_emulated_cuMemsetD32Async
func potion_emulated_cuMemsetD32Async(dst C.CUdeviceptr, v C.uint, n C.size_t, s C.CUstream) C.CUresult {
	return fill("cuMemsetD32Async", dst, uint32(v), n).later(s)
}
