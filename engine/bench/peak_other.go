//go:build !amd64 && !arm64

package bench

func loops() []peakLoops { return []peakLoops{goLoops()} }
