//go:build cuda && cgo && linux

package driver

// #cgo CFLAGS: -I${SRCDIR}/include -std=c11 -Wall
// #cgo LDFLAGS: -Wl,--as-needed -L${SRCDIR}/lib -ldl
// #include "shim.h"
import "C"

import (
	"cmp"
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// process is the state of the driver in this process: the C table that cu calls
// through exists once, so this does as well.
var process struct {
	mu      sync.Mutex
	mode    Mode
	library string
	version int
	failure *Cause // of the last Open of the hardware
}

// required are the entries without which the CUDA backend cannot work. Others may
// be missing: calling them gives NotSupported. Stream capture and graphs are
// optional, see GraphsSupported.
var required = []string{
	"cuInit", "cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString",
	"cuDeviceGet", "cuDeviceGetAttribute", "cuDeviceGetCount", "cuDeviceGetName", "cuDeviceTotalMem_v2",
	"cuDevicePrimaryCtxRetain", "cuCtxCreate_v2", "cuCtxDestroy_v2", "cuCtxSetCurrent", "cuCtxGetCurrent", "cuCtxSynchronize",
	"cuModuleLoadDataEx", "cuModuleUnload", "cuModuleGetFunction", "cuFuncGetAttribute", "cuFuncSetAttribute", "cuLaunchKernel",
	"cuMemAlloc_v2", "cuMemFree_v2", "cuMemGetInfo_v2", "cuMemHostAlloc", "cuMemFreeHost",
	"cuMemcpyHtoD_v2", "cuMemcpyDtoH_v2", "cuMemcpyDtoD_v2", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2",
	"cuMemsetD8_v2", "cuMemsetD8Async", "cuMemsetD32_v2", "cuMemsetD32Async",
	"cuStreamCreate", "cuStreamDestroy_v2", "cuStreamSynchronize", "cuStreamWaitEvent",
	"cuEventCreate", "cuEventDestroy_v2", "cuEventRecord", "cuEventSynchronize", "cuEventElapsedTime",
}

func (o Options) mode() Mode {
	if len(o.Emulated) > 0 {
		return Emulated
	}
	return Hardware
}

// Open makes NVIDIA's driver, or emulated devices, answer the driver API from now
// on, for gorgonia.org/cu and this package alike. It may be called again: with the
// same mode it repeats the first result, with the other mode it fails, because a
// process has one table of calls. A hardware driver that failed to open does not
// stand in the way of emulated devices. Errors are of type *Cause.
func Open(o Options) error {
	process.mu.Lock()
	defer process.mu.Unlock()
	want := o.mode()
	switch {
	case process.mode == want:
		return nil
	case process.mode != Closed:
		return &Cause{Reason: WrongMode, Detail: fmt.Sprintf("this process uses the %v driver already, the %v one needs a process of its own", process.mode, want)}
	case want == Emulated:
		emulated.open(o.Emulated)
		C.potion_use(1)
		process.mode, process.version = Emulated, emulatedVersion
		return nil
	case process.failure == nil:
		process.library = cmp.Or(o.Library, os.Getenv(LibraryVariable), DefaultLibrary)
		process.failure = load(process.library)
	}
	if process.failure != nil {
		return process.failure
	}
	process.mode = Hardware
	return nil
}

// load opens the library, and puts it in use only once the true cuInit succeeded:
// a library that did not start must not be called by anyone.
func load(library string) *Cause {
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	var why [512]C.char
	if C.potion_load(path, &why[0], C.size_t(len(why))) != 0 {
		return &Cause{Reason: NoLibrary, Library: library, Detail: C.GoString(&why[0])}
	}
	missing := func(symbol string) bool {
		name := C.CString(symbol)
		defer C.free(unsafe.Pointer(name))
		return C.potion_missing(name) != 0
	}
	cause := Cause{Library: library}
	if !missing("cuDriverGetVersion") {
		var v C.int
		if r := Result(C.potion_version(&v)); r == Success {
			cause.Version = int(v)
		}
	}
	process.version = cause.Version
	if cause.Version > 0 && cause.Version < MinVersion {
		cause.Reason = TooOld
		return &cause
	}
	for _, symbol := range required {
		if missing(symbol) {
			cause.Reason, cause.Symbol = MissingSymbol, symbol
			return &cause
		}
	}
	if cause.Result = Result(C.potion_init()); cause.Result != Success {
		cause.Reason = InitFailed
		if cause.Result == NoDevice {
			cause.Reason = NoDevices
		}
		return &cause
	}
	var n C.int
	if r := Result(C.potion_count(&n)); r != Success || n == 0 {
		cause.Reason, cause.Result = NoDevices, r
		return &cause
	}
	C.potion_use(0)
	return nil
}

// Failure tells why the hardware driver could not be opened; nil when it was, or
// when nobody tried.
func Failure() error {
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.failure == nil {
		return nil
	}
	return process.failure
}

// CurrentMode tells who answers the driver API.
func CurrentMode() Mode {
	process.mu.Lock()
	defer process.mu.Unlock()
	return process.mode
}

// Version is the newest CUDA version that the driver supports, 1000*major +
// 10*minor; 0 when no driver was found. It is known even for a driver that did
// not start.
func Version() int {
	process.mu.Lock()
	defer process.mu.Unlock()
	return process.version
}

// Library is the file name under which the driver library was looked for.
func Library() string {
	process.mu.Lock()
	defer process.mu.Unlock()
	return process.library
}

// LastUnsupported is the name of the last call on this thread that the open driver
// or the emulator did not have; such calls return NotSupported.
func LastUnsupported() string {
	if name := C.potion_thread().absent; name != nil {
		return C.GoString(name)
	}
	return ""
}
