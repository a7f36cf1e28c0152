//go:build !(cuda && cgo && linux)

package driver

// Open fails: this program was built without CUDA.
func Open(Options) error { return &Cause{Reason: NotBuilt} }

// Failure tells why no driver could be opened.
func Failure() error { return &Cause{Reason: NotBuilt} }

// CurrentMode is always Closed.
func CurrentMode() Mode { return Closed }

// Version is always 0.
func Version() int { return 0 }
