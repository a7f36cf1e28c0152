package bench

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Level is where a processor keeps a number of bytes that are read again and again.
type Level string

// The levels.
const (
	LevelL2      Level = "L2 cache"
	LevelL3      Level = "L3 cache"
	LevelMemory  Level = "memory"
	LevelUnknown Level = "unknown"
)

// Cached says that rates were reached out of a cache: a model that does not fit it would
// not reach them.
func (l Level) Cached() bool { return l == LevelL2 || l == LevelL3 }

// Caches are the sizes of a processor's data caches in bytes; 0 if unknown.
type Caches struct {
	L2 int64 // of one core
	L3 int64 // of all cores together
}

// ReadCaches asks the processor, or where it does not tell, Linux.
func ReadCaches() Caches {
	c := Caches{int64(max(cpuid.CPU.Cache.L2, 0)), int64(max(cpuid.CPU.Cache.L3, 0))}
	if c.L2 > 0 {
		return c
	}
	dirs, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*")
	for _, d := range dirs {
		read := func(name string) string {
			b, _ := os.ReadFile(filepath.Join(d, name))
			return strings.TrimSpace(string(b))
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(read("size"), "K"), 10, 64)
		if err != nil || read("type") == "Instruction" {
			continue
		}
		switch read("level") {
		case "2":
			c.L2 = kib << 10
		case "3":
			c.L3 = kib << 10
		}
	}
	return c
}

// Level is where bytes lie that threads, each on a core of its own, read in turn. What
// exceeds the caches comes from memory, although a part of it may still be found in them.
func (c Caches) Level(bytes int64, threads int) Level {
	switch {
	case c.L2 <= 0:
		return LevelUnknown
	case bytes <= c.L2*int64(threads):
		return LevelL2
	case bytes <= c.L3:
		return LevelL3
	}
	return LevelMemory
}

// BufferBytes is how large a buffer shows the read bandwidth of the level that holds
// bytes: of the same size, but no larger than it takes to lie in memory surely.
func (c Caches) BufferBytes(bytes int64) int64 {
	return min(bytes, max(1<<30, 8*c.L3))
}
