package cpu

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryStatus is MEMORYSTATUSEX of the Windows API.
type memoryStatus struct {
	length, load                                                     uint32
	totalPhys, availPhys, totalPage, availPage, totalVirt, availVirt uint64
	availExtended                                                    uint64
}

// memory is the machine's bytes in all and those that are free, 0 if Windows will not say.
func memory() (total, free int64) {
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if call.Find() != nil {
		return 0, 0
	}
	var s memoryStatus
	s.length = uint32(unsafe.Sizeof(s))
	if ok, _, _ := call.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return 0, 0
	}
	return int64(s.totalPhys), int64(s.availPhys)
}
