//go:build !amd64

package cpu

func bestLevel() level { return generic }

func kernelsOf(level) *kernels { return plainKernels() }
