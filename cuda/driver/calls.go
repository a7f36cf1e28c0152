//go:build cuda && cgo && linux

package driver

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

// Attributes of a device that cu has no constant for; cu.Device.Attribute takes
// them.
const (
	CooperativeLaunch         cu.DeviceAttribute = C.CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH
	MaxSharedPerBlockOptin    cu.DeviceAttribute = C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN // bytes, see SetMaxDynamicShared
	ReservedSharedPerBlock    cu.DeviceAttribute = C.CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK
	MaxBlocksPerProcessor     cu.DeviceAttribute = C.CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR
	MaxPersistingL2CacheBytes cu.DeviceAttribute = C.CU_DEVICE_ATTRIBUTE_MAX_PERSISTING_L2_CACHE_SIZE
)

var cuResult = reflect.TypeOf(cu.Success)

// ResultOf finds the driver's result in an error of this package or of cu, also
// when it is wrapped.
func ResultOf(err error) (Result, bool) {
	for err != nil {
		if r, ok := err.(Result); ok {
			return r, true
		}
		if reflect.TypeOf(err) == cuResult {
			return Result(reflect.ValueOf(err).Int()), true
		}
		switch w := err.(type) {
		case interface{ Unwrap() error }:
			err = w.Unwrap()
		case interface{ Cause() error }:
			err = w.Cause()
		default:
			return 0, false
		}
	}
	return Success, true
}

// Check turns an error of cu into an *Error with NVIDIA's name and number and,
// on the emulator, what went wrong in which kernel. nil stays nil.
func Check(call string, err error) error {
	if err == nil {
		return nil
	}
	r, ok := ResultOf(err)
	if !ok {
		return fmt.Errorf("%s: %w", call, err)
	}
	return check(call, C.CUresult(r))
}

func check(call string, r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	e := &Error{Call: call, Result: Result(r)}
	switch {
	case e.Result == NotSupported:
		e.Detail = fmt.Sprintf("the %v driver lacks %s", CurrentMode(), LastUnsupported())
	case C.potion_thread().result == r: // left there by the emulator
		e.Detail = LastError()
	}
	if e.Detail == "" {
		var text *C.char
		if C.cuGetErrorString(r, &text) == C.CUDA_SUCCESS && text != nil {
			e.Detail = C.GoString(text)
		}
	}
	return e
}

// LoadModule compiles a PTX module for the device of the current context. name
// is for messages. A compiler's complaint is in the error; log holds its remarks
// when it succeeds. cuModuleLoadDataEx reports per module, so this may run on
// several threads.
func LoadModule(name, ptx string) (m cu.Module, log string, err error) {
	const size = 16 << 10
	failed := cu.JITErrorLogBuffer{Buffer: make([]byte, size)}
	remarks := cu.JITInfoLogBuffer{Buffer: make([]byte, size)}
	m, err = cu.LoadDataEx(ptx, &failed, &remarks)
	// cu hands the buffers over as numbers, which do not keep them alive.
	runtime.KeepAlive(&failed)
	runtime.KeepAlive(&remarks)
	if err == nil {
		return m, text(remarks.Buffer), nil
	}
	e, ok := Check("compiling "+name, err).(*Error)
	if !ok {
		return m, "", err
	}
	if said := text(failed.Buffer); said != "" {
		e.Detail = said
	}
	if e.Result == UnsupportedPTXVersion {
		e.Detail += fmt.Sprintf(" (the driver supports CUDA %s; a newer one is needed)", VersionString(Version()))
	}
	return m, "", e
}

func text(log []byte) string {
	s, _, _ := strings.Cut(string(log), "\x00")
	return strings.TrimSpace(s)
}

// Calls is how often the calling thread has called a function of the driver, or of the
// emulator in its place, by the name that the library has for it: "cuLaunchKernel".
func Calls(name string) uint64 {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return uint64(C.potion_calls_of(c))
}

// SetMaxDynamicShared lets launches of f use up to bytes of dynamic shared
// memory; without it 48 KiB is the limit, static shared memory included. The
// device's own limit is its attribute MaxSharedPerBlockOptin.
func SetMaxDynamicShared(f cu.Function, bytes int) error {
	return check("cuFuncSetAttribute", C.cuFuncSetAttribute(functionHandle(f), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)))
}

// SetSharedCarveout asks for a share of an SM's L1 storage as shared memory, in
// percent; -1 leaves it to the driver.
func SetSharedCarveout(f cu.Function, percent int) error {
	return check("cuFuncSetAttribute", C.cuFuncSetAttribute(functionHandle(f), C.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, C.int(percent)))
}

// Extent is the shape of a launch: blocks of the grid and threads of a block.
type Extent struct {
	GridX, GridY, GridZ    uint32
	BlockX, BlockY, BlockZ uint32
}

// MaxArguments is the most that Launch takes.
const MaxArguments = C.POTION_MAX_ARGUMENTS

// Launch queues a kernel. slots hold the arguments in order, each in the low
// bytes of its own slot whatever its size; they are copied before Launch
// returns. shared is the size of the dynamic shared memory in bytes. Nothing is
// allocated when slots lie on the heap.
func Launch(f cu.Function, e *Extent, shared uint32, s cu.Stream, slots []uint64) error {
	if len(slots) > MaxArguments {
		return &Error{Call: "cuLaunchKernel", Result: InvalidValue, Detail: fmt.Sprintf("%d arguments, at most %d", len(slots), MaxArguments)}
	}
	r := C.potion_launch(functionHandle(f), (*C.uint)(unsafe.Pointer(e)), C.uint(shared), streamHandle(s), (*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(slots))), C.int(len(slots)))
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return check("cuLaunchKernel", r)
}

// AllocPinned returns n bytes of page-locked host memory, which copies to and
// from the device without a detour and asynchronously. writeCombined memory is
// written fast and read very slowly by the CPU: for uploads only. Go's garbage
// collector does not know it: FreePinned gives it back.
func AllocPinned(n int, writeCombined bool) ([]byte, error) {
	if n <= 0 {
		return nil, &Error{Call: "cuMemHostAlloc", Result: InvalidValue, Detail: fmt.Sprintf("%d bytes", n)}
	}
	flags := C.uint(C.CU_MEMHOSTALLOC_PORTABLE)
	if writeCombined {
		flags |= C.CU_MEMHOSTALLOC_WRITECOMBINED
	}
	var p unsafe.Pointer
	if r := C.cuMemHostAlloc(&p, C.size_t(n), flags); r != C.CUDA_SUCCESS {
		return nil, check(fmt.Sprintf("cuMemHostAlloc of %d bytes", n), r)
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// FreePinned gives back what AllocPinned returned, from its first byte.
func FreePinned(b []byte) error {
	return check("cuMemFreeHost", C.cuMemFreeHost(unsafe.Pointer(unsafe.SliceData(b))))
}
