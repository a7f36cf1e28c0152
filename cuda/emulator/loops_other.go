//go:build !amd64

package emulator

func bestLoops() *loops { return plainLoops() }
