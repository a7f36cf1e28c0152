package cpu

import (
	"math"
	"testing"
)

func TestSoftCapOverAllMagnitudes(t *testing.T) {
	t.Parallel()
	for _, limit := range []float32{1, 30, 50} {
		for x := float32(1e-30); x < 1e30; x *= 1.013 {
			for _, v := range []float32{x, -x} {
				var y [1]float32
				softCap(y[:], []float32{v}, nil, limit)
				want := float64(limit) * math.Tanh(float64(v)/float64(limit))
				if math.Abs(float64(y[0])-want) > 6.1e-8*math.Abs(want) {
					t.Fatalf("limit %v, x %v: %v, want %v", limit, v, y[0], want)
				}
			}
		}
	}
}
