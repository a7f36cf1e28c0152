//go:build cuda && cgo && linux

package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gorgonia.org/cu"

	"github.com/potion-engine/potion/cuda/emulator"
)

// childVariable names the library that a child process of the tests opens: the
// table of calls is one for a process, so each library needs its own.
const childVariable = "POTION_DRIVER_TEST_LIBRARY"

// byEnvironment as the child's library leaves Options.Library empty.
const byEnvironment = "by environment"

// outcome is what a child saw.
type outcome struct {
	Mode                    string
	Reason                  Reason
	Result                  Result
	Symbol, Error           string
	Version                 int
	Again                   string // the error of a second Open
	DevicesBefore, Devices  int
	VersionBefore           int
	AllocBefore, AllocAfter Result
	EmulatedAfter           string
	LaunchAllocations       float64 // of Launch, on hardware
}

// TestChild is the child's part; it does nothing in the parent.
func TestChild(t *testing.T) {
	library := os.Getenv(childVariable)
	if library == "" {
		t.Skip("this is the part of a child process of TestLibraries")
	}
	var o outcome
	count := func() int {
		n, err := cu.NumDevices()
		if err != nil {
			t.Error(err)
		}
		return n
	}
	allocate := func() Result {
		_, err := cu.MemAlloc(1)
		r, _ := ResultOf(err)
		return r
	}
	o.DevicesBefore, o.VersionBefore, o.AllocBefore = count(), cu.Version(), allocate()
	options := Options{Library: library}
	if library == byEnvironment {
		options.Library = ""
	}
	err := Open(options)
	if err != nil {
		o.Error = err.Error()
		var cause *Cause
		if errors.As(err, &cause) {
			o.Reason, o.Result, o.Symbol = cause.Reason, cause.Result, cause.Symbol
		}
		if Failure() == nil || Failure().Error() != o.Error {
			t.Errorf("Failure() = %v", Failure())
		}
	}
	if err := Open(options); err != nil {
		o.Again = err.Error()
	} else {
		slots, extent := make([]uint64, 8), &Extent{1, 1, 1, 1, 1, 1}
		o.LaunchAllocations = testing.AllocsPerRun(100, func() {
			if err := Launch(cu.Function{}, extent, 0, cu.NoStream, slots); err != nil {
				t.Fatal(err)
			}
		})
	}
	o.Mode, o.Version, o.Devices, o.AllocAfter = CurrentMode().String(), Version(), count(), allocate()
	if err := Open(Options{Emulated: []*emulator.Device{emulator.New(emulator.Config{Memory: 1 << 20})}}); err != nil {
		o.EmulatedAfter = err.Error()
	} else if n := count(); n != 1 {
		t.Errorf("%d emulated devices", n)
	}
	if err := json.NewEncoder(os.NewFile(3, "outcome")).Encode(o); err != nil {
		t.Fatal(err)
	}
}

func openInChild(t *testing.T, library string, env ...string) outcome {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(append(os.Environ(), childVariable+"="+library), env...)
	cmd.ExtraFiles = []*os.File{w}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	w.Close()
	if err != nil {
		t.Fatalf("the child failed: %v\n%s", err, &said)
	}
	var o outcome
	if err := json.NewDecoder(r).Decode(&o); err != nil {
		t.Fatal(err)
	}
	if o.DevicesBefore != 0 || o.VersionBefore != 0 || o.AllocBefore != NotInitialized {
		t.Errorf("before Open: %d devices, version %d, cuMemAlloc %v", o.DevicesBefore, o.VersionBefore, o.AllocBefore)
	}
	return o
}

// fake is a driver library made for the test: every call succeeds and does
// nothing, but for these.
type fake struct {
	init, version, devices int
	lacks                  string
}

func (f fake) build(t *testing.T) string {
	t.Helper()
	header, err := os.ReadFile(filepath.Join("include", "cuda.h"))
	if err != nil {
		t.Fatal(err)
	}
	var c strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^CUresult (cu\w+)\(`).FindAllStringSubmatch(string(header), -1) {
		switch name := m[1]; name {
		case f.lacks:
		case "cuInit":
			fmt.Fprintf(&c, "int cuInit(unsigned f) { return %d; }\n", f.init)
		case "cuDriverGetVersion":
			fmt.Fprintf(&c, "int cuDriverGetVersion(int *v) { *v = %d; return 0; }\n", f.version)
		case "cuDeviceGetCount":
			fmt.Fprintf(&c, "int cuDeviceGetCount(int *n) { *n = %d; return 0; }\n", f.devices)
		default:
			fmt.Fprintf(&c, "int %s() { return 0; }\n", name)
		}
	}
	dir := t.TempDir()
	source, library := filepath.Join(dir, "fake.c"), filepath.Join(dir, "libcuda.so.1")
	if err := os.WriteFile(source, []byte(c.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return library
}

// Whatever the library is, the process lives, and Open says what is wrong.
func TestLibraries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fake   fake
		reason Reason
		result Result
		says   []string
	}{
		"works":          {fake{0, 12040, 1, ""}, 0, 0, nil},
		"no device":      {fake{100, 12040, 0, ""}, NoDevices, NoDevice, []string{"CUDA 12.4", "sees no device", "CUDA_VISIBLE_DEVICES"}},
		"count of 0":     {fake{0, 12040, 0, ""}, NoDevices, 0, []string{"sees no device"}},
		"not started":    {fake{3, 12040, 0, ""}, InitFailed, NotInitialized, []string{"CUDA_ERROR_NOT_INITIALIZED (3)", "modprobe"}},
		"unknown":        {fake{999, 12040, 0, ""}, InitFailed, Unknown, []string{"CUDA_ERROR_UNKNOWN (999)", "nvidia-uvm"}},
		"mismatch":       {fake{803, 12040, 0, ""}, InitFailed, 803, []string{"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)", "restart"}},
		"new error":      {fake{4321, 12040, 0, ""}, InitFailed, 4321, []string{"CUDA error (4321)"}},
		"too old":        {fake{0, 9020, 1, ""}, TooOld, 0, []string{"CUDA 9.2", "at least 10.1"}},
		"missing symbol": {fake{0, 12040, 1, "cuFuncSetAttribute"}, MissingSymbol, 0, []string{"lacks cuFuncSetAttribute", "CUDA 12.4"}},
		"no version":     {fake{0, 0, 1, "cuDriverGetVersion"}, MissingSymbol, 0, []string{"lacks cuDriverGetVersion"}},
		"optional":       {fake{0, 11000, 1, "cuGraphUpload"}, 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openInChild(t, c.fake.build(t))
			if o.Reason != c.reason || o.Result != c.result || o.Symbol != "" && o.Symbol != c.fake.lacks {
				t.Errorf("reason %v, result %v, symbol %q", o.Reason, o.Result, o.Symbol)
			}
			for _, want := range c.says {
				if !strings.Contains(o.Error, want) {
					t.Errorf("%q lacks %q", o.Error, want)
				}
			}
			if o.Again != o.Error || o.Version != c.fake.version {
				t.Errorf("a second Open: %q, version %d", o.Again, o.Version)
			}
			works := c.reason == 0
			if works != (o.Mode == "hardware" && o.Devices == 1 && o.AllocAfter == Success && strings.Contains(o.EmulatedAfter, "hardware")) ||
				!works && (o.Mode != "closed" || o.Devices != 0 || o.AllocAfter != NotInitialized || o.EmulatedAfter != "") {
				t.Errorf("after Open: %+v", o)
			}
		})
	}
}

func TestLibraryVariable(t *testing.T) {
	t.Parallel()
	o := openInChild(t, byEnvironment, LibraryVariable+"="+fake{0, 12040, 3, ""}.build(t))
	if o.Mode != "hardware" || o.Devices != 3 {
		t.Errorf("%+v", o)
	}
	if o.LaunchAllocations != 0 {
		t.Errorf("a launch allocates %v times", o.LaunchAllocations)
	}
}

func TestNoLibrary(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "libcuda.so.1")
	o := openInChild(t, missing)
	if o.Reason != NoLibrary || !strings.Contains(o.Error, "cannot load "+missing+": cannot open shared object file") {
		t.Errorf("%+v", o)
	}
	text := filepath.Join(t.TempDir(), "libcuda.so.1")
	if err := os.WriteFile(text, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	if o := openInChild(t, text); o.Reason != NoLibrary || !strings.Contains(o.Error, "too short") && !strings.Contains(o.Error, "ELF") {
		t.Errorf("%+v", o)
	}
}

// NVIDIA's own library on a machine without a GPU.
func TestRealLibraryWithoutDevice(t *testing.T) {
	t.Parallel()
	library := os.Getenv("POTION_LIBCUDA")
	if library == "" {
		t.Skip("POTION_LIBCUDA does not name NVIDIA's libcuda.so.1 (Debian: apt-get download libcuda1; dpkg -x)")
	}
	o := openInChild(t, library)
	t.Logf("%+v", o)
	if o.Reason != NoDevices || o.Result != NoDevice || o.Version < MinVersion || o.Devices != 0 {
		t.Errorf("%+v", o)
	}
}
