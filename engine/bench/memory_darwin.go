package bench

import "golang.org/x/sys/unix"

// PeakMemory is the most memory that the process has had resident, in bytes, mapped files
// included; 0 if unknown.
func PeakMemory() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss // bytes here, not KiB
}

// ResetPeakMemory does nothing: the system has no such call.
func ResetPeakMemory() {}
