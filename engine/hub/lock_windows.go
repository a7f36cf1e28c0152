package hub

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock takes a file for this process until it is closed, or fails at once.
func lock(f *os.File) error {
	const all = 1<<32 - 1
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, all, all, new(windows.Overlapped))
}
