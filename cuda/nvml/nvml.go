//go:build cuda && cgo && linux

package nvml

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
//
// // The part of nvml.h that is used; its ABI is stable.
// typedef int (*init_fn)(void);
// typedef int (*handle_fn)(const char *uuid, void **device);
// typedef int (*energy_fn)(void *device, unsigned long long *millijoules);
//
// static int call_init(void *f) { return ((init_fn)f)(); }
// static int call_handle(void *f, const char *uuid, void **d) { return ((handle_fn)f)(uuid, d); }
// static int call_energy(void *f, void *d, unsigned long long *mj) { return ((energy_fn)f)(d, mj); }
import "C"

import (
	"fmt"
	"unsafe"
)

// library is the file's name as the driver installs it.
const library = "libnvidia-ml.so.1"

// Meter is the energy counter of a GPU. It counts the whole GPU and its memory, whoever uses
// it, from the driver's start on.
type Meter struct {
	energy unsafe.Pointer // nvmlDeviceGetTotalEnergyConsumption, Volta and later
	device unsafe.Pointer
}

// Open finds the counter of the GPU with a UUID, such as GPU-8f2d..., in the library of a name
// or path, "" for the driver's.
func Open(uuid, name string) (*Meter, error) {
	if name == "" {
		name = library
	}
	path := C.CString(name)
	defer C.free(unsafe.Pointer(path))
	l := C.dlopen(path, C.RTLD_NOW|C.RTLD_LOCAL)
	if l == nil {
		return nil, fmt.Errorf("%w: %s", ErrNone, C.GoString(C.dlerror()))
	}
	symbols := map[string]unsafe.Pointer{}
	for _, s := range []string{"nvmlInit_v2", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetTotalEnergyConsumption"} {
		c := C.CString(s)
		symbols[s] = C.dlsym(l, c)
		C.free(unsafe.Pointer(c))
		if symbols[s] == nil {
			return nil, fmt.Errorf("%w: %s has no %s", ErrNone, name, s)
		}
	}
	if r := C.call_init(symbols["nvmlInit_v2"]); r != 0 {
		return nil, fmt.Errorf("%w: nvmlInit_v2 gives %d", ErrNone, int(r))
	}
	m := &Meter{energy: symbols["nvmlDeviceGetTotalEnergyConsumption"]}
	c := C.CString(uuid)
	defer C.free(unsafe.Pointer(c))
	if r := C.call_handle(symbols["nvmlDeviceGetHandleByUUID"], c, &m.device); r != 0 {
		return nil, fmt.Errorf("%w: nvmlDeviceGetHandleByUUID gives %d for %s", ErrNone, int(r), uuid)
	}
	if _, err := m.Joules(); err != nil {
		return nil, err
	}
	return m, nil
}

// Joules is the counter, in steps of a thousandth.
func (m *Meter) Joules() (float64, error) {
	var millijoules C.ulonglong
	if r := C.call_energy(m.energy, m.device, &millijoules); r != 0 {
		return 0, fmt.Errorf("%w: nvmlDeviceGetTotalEnergyConsumption gives %d", ErrNone, int(r))
	}
	return float64(millijoules) / 1000, nil
}

// Source says what is counted.
func (m *Meter) Source() string { return "NVML, the whole GPU" }
