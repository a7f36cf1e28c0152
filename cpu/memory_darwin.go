package cpu

import "golang.org/x/sys/unix"

// memory is the machine's bytes in all; what is free the system does not tell simply.
func memory() (total, free int64) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0, 0
	}
	return int64(n), 0
}
