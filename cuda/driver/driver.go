package driver

import (
	"fmt"

	"github.com/potion-engine/potion/cuda/emulator"
)

//go:generate go run ./gen

// Mode says who answers the driver API in this process.
type Mode int

// The modes. A process goes from Closed to one of the others once.
const (
	Closed   Mode = iota // nobody: no device is seen, other calls fail
	Hardware             // NVIDIA's driver library
	Emulated             // devices in software
)

func (m Mode) String() string {
	switch m {
	case Hardware:
		return "hardware"
	case Emulated:
		return "emulated"
	}
	return "closed"
}

// LibraryVariable names the environment variable that stands in for
// Options.Library where that is empty.
const LibraryVariable = "POTION_CUDA_LIB"

// DefaultLibrary is the name under which NVIDIA's drivers install themselves.
const DefaultLibrary = "libcuda.so.1"

// Options say which driver to open.
type Options struct {
	// Emulated devices to use in place of the driver's, numbered in order. The
	// zero Options ask for NVIDIA's driver.
	Emulated []*emulator.Device

	// Library is the file name of the driver library; when empty the variable
	// POTION_CUDA_LIB and then libcuda.so.1 count.
	Library string
}

// Result is a CUresult, the outcome of a driver call; 0 is success.
type Result int

// The results that callers tell apart.
const (
	Success               Result = 0
	InvalidValue          Result = 1
	OutOfMemory           Result = 2
	NotInitialized        Result = 3
	NoDevice              Result = 100
	InvalidDevice         Result = 101
	InvalidContext        Result = 201
	InvalidPTX            Result = 218
	UnsupportedPTXVersion Result = 222
	InvalidHandle         Result = 400
	NotFound              Result = 500
	NotReady              Result = 600
	IllegalAddress        Result = 700
	LaunchOutOfResources  Result = 701
	LaunchTimeout         Result = 702
	MisalignedAddress     Result = 716
	LaunchFailed          Result = 719
	NotSupported          Result = 801
	CaptureUnsupported    Result = 900
	CaptureInvalidated    Result = 901
	CaptureUnmatched      Result = 903
	CaptureUnjoined       Result = 904
	CaptureImplicit       Result = 906
	GraphUpdateFailure    Result = 910
	Unknown               Result = 999
)

// Error makes a Result an error that errors.Is finds.
func (r Result) Error() string { return r.String() }

// String gives NVIDIA's name and the number: CUDA_ERROR_NO_DEVICE (100).
func (r Result) String() string {
	name, known := resultNames[r]
	if !known {
		name = "CUDA error"
	}
	return fmt.Sprintf("%s (%d)", name, int(r))
}

// Lost reports a result after which the context is of no use any more: every
// later call in it fails.
func (r Result) Lost() bool {
	switch r {
	case IllegalAddress, LaunchTimeout, MisalignedAddress, LaunchFailed, 214, 220, 710, 714, 715, 717, 718:
		return true
	}
	return false
}

// Error is a failed driver call. Unwrap gives its Result.
type Error struct {
	Call   string // what was asked for: a function of the API, or a sentence's beginning
	Result Result
	Detail string // the driver's or the emulator's words; may be empty
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %v", e.Call, e.Result)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Result }
