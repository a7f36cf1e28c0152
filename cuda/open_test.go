//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/engine"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Device: 99, Emulated: true}, "device 99 of 5"},
		{Options{Device: -1, Emulated: true}, "device -1 of 5"},
		{Options{Device: tooOld, Emulated: true}, "compute capability 6.1; the kernels need 7.0"},
		{Options{}, "uses the emulated driver already"},
	} {
		b, err := Open(c.o)
		if b != nil || !errors.Is(err, engine.ErrNoDevice) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%+v) = %v, want %q", c.o, err, c.want)
		}
	}
}

// Without a driver the error has the cause and the cure, and nothing exits the process.
func TestOpenWithoutDriver(t *testing.T) {
	t.Parallel()
	if os.Getenv(childVariable) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestOpenWithoutDriver$")
		child.Env = append(os.Environ(), childVariable+"=1", driver.LibraryVariable+"=libcuda-that-is-not-there.so")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	_, err := Open(Options{})
	_, listErr := Devices()
	for _, err := range []error{err, listErr} {
		var cause *driver.Cause
		if !errors.Is(err, engine.ErrNoDevice) || !errors.As(err, &cause) || cause.Reason != driver.NoLibrary ||
			!strings.Contains(err.Error(), "libcuda-that-is-not-there.so") || !strings.Contains(err.Error(), "install NVIDIA's driver") {
			t.Error(err)
		}
	}
	// Emulated devices are still to be had.
	b, err := Open(Options{Emulated: true, Emulator: emulator.Config{Memory: 1 << 24}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if i := b.Info(); i.Memory != 1<<24 {
		t.Errorf("Info() = %+v", i)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	b := openDevice(t, small)
	i := b.Info()
	if i.Kind != "emulated" || i.Name == "" || i.Units != 16 || i.Memory != smallMemory || i.Free <= 0 || i.Free > i.Memory || !slices.Equal(i.Features, []string{"sm_90"}) {
		t.Errorf("Info() = %+v", i)
	}
	list, err := Devices()
	if err != nil || len(list) != 5 || list[small].Memory != smallMemory || list[volta].Features[0] != "sm_70" {
		t.Errorf("Devices() = %+v, %v", list, err)
	}
}

func TestModulesCompile(t *testing.T) {
	t.Parallel()
	for _, device := range []int{ordinary, volta} {
		list := openDevice(t, device).Modules()
		if len(list) < 20 {
			t.Errorf("%d modules", len(list))
		}
		for _, m := range list {
			if m.Err != nil || m.Skipped != (device == volta && m.Target > 70) || !m.Skipped && len(m.Kernels) == 0 {
				t.Errorf("device %d: %+v", device, m)
			}
		}
	}
}

// Two backends on one device do not see each other.
func TestOpenTwice(t *testing.T) {
	t.Parallel()
	a, b := openDevice(t, ordinary), openDevice(t, ordinary)
	data := numbers(1, 1000)
	x, y := mustTensor(t, a, data, 10, 100), mustTensor(t, b, nil, 10, 100)
	a.Residual(x, x, x)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for i, v := range mustRead(t, a, x) {
		if v != 2*data[i] {
			t.Fatalf("element %d is %v, want %v", i, v, 2*data[i])
		}
	}
	b.Residual(y, y, y)
	if err := b.Read(make([]float32, 1000), y); !errors.Is(err, errClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if _, err := b.NewTensor(engine.Float32, 1); !errors.Is(err, errClosed) {
		t.Errorf("NewTensor after Close: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
