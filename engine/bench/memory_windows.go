package bench

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryCounters is PROCESS_MEMORY_COUNTERS of psapi.h.
type memoryCounters struct {
	size, faults               uint32
	peakWorkingSet, workingSet uintptr
	quotas                     [6]uintptr // paged and non-paged pools, page file
}

// PeakMemory is the most memory that the process has had resident, in bytes, mapped files
// included; 0 if unknown.
func PeakMemory() int64 {
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")
	if call.Find() != nil {
		return 0
	}
	m := memoryCounters{size: uint32(unsafe.Sizeof(memoryCounters{}))}
	if ok, _, _ := call.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&m)), uintptr(m.size)); ok == 0 {
		return 0
	}
	return int64(m.peakWorkingSet)
}

// ResetPeakMemory does nothing: the system has no such call.
func ResetPeakMemory() {}
