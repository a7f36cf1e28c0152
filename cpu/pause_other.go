//go:build !amd64

package cpu

// pause has no instruction here.
func pause() {}
