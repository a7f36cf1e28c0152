//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/potion-engine/potion/cuda/emulator"
)

// module is a loaded PTX module.
type module struct {
	*emulator.Module
	context *context
	kernels map[string]uintptr
}

func (o *module) owner() *context { return o.context }

// kernel is a function of a module.
type kernel struct {
	*emulator.Function
	context *context
	dynamic int // bytes of dynamic shared memory that were opted in to
}

func (o *kernel) owner() *context { return o.context }

//export potion_emulated_cuModuleLoadData
func potion_emulated_cuModuleLoadData(out *C.CUmodule, image unsafe.Pointer) C.CUresult {
	return potion_emulated_cuModuleLoadDataEx(out, image, 0, nil, nil)
}

// The image is text that ends with a zero byte; binaries for real devices are
// refused.
//
//export potion_emulated_cuModuleLoadDataEx
func potion_emulated_cuModuleLoadDataEx(out *C.CUmodule, image unsafe.Pointer, n C.uint, options *C.CUjit_option, values *unsafe.Pointer) C.CUresult {
	logs := jitLogs(n, options, values)
	return inContext(func(m *machine, c *context) Result {
		if r := m.forbidden(c, "cuModuleLoadDataEx"); r != Success {
			return r
		}
		text := C.GoString((*C.char)(image))
		if strings.HasPrefix(text, "\x7fELF") {
			return m.fail(209, "the emulated device runs PTX text, not binaries")
		}
		loaded, err := c.gpu.Load(text)
		switch {
		case errors.Is(err, emulator.ErrOutOfMemory):
			return m.fail(OutOfMemory, "%v", err)
		case err != nil:
			logs[C.CU_JIT_ERROR_LOG_BUFFER].write(err.Error())
			return m.fail(InvalidPTX, "%v", err)
		}
		*out = handlePointer[C.CUmodule](m.add(&module{loaded, c, map[string]uintptr{}}))
		return Success
	})
}

// jitLog is a buffer of the caller's, and the option that gives its size, which
// the driver replaces by the length of what it wrote.
type jitLog struct {
	buffer []byte
	length *unsafe.Pointer
}

func (l *jitLog) write(s string) {
	if l == nil || len(l.buffer) == 0 {
		return
	}
	n := copy(l.buffer[:len(l.buffer)-1], s)
	l.buffer[n] = 0
	*(*uintptr)(unsafe.Pointer(l.length)) = uintptr(n)
}

// jitLogs finds the log buffers among the options; each is followed or preceded
// by its size. The values are numbers in pointers' clothing.
func jitLogs(n C.uint, options *C.CUjit_option, values *unsafe.Pointer) map[C.CUjit_option]*jitLog {
	logs := map[C.CUjit_option]*jitLog{}
	sizes := map[C.CUjit_option]*unsafe.Pointer{}
	for i := range int(n) {
		option := unsafe.Slice(options, n)[i]
		switch option {
		case C.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, C.CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
			sizes[option-1] = &unsafe.Slice(values, n)[i]
		}
	}
	for i := range int(n) {
		option := unsafe.Slice(options, n)[i]
		if size := sizes[option]; size != nil {
			length := *(*uintptr)(unsafe.Pointer(size))
			logs[option] = &jitLog{unsafe.Slice((*byte)(unsafe.Slice(values, n)[i]), length), size}
		}
	}
	return logs
}

func onModule(h C.CUmodule, call func(m *machine, mod *module) Result) C.CUresult {
	return inContext(func(m *machine, _ *context) Result {
		mod, ok := lookup[*module](m, number(h))
		if !ok {
			return m.badHandle("module", number(h))
		}
		return call(m, mod)
	})
}

//export potion_emulated_cuModuleUnload
func potion_emulated_cuModuleUnload(h C.CUmodule) C.CUresult {
	return onModule(h, func(m *machine, mod *module) Result {
		if r := m.settle(mod.context, len(mod.context.queue)); r != Success {
			return r
		}
		mod.Unload()
		for _, k := range mod.kernels {
			delete(m.handles, k)
		}
		delete(m.handles, number(h))
		return Success
	})
}

//export potion_emulated_cuModuleGetFunction
func potion_emulated_cuModuleGetFunction(out *C.CUfunction, h C.CUmodule, name *C.char) C.CUresult {
	return onModule(h, func(m *machine, mod *module) Result {
		name := C.GoString(name)
		if mod.kernels[name] == 0 {
			f, err := mod.Function(name)
			if err != nil {
				return m.fail(NotFound, "%v", err)
			}
			mod.kernels[name] = m.add(&kernel{Function: f, context: mod.context})
		}
		*out = handlePointer[C.CUfunction](mod.kernels[name])
		return Success
	})
}

//export potion_emulated_cuModuleGetGlobal_v2
func potion_emulated_cuModuleGetGlobal_v2(p *C.CUdeviceptr, size *C.size_t, h C.CUmodule, name *C.char) C.CUresult {
	return onModule(h, func(m *machine, mod *module) Result {
		addr, n, err := mod.Global(C.GoString(name))
		if err != nil {
			return m.fail(NotFound, "%v", err)
		}
		if p != nil {
			*p = C.CUdeviceptr(addr)
		}
		if size != nil {
			*size = C.size_t(n)
		}
		return Success
	})
}

func onKernel(h C.CUfunction, call func(m *machine, k *kernel) Result) C.CUresult {
	return inContext(func(m *machine, _ *context) Result {
		k, ok := lookup[*kernel](m, number(h))
		if !ok {
			return m.badHandle("function", number(h))
		}
		return call(m, k)
	})
}

//export potion_emulated_cuFuncGetAttribute
func potion_emulated_cuFuncGetAttribute(value *C.int, attribute C.CUfunction_attribute, h C.CUfunction) C.CUresult {
	return onKernel(h, func(m *machine, k *kernel) Result {
		cfg := k.context.gpu.Config()
		version := 10*cfg.ComputeMajor + cfg.ComputeMinor
		values := map[C.CUfunction_attribute]int{
			C.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:            k.MaxThreads,
			C.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:                k.SharedStatic,
			C.CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:                 0,
			C.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:                 k.LocalBytes,
			C.CU_FUNC_ATTRIBUTE_NUM_REGS:                         k.Registers,
			C.CU_FUNC_ATTRIBUTE_PTX_VERSION:                      version,
			C.CU_FUNC_ATTRIBUTE_BINARY_VERSION:                   version,
			C.CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:                    0,
			C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:    k.dynamicLimit(),
			C.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: -1,
		}
		v, ok := values[attribute]
		if !ok {
			return m.fail(InvalidValue, "function attribute %d", attribute)
		}
		*value = C.int(v)
		return Success
	})
}

//export potion_emulated_cuFuncSetAttribute
func potion_emulated_cuFuncSetAttribute(h C.CUfunction, attribute C.CUfunction_attribute, value C.int) C.CUresult {
	return onKernel(h, func(m *machine, k *kernel) Result {
		switch attribute {
		case C.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
			return Success // a hint
		case C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
			if err := k.SetMaxDynamicShared(int(value)); err != nil {
				return m.fail(InvalidValue, "%v", err)
			}
			k.dynamic = int(value)
			return Success
		}
		return m.fail(InvalidValue, "function attribute %d cannot be set", attribute)
	})
}

func (k *kernel) dynamicLimit() int {
	return max(k.context.gpu.Config().SharedPerBlock-k.SharedStatic, k.dynamic)
}

// An SM holds as many blocks as its threads, block slots and shared memory allow;
// registers are left out, for the emulator only estimates them.
//
//export potion_emulated_cuOccupancyMaxActiveBlocksPerMultiprocessor
func potion_emulated_cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks *C.int, h C.CUfunction, threads C.int, shared C.size_t) C.CUresult {
	return onKernel(h, func(m *machine, k *kernel) Result {
		if threads < 1 || int(threads) > k.MaxThreads {
			return m.fail(InvalidValue, "%s: a block of %d threads, at most %d", k.Name, threads, k.MaxThreads)
		}
		g := k.context.gpu
		reserved := g.attribute(C.CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK)
		total := g.attribute(C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR)
		warps := (int(threads) + 31) / 32
		n := min(g.attribute(C.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR)/(32*warps),
			g.attribute(C.CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR))
		if shared > C.size_t(k.dynamicLimit()) {
			n = 0
		} else {
			n = min(n, total/(reserved+k.SharedStatic+int(shared)))
		}
		*blocks = C.int(n)
		return Success
	})
}
