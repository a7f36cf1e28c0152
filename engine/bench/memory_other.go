//go:build !linux && !darwin && !windows

package bench

// PeakMemory is unknown here.
func PeakMemory() int64 { return 0 }

// ResetPeakMemory does nothing.
func ResetPeakMemory() {}
