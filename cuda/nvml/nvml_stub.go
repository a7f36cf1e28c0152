//go:build !(cuda && cgo && linux)

package nvml

import "fmt"

// Meter is the energy counter of a GPU; this build has none.
type Meter struct{}

// Open fails: this build is without CUDA.
func Open(string, string) (*Meter, error) {
	return nil, fmt.Errorf("%w: built without CUDA", ErrNone)
}

// Joules is never called.
func (m *Meter) Joules() (float64, error) { return 0, ErrNone }

// Source says what is counted.
func (m *Meter) Source() string { return "" }
