package cpu

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// memory is the machine's bytes in all and those that a program may still take, as the
// kernel says in /proc/meminfo; 0 where it does not.
func memory() (total, free int64) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			total = kib * 1024
		case "MemAvailable:":
			free = kib * 1024
		}
	}
	return total, free
}
