//go:build !(cuda && cgo && linux)

package cuda_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda"
	"github.com/potion-engine/potion/engine"
)

var _ engine.Backend = (*cuda.Backend)(nil)

func TestOpenSaysBuiltWithoutCUDA(t *testing.T) {
	t.Parallel()
	for _, o := range []cuda.Options{{}, {Device: 3}, {Emulated: true}} {
		b, err := cuda.Open(o)
		if b != nil || !errors.Is(err, engine.ErrNoDevice) || !strings.Contains(err.Error(), "built without CUDA") {
			t.Errorf("Open(%+v) = %v, %v", o, b, err)
		}
	}
	if list, err := cuda.Devices(); list != nil || !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("Devices() = %v, %v", list, err)
	}
}
