// Package nvml reads the energy that a GPU has used, from NVIDIA's management library, which
// comes with the driver. The library is looked for when it is asked for: nothing is linked.
package nvml

import "errors"

// ErrNone is wrapped where there is no library, no such GPU or no counter in it.
var ErrNone = errors.New("no energy counter")
