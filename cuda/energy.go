//go:build cuda && cgo && linux

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	_ "github.com/potion-engine/potion/cuda/driver" // cu needs it to link
	"github.com/potion-engine/potion/cuda/nvml"
)

// OpenEnergyMeter finds the energy counter of a GPU by its number, as in Options.Device. The
// driver must have been opened by Open.
func OpenEnergyMeter(device int) (*nvml.Meter, error) {
	d, err := cu.GetDevice(device)
	if err != nil {
		return nil, fmt.Errorf("%w: GPU %d: %w", nvml.ErrNone, device, err)
	}
	id, err := d.UUID()
	if err != nil {
		return nil, fmt.Errorf("%w: GPU %d: %w", nvml.ErrNone, device, err)
	}
	return nvml.Open(fmt.Sprintf("GPU-%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]), "")
}
