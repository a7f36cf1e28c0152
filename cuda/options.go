package cuda

import (
	"fmt"

	"github.com/potion-engine/potion/cuda/emulator"
)

// Options say which device to open.
type Options struct {
	// Device is its number, from 0, as nvidia-smi lists them (CUDA_VISIBLE_DEVICES
	// applies).
	Device int

	// Float32Products multiplies in float32 throughout. Without it, products of many rows
	// with weights other than F32 run on tensor cores where the device has them: activations
	// are rounded to f16 (bf16 for BF16 weights) and quantised weights to f16.
	Float32Products bool

	// Int8Activations lets products with quantised weights round activations to integers of 8
	// bits (package format, activations.go): faster where instructions, not memory, are the
	// limit, and less exact.
	Int8Activations bool

	// Emulated asks for a device in software instead of a GPU. A process uses GPUs or
	// emulated devices, not both.
	Emulated bool
	// Emulator describes the emulated device. The first Open of a process that asks for
	// one makes it; later ones share it, whatever they say here.
	Emulator emulator.Config
}

// ModuleReport says how the driver took one .ptx file.
type ModuleReport struct {
	File    string
	Target  int            // compute capability that its text asks for: 70 for sm_70
	Skipped bool           // the device is older than that; other kernels do its work
	Err     error          // what the driver said, nil if it compiled
	Log     string         // remarks of the compiler
	Kernels []KernelReport // empty if it did not compile
}

// KernelReport is what the compiler made of a kernel.
type KernelReport struct {
	Entry     string
	Registers int // of a thread
	Shared    int // bytes of static shared memory of a block
	Local     int // bytes of local memory of a thread: spilled registers and arrays
}

// MemoryError says that the device's memory does not suffice.
type MemoryError struct {
	Device       string
	Wanted       int64 // bytes
	Free, Memory int64 // bytes, of the device
	Err          error // the driver's
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("%s: %s wanted, %s of %s free: %v", e.Device, size(e.Wanted), size(e.Free), size(e.Memory), e.Err)
}

func (e *MemoryError) Unwrap() error { return e.Err }

// size is bytes as people read them.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}
