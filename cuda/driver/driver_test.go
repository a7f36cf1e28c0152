package driver

import (
	"errors"
	"strings"
	"testing"
)

func TestResultNames(t *testing.T) {
	t.Parallel()
	for r, want := range map[Result]string{
		Success: "CUDA_SUCCESS (0)", NoDevice: "CUDA_ERROR_NO_DEVICE (100)", IllegalAddress: "CUDA_ERROR_ILLEGAL_ADDRESS (700)",
		UnsupportedPTXVersion: "CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222)", 12345: "CUDA error (12345)",
	} {
		if got := r.String(); got != want {
			t.Errorf("Result(%d) = %q, want %q", int(r), got, want)
		}
	}
}

func TestErrorsUnwrapToTheirResult(t *testing.T) {
	t.Parallel()
	var err error = &Error{Call: "cuMemAlloc", Result: OutOfMemory, Detail: "12 bytes"}
	if !errors.Is(err, OutOfMemory) {
		t.Errorf("%v is not OutOfMemory", err)
	}
	if want := "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2): 12 bytes"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	err = &Cause{Reason: InitFailed, Library: "libcuda.so.1", Version: 12020, Result: 803}
	if !errors.Is(err, Result(803)) {
		t.Errorf("%v does not unwrap to its result", err)
	}
}

// Each cause says what is wrong and what to do.
func TestCauses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause Cause
		want  []string
	}{
		{Cause{Reason: NotBuilt}, []string{"built without CUDA", "make build"}},
		{Cause{Reason: NoLibrary, Library: "libcuda.so.1", Detail: "libcuda.so.1: cannot open shared object file: No such file or directory"},
			[]string{"cannot load libcuda.so.1: cannot open shared object file", "install NVIDIA's driver"}},
		{Cause{Reason: MissingSymbol, Library: "libcuda.so.1", Symbol: "cuMemHostAlloc", Version: 10020}, []string{"(CUDA 10.2) lacks cuMemHostAlloc", "newer NVIDIA driver"}},
		{Cause{Reason: TooOld, Library: "libcuda.so.1", Version: 9020}, []string{"supports CUDA 9.2, at least 10.1", "newer NVIDIA driver"}},
		{Cause{Reason: InitFailed, Library: "libcuda.so.1", Version: 12020, Result: 803}, []string{"(CUDA 12.2)", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)", "restart the machine"}},
		{Cause{Reason: InitFailed, Library: "libcuda.so.1", Result: Unknown}, []string{"CUDA_ERROR_UNKNOWN (999)", "nvidia-uvm"}},
		{Cause{Reason: NoDevices, Library: "libcuda.so.1", Version: 12020, Result: NoDevice}, []string{"sees no device", "CUDA_VISIBLE_DEVICES"}},
	} {
		for _, want := range c.want {
			if got := c.cause.Error(); !strings.Contains(got, want) {
				t.Errorf("%q lacks %q", got, want)
			}
		}
	}
}

// A result of cuInit with advice has a name as well.
func TestCuresAreOfKnownResults(t *testing.T) {
	t.Parallel()
	for r := range cures {
		if _, ok := resultNames[r]; !ok {
			t.Errorf("there is advice for %v, which cuda.h does not name", r)
		}
	}
}
