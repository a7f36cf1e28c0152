//go:build !(cuda && cgo && linux)

package driver

import (
	"errors"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
)

func TestOpenSaysBuiltWithoutCUDA(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Emulated: []*emulator.Device{emulator.New(emulator.Config{})}}} {
		var cause *Cause
		if err := Open(o); !errors.As(err, &cause) || cause.Reason != NotBuilt {
			t.Errorf("Open(%+v) = %v", o, err)
		}
	}
	if CurrentMode() != Closed || Version() != 0 || Failure() == nil {
		t.Errorf("mode %v, version %d, failure %v", CurrentMode(), Version(), Failure())
	}
}
