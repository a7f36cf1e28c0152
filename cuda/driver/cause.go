package driver

import (
	"fmt"
	"strings"
)

// Reason says in one word why there is no CUDA device to use.
type Reason int

// The reasons, in the order in which Open meets them.
const (
	NotBuilt      Reason = iota + 1 // this program was built without CUDA
	WrongMode                       // the process uses the other mode already
	NoLibrary                       // the loader did not find or take the driver library
	MissingSymbol                   // the library lacks a function
	TooOld                          // the driver is older than MinVersion
	InitFailed                      // cuInit returned an error
	NoDevices                       // the driver works and sees no device
)

// MinVersion is the oldest driver that can be used, as cuDriverGetVersion counts:
// 1000*major + 10*minor. CUDA 10.1 is the first with PTX 6.4 and stream capture
// that names its mode.
const MinVersion = 10010

// Cause is the error of Open: why there is no driver, and what to do about it.
type Cause struct {
	Reason  Reason
	Library string // file name of the driver library
	Symbol  string // of MissingSymbol
	Version int    // of the driver, 0 when it could not be asked
	Result  Result // of InitFailed and NoDevices
	Detail  string // the loader's message and the like
}

// Error gives cause and cure in one line.
func (c *Cause) Error() string {
	if cure := c.Cure(); cure != "" {
		return c.what() + "; " + cure
	}
	return c.what()
}

// Unwrap gives the driver's result, if there is one.
func (c *Cause) Unwrap() error {
	if c.Result == Success {
		return nil
	}
	return c.Result
}

func (c *Cause) what() string {
	switch c.Reason {
	case NotBuilt:
		return "built without CUDA"
	case WrongMode:
		return c.Detail
	case NoLibrary:
		return fmt.Sprintf("no NVIDIA driver: cannot load %s: %s", c.Library, strings.TrimPrefix(c.Detail, c.Library+": "))
	case MissingSymbol:
		return fmt.Sprintf("the NVIDIA driver %s%s lacks %s", c.Library, c.version(), c.Symbol)
	case TooOld:
		return fmt.Sprintf("the NVIDIA driver %s is too old: it supports CUDA %s, at least %s is needed", c.Library, VersionString(c.Version), VersionString(MinVersion))
	case InitFailed:
		return fmt.Sprintf("the NVIDIA driver %s%s did not start: cuInit returned %v", c.Library, c.version(), c.Result)
	case NoDevices:
		return fmt.Sprintf("the NVIDIA driver %s%s sees no device", c.Library, c.version())
	}
	return c.Detail
}

func (c *Cause) version() string {
	if c.Version == 0 {
		return ""
	}
	return " (CUDA " + VersionString(c.Version) + ")"
}

// VersionString writes a driver version as people know it: 12040 is 12.4.
func VersionString(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// cures are what helped others with each result of cuInit; NVIDIA's reference of
// CUresult and its driver installation guide say the same in more words.
var cures = map[Result]string{
	OutOfMemory:    "free memory on the host or the device and try again",
	NotInitialized: "load the kernel module (sudo modprobe nvidia) and try again",
	34:             "the toolkit's stub library was found: remove its lib64/stubs from LD_LIBRARY_PATH",
	46:             "another process holds the device for itself: see nvidia-smi, compute mode",
	NoDevice:       "check with nvidia-smi that a GPU is there, that CUDA_VISIBLE_DEVICES does not hide it, and that a container was started with its GPUs",
	InvalidDevice:  "CUDA_VISIBLE_DEVICES names a device that is not there",
	304:            "the operating system refused: check the permissions of /dev/nvidia*",
	802:            "the machine's GPUs are not ready: start nvidia-fabricmanager or wait for it",
	803:            "the driver library and the kernel module are of different versions: restart the machine after the driver's update, or install the same version in the container",
	804:            "the forward-compatibility library does not support this GPU: remove cuda-compat from the library path",
	805:            "the MPS control daemon cannot be reached: start it, or unset CUDA_MPS_PIPE_DIRECTORY",
	Unknown:        "the driver's kernel part is not in order: try sudo modprobe nvidia-uvm, or restart the machine (frequent after a suspend or a driver update)",
}

// Cure says what to do; empty when nothing general can be said.
func (c *Cause) Cure() string {
	switch c.Reason {
	case NotBuilt:
		return "build on Linux with gcc and make build to use a GPU"
	case NoLibrary:
		return "install NVIDIA's driver (no CUDA toolkit is needed), or start the container with its GPUs"
	case MissingSymbol, TooOld:
		return "install a newer NVIDIA driver"
	case NoDevices:
		return cures[NoDevice]
	case InitFailed:
		return cures[c.Result]
	}
	return ""
}
