package bench_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/potion-engine/potion/engine/bench"
	"github.com/potion-engine/potion/engine/session"
)

// powercap is a folder as Linux shows it on a machine with two packages.
func powercap(t *testing.T) (root string, set func(zone string, microjoules uint64)) {
	t.Helper()
	root = t.TempDir()
	set = func(zone string, microjoules uint64) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, zone, "energy_uj"), []byte(strconv.FormatUint(microjoules, 10)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for zone, name := range map[string]string{
		"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram", "intel-rapl:1": "package-1", "intel-rapl:2": "psys", "intel-rapl-mmio:0": "package-0",
	} {
		dir := filepath.Join(root, zone)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"name": name, "max_energy_range_uj": "1000000000"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		set(zone, 1000)
	}
	return root, set
}

// Packages and memory count, also where a counter begins anew; cores and the whole machine
// would count twice.
func TestRAPL(t *testing.T) {
	t.Parallel()
	root, set := powercap(t)
	m, err := bench.OpenRAPL(root)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Source(), "RAPL, package-0, dram, package-1"; got != want {
		t.Errorf("source %q, want %q", got, want)
	}
	read := func() float64 {
		t.Helper()
		j, err := m.Joules()
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	begin := read()
	set("intel-rapl:0", 999_000_000)
	set("intel-rapl:0:0", 500_000_000)
	set("intel-rapl:0:1", 501_000)
	set("intel-rapl:2", 900_000_000)
	if d := read() - begin; math.Abs(d-(998.999+0.5)) > 1e-9 {
		t.Errorf("%v J", d)
	}
	begin = read()
	set("intel-rapl:0", 2_000_000) // after 1 J more to the end of its range
	if d := read() - begin; math.Abs(d-3) > 1e-9 {
		t.Errorf("%v J over the end of the range", d)
	}
	set("intel-rapl:1", 0)
	if err := os.Remove(filepath.Join(root, "intel-rapl:1", "energy_uj")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Joules(); err == nil {
		t.Error("a counter that is gone")
	}
}

func TestRAPLIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := bench.OpenRAPL(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no counters: %v", err)
	}
	root, _ := powercap(t)
	if err := os.WriteFile(filepath.Join(root, "intel-rapl:0", "energy_uj"), []byte("lots"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bench.OpenRAPL(root); err == nil || !strings.Contains(err.Error(), "energy_uj") {
		t.Errorf("no number: %v", err)
	}
}

// clock uses two watts.
type clock struct {
	begin time.Time
	err   error
}

func (c *clock) Joules() (float64, error) { return 2 * time.Since(c.begin).Seconds(), c.err }
func (c *clock) Source() string           { return "a clock" }

func TestEnergyOfATest(t *testing.T) {
	t.Parallel()
	r := demo(t, session.Options{Context: 64})
	test := bench.Test{Gen: 8, Batch: 1}
	long := bench.Limits{Repetitions: 1, Spread: 0, Time: 600 * time.Millisecond}
	meter := &clock{begin: time.Now()}
	m, err := bench.Measure(context.Background(), r, test, long, 1, meter, nil)
	if err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	for _, s := range m.Samples {
		took += s
	}
	want := 2 * took.Seconds() / float64(len(m.Samples)*test.Tokens())
	if m.JoulesPerToken == nil || *m.JoulesPerToken < want || *m.JoulesPerToken > 2*want {
		t.Errorf("%v J a token, want %v", m.JoulesPerToken, want)
	}
	for name, of := range map[string]struct {
		limits bench.Limits
		meter  bench.Meter
	}{
		"no meter":            {long, nil},
		"too short to tell":   {bench.Limits{Repetitions: 1, Spread: math.Inf(1)}, meter},
		"a meter that breaks": {long, &clock{time.Now(), errors.New("gone")}},
	} {
		m, err := bench.Measure(context.Background(), r, test, of.limits, 1, of.meter, nil)
		if err != nil || m.JoulesPerToken != nil {
			t.Errorf("%s: %v, %v", name, m.JoulesPerToken, err)
		}
	}
}
