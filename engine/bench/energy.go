package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Meter counts the energy that a device has used.
type Meter interface {
	// Joules is the count; only differences mean something.
	Joules() (float64, error)
	// Source says what counts, and whose energy.
	Source() string
}

// energyTime is how long the timed runs must take together for their energy to be told: some
// counters move ten times a second.
const energyTime = 500 * time.Millisecond

// energyOf is the energy a token of runs that began when the counter stood at before; nil where
// it is not known.
func energyOf(m Meter, before float64, elapsed time.Duration, tokens int) *float64 {
	if m == nil || elapsed < energyTime {
		return nil
	}
	after, err := m.Joules()
	if err != nil || !(after > before) {
		return nil
	}
	return ptr((after - before) / float64(tokens))
}

// PowerCap is where Linux shows a processor's energy counters.
const PowerCap = "/sys/class/powercap"

// rapl is the counters of all processor packages and, where they have them, of their memory
// (Linux, Documentation/power/powercap; Intel and AMD processors have them).
type rapl struct {
	zones []raplZone
	joule float64 // up to the last reading
}

// raplZone is a counter that begins anew after its range.
type raplZone struct {
	path  string
	span  uint64 // microjoules
	last  uint64
	label string
}

// OpenRAPL finds the counters below a folder such as PowerCap. Most systems let only root read
// them, and virtual machines have none: the error says so.
func OpenRAPL(root string) (Meter, error) {
	m := &rapl{}
	dirs, err := filepath.Glob(filepath.Join(root, "intel-rapl:*"))
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		label, err := os.ReadFile(filepath.Join(d, "name"))
		name := strings.TrimSpace(string(label))
		// Other zones are parts of these, or the whole machine and these with it.
		if err != nil || !strings.HasPrefix(name, "package-") && name != "dram" {
			continue
		}
		z := raplZone{path: filepath.Join(d, "energy_uj"), label: name}
		if z.span, err = microjoules(filepath.Join(d, "max_energy_range_uj")); err != nil {
			return nil, err
		}
		if z.last, err = microjoules(z.path); err != nil {
			return nil, err
		}
		m.zones = append(m.zones, z)
	}
	if len(m.zones) == 0 {
		return nil, fmt.Errorf("no energy counters in %s: %w", root, fs.ErrNotExist)
	}
	return m, nil
}

func microjoules(path string) (uint64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, errors.Unwrap(err))
	}
	return n, nil
}

// Joules must be called at least once while a counter goes through its range, which takes
// minutes or more.
func (m *rapl) Joules() (float64, error) {
	for i := range m.zones {
		z := &m.zones[i]
		now, err := microjoules(z.path)
		if err != nil {
			return 0, err
		}
		used := now - z.last
		if now < z.last {
			used = now + (z.span - z.last)
		}
		z.last = now
		m.joule += float64(used) / 1e6
	}
	return m.joule, nil
}

func (m *rapl) Source() string {
	var labels []string
	for _, z := range m.zones {
		labels = append(labels, z.label)
	}
	return "RAPL, " + strings.Join(labels, ", ")
}
