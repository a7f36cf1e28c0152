//go:build cuda && cgo && linux

package nvml

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fake behaves as the library does on a machine with one GPU; its counter goes up by 1.5 J a
// reading.
const fake = `#include <string.h>
static unsigned long long used = 1000000;
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
	if (strcmp(uuid, "GPU-01020304-0000-0000-0000-000000000001") != 0) return 6;
	*device = &used;
	return 0;
}
int ENERGY(void *device, unsigned long long *mj) {
	if (SUPPORTED == 0) return 3;
	*mj = *(unsigned long long *)device += 1500;
	return 0;
}
`

func build(t *testing.T, replace ...string) string {
	t.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	path := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
	c := exec.Command(cc, "-shared", "-fPIC", "-o", path, "-xc", "-")
	source := strings.NewReplacer(append(replace, "INIT", "0", "ENERGY", "nvmlDeviceGetTotalEnergyConsumption", "SUPPORTED", "1")...).Replace(fake)
	c.Stdin = strings.NewReader(source)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

const gpu = "GPU-01020304-0000-0000-0000-000000000001"

func TestMeter(t *testing.T) {
	t.Parallel()
	m, err := Open(gpu, build(t))
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Joules()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := m.Joules(); err != nil || b-a != 1.5 || a != 1003 {
		t.Errorf("%v and then %v J, %v", a, b, err)
	}
}

func TestMeterIsMissing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ uuid, library, want string }{
		"no library":  {gpu, filepath.Join(t.TempDir(), "none.so"), "cannot open shared object file"},
		"another GPU": {"GPU-2", build(t), "gives 6 for GPU-2"},
		"no driver":   {gpu, build(t, "INIT", "9"), "nvmlInit_v2 gives 9"},
		"an old one":  {gpu, build(t, "ENERGY", "nvmlOther"), "has no nvmlDeviceGetTotalEnergyConsumption"},
		"unsupported": {gpu, build(t, "SUPPORTED", "0"), "gives 3"},
	} {
		if _, err := Open(test.uuid, test.library); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
