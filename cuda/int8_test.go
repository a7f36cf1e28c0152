//go:build cuda && cgo && linux

package cuda

import (
	"testing"

	"github.com/potion-engine/potion/engine/backendtest"
)

// Products with quantised weights and activations rounded to int8 agree with an oracle that
// rounds the same numbers.
func TestParityOfInt8Activations(t *testing.T) {
	t.Parallel()
	byOp := map[string][]backendtest.Case{}
	for _, c := range backendtest.Cases() {
		if c.Format.BlockLen() > 1 && c.Flops <= maxFlops {
			byOp[c.Op] = append(byOp[c.Op], c)
		}
	}
	for _, op := range []string{"Linear", "Project", "Gate", "Accumulate"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			b := openDevice(t, ordinary)
			b.int8 = true
			for _, c := range byOp[op] {
				if r := c.Run(b, backendtest.Options{Int8Activations: true}); !r.Pass {
					t.Error(r)
				}
				if err := b.Sync(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
