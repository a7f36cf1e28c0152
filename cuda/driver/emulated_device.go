//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import (
	"math"
	"unsafe"
)

//export potion_emulated_cuDriverGetVersion
func potion_emulated_cuDriverGetVersion(v *C.int) C.CUresult {
	*v = emulatedVersion
	return C.CUDA_SUCCESS
}

//export potion_emulated_cuDeviceGetCount
func potion_emulated_cuDeviceGetCount(n *C.int) C.CUresult {
	return anywhere(func(m *machine) Result {
		*n = C.int(len(m.gpus))
		return Success
	})
}

// onDevice runs a call that names a device.
func onDevice(d C.CUdevice, call func(m *machine, g *gpu) Result) C.CUresult {
	return anywhere(func(m *machine) Result {
		if d < 0 || int(d) >= len(m.gpus) {
			return m.fail(InvalidDevice, "device %d: there are %d", d, len(m.gpus))
		}
		return call(m, m.gpus[d])
	})
}

//export potion_emulated_cuDeviceGet
func potion_emulated_cuDeviceGet(d *C.CUdevice, ordinal C.int) C.CUresult {
	return onDevice(C.CUdevice(ordinal), func(_ *machine, g *gpu) Result {
		*d = C.CUdevice(g.ordinal)
		return Success
	})
}

//export potion_emulated_cuDeviceGetName
func potion_emulated_cuDeviceGetName(name *C.char, size C.int, d C.CUdevice) C.CUresult {
	return onDevice(d, func(m *machine, g *gpu) Result {
		if size < 1 {
			return m.fail(InvalidValue, "cuDeviceGetName: a buffer of %d bytes", size)
		}
		out := unsafe.Slice((*byte)(unsafe.Pointer(name)), size)
		out[copy(out[:size-1], g.Config().Name)] = 0
		return Success
	})
}

//export potion_emulated_cuDeviceGetUuid
func potion_emulated_cuDeviceGetUuid(id *C.CUuuid, d C.CUdevice) C.CUresult {
	return onDevice(d, func(_ *machine, g *gpu) Result {
		out := unsafe.Slice((*byte)(unsafe.Pointer(id)), 16)
		copy(out, "potion emulated")
		out[15] = byte(g.ordinal)
		return Success
	})
}

//export potion_emulated_cuDeviceTotalMem_v2
func potion_emulated_cuDeviceTotalMem_v2(n *C.size_t, d C.CUdevice) C.CUresult {
	return onDevice(d, func(_ *machine, g *gpu) Result {
		*n = C.size_t(g.Config().Memory)
		return Success
	})
}

//export potion_emulated_cuDeviceGetAttribute
func potion_emulated_cuDeviceGetAttribute(value *C.int, attribute C.CUdevice_attribute, d C.CUdevice) C.CUresult {
	return onDevice(d, func(_ *machine, g *gpu) Result {
		*value = C.int(g.attribute(attribute))
		return Success
	})
}

// attribute is 0 for what an emulated device does not have, as on hardware. Clocks
// and caches say nothing about speed here; they are round figures.
func (g *gpu) attribute(a C.CUdevice_attribute) int {
	cfg := g.Config()
	switch a {
	case C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
		return cfg.ComputeMajor
	case C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
		return cfg.ComputeMinor
	case C.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
		return cfg.SMs
	case C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
		return cfg.SharedPerBlock
	case C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
		return cfg.SharedPerBlockOptin
	case C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
		return cfg.SharedPerBlockOptin + 1<<10
	case C.CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
		return 1 << 10
	case C.CU_DEVICE_ATTRIBUTE_WARP_SIZE:
		return 32
	case C.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, C.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, C.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
		return 1024
	case C.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
		return 64
	case C.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, C.CU_DEVICE_ATTRIBUTE_MAX_PITCH:
		return math.MaxInt32
	case C.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, C.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
		return math.MaxUint16
	case C.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
		return 2048
	case C.CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
		return 32
	case C.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, C.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, C.CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
		return 1 << 16
	case C.CU_DEVICE_ATTRIBUTE_CLOCK_RATE, C.CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: // kHz
		return 1e6
	case C.CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: // bits
		return 256
	case C.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
		return 1 << 20
	case C.CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
		return 512
	case C.CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, C.CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, C.CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
		return 1
	}
	return 0
}

//export potion_emulated_cuGetErrorName
func potion_emulated_cuGetErrorName(r C.CUresult, name **C.char) C.CUresult {
	*name = nil
	return C.CUDA_ERROR_INVALID_VALUE // resultNames is at hand without C strings
}

//export potion_emulated_cuGetErrorString
func potion_emulated_cuGetErrorString(r C.CUresult, text **C.char) C.CUresult {
	*text = nil
	return C.CUDA_ERROR_INVALID_VALUE
}
