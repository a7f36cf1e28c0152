//go:build !amd64 && !arm64

package cpu

var levelNames = []string{generic: "generic"}

func bestLevel() level { return generic }

func kernelsOf(level) *kernels { return plainKernels() }
