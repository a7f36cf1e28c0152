//go:build unix && !solaris && !aix

package hub

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock takes a file for this process until it is closed, or fails at once.
func lock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
