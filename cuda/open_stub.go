//go:build !(cuda && cgo && linux)

package cuda

import (
	"fmt"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/engine"
)

// Backend does not exist in this build: Open returns none.
type Backend struct{ engine.Backend }

// Modules does nothing in this build.
func (*Backend) Modules() []ModuleReport { return nil }

// Launches does nothing in this build.
func (*Backend) Launches() uint64 { return 0 }

// Open fails: this program was built without CUDA.
func Open(Options) (*Backend, error) { return nil, notBuilt() }

// Devices fails: this program was built without CUDA.
func Devices() ([]engine.Info, error) { return nil, notBuilt() }

func notBuilt() error {
	return fmt.Errorf("%w: %w", engine.ErrNoDevice, driver.Open(driver.Options{}))
}
