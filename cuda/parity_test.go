//go:build cuda && cgo && linux

package cuda

import (
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/kernels"
)

// maxFlops leaves out cases that would take the emulator long; what they hold beyond
// smaller ones is size alone.
const maxFlops = 3e5

// Every case of the parity suite runs on an emulated device with its checker on: one
// access out of bounds, one uninitialised byte or one race fails it as well.
func TestParity(t *testing.T) {
	t.Parallel()
	byOp := map[string][]backendtest.Case{}
	left := 0
	for _, c := range backendtest.Cases() {
		if c.Flops > maxFlops {
			left++
			continue
		}
		byOp[c.Op] = append(byOp[c.Op], c)
	}
	t.Logf("%d cases of more than %.0e operations are left out", left, float64(maxFlops))
	for op, cases := range byOp {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			b := openDevice(t, ordinary)
			for _, c := range cases {
				if r := c.Run(b, backendtest.Options{HalfActivations: b.compute >= kernels.TensorCores}); !r.Pass {
					t.Error(r)
				}
				if err := b.Sync(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// The same suite with memory cut from chunks, as on a GPU.
func TestParityInChunks(t *testing.T) {
	t.Parallel()
	b := openDevice(t, volta)
	b.arena.exact = false
	for i, c := range backendtest.Cases() {
		large := c.Op == "Attend" && strings.HasSuffix(c.Name, " of 256") // tiles do not fit this device's shared memory
		if c.Flops > maxFlops && !large || i%5 != 0 && !large {
			continue
		}
		if r := c.Run(b, backendtest.Options{HalfActivations: b.compute >= kernels.TensorCores}); !r.Pass {
			t.Fatal(r)
		}
	}
	if b.arena.used > 4<<20 {
		t.Errorf("%d bytes are left in use", b.arena.used)
	}
}
