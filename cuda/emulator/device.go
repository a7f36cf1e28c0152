package emulator

import (
	"fmt"
	"runtime"
	"sync"
)

// Dim3 is the extent of a grid or block, or a place in one.
type Dim3 struct{ X, Y, Z int }

func (d Dim3) String() string { return fmt.Sprintf("(%d,%d,%d)", d.X, d.Y, d.Z) }

func (d Dim3) count() int { return d.X * d.Y * d.Z }

// Config describes the device to emulate. The zero value of every field but
// the last two stands for the default named beside it.
type Config struct {
	Name                       string // "Potion emulated GPU"
	ComputeMajor, ComputeMinor int    // 9.0
	Memory                     int64  // bytes of global memory; 8 GiB, taken from the host as it is allocated
	Threads                    int    // blocks that run at once on the host; GOMAXPROCS
	SMs                        int    // 16; seen by %nsmid and reports only
	SharedPerBlock             int    // 48 KiB: shared memory of a block without opting in
	SharedPerBlockOptin        int    // 227 KiB: with Function.SetMaxDynamicShared
	MaxInstructions            int64  // warp instructions of one warp before it counts as endless; 1<<26
	Traffic                    bool   // counts DistinctSectors and RoundTrips, which takes time
	Unchecked                  bool   // leaves out the checks for uninitialised values and races
}

func (c Config) withDefaults() Config {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	if c.Name == "" {
		c.Name = "Potion emulated GPU"
	}
	if c.ComputeMajor == 0 {
		c.ComputeMajor, c.ComputeMinor = 9, 0
	}
	if c.Memory == 0 {
		c.Memory = 8 << 30
	}
	if c.MaxInstructions == 0 {
		c.MaxInstructions = 1 << 26
	}
	set(&c.Threads, runtime.GOMAXPROCS(0))
	set(&c.SMs, 16)
	set(&c.SharedPerBlock, 48<<10)
	set(&c.SharedPerBlockOptin, 227<<10)
	return c
}

// Device is an emulated GPU. Its methods may be called from several goroutines;
// launches and copies that touch the same memory are ordered by the caller, as
// streams are.
type Device struct {
	cfg      Config
	memory   memory
	loops    *loops
	mu       sync.Mutex
	onLaunch func(Launch)
	totals   map[string]*Launch
	sample   int64
	launches uint64 // the number of the latest
}

// New makes a device.
func New(c Config) *Device {
	d := &Device{cfg: c.withDefaults(), totals: map[string]*Launch{}, loops: bestLoops()}
	d.memory.limit = d.cfg.Memory
	d.memory.next = globalBase
	d.memory.checked, d.memory.traffic = !d.cfg.Unchecked, d.cfg.Traffic
	return d
}

// Config returns the device's description with the defaults filled in.
func (d *Device) Config() Config { return d.cfg }
