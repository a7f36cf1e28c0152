//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import (
	"unsafe"

	"gorgonia.org/cu"
)

// cu keeps its handles in unexported fields, each the only one of its struct, and
// C types of two packages are never the same Go type. These conversions read the
// handle through its address; the array lengths below do not compile if cu's
// structs stop being one pointer.
var (
	_ [unsafe.Sizeof(cu.Function{}) - unsafe.Sizeof(uintptr(0))]byte
	_ [unsafe.Sizeof(uintptr(0)) - unsafe.Sizeof(cu.Function{})]byte
	_ [unsafe.Sizeof(cu.Stream{}) - unsafe.Sizeof(uintptr(0))]byte
	_ [unsafe.Sizeof(uintptr(0)) - unsafe.Sizeof(cu.Stream{})]byte
)

func functionHandle(f cu.Function) C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f)) }

func streamHandle(s cu.Stream) C.CUstream { return *(*C.CUstream)(unsafe.Pointer(&s)) }
