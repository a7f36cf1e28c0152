//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"math"
	"regexp"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// Float32Products keeps products of many rows within float32's own errors.
func TestFloat32Products(t *testing.T) {
	t.Parallel()
	b, err := Open(Options{Device: ordinary, Emulated: true, Float32Products: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	many := regexp.MustCompile(`/rows (17|33|64)\b`)
	for _, c := range backendtest.Cases() {
		if c.Op != "Linear" || c.Flops > maxFlops || !many.MatchString(c.Name) {
			continue
		}
		if r := c.Run(b, backendtest.Options{}); !r.Pass {
			t.Error(r)
		}
	}
	if b.products.staged.bytes != 0 {
		t.Error("rows were brought to half precision")
	}
}

// Which kernels a product of so many rows takes, on a device with tensor cores and without.
func TestProductsOfRows(t *testing.T) {
	t.Parallel()
	tensor, old := openDevice(t, ordinary), openDevice(t, volta)
	for _, c := range []struct {
		b        *Backend
		f        format.Format
		rows     int
		launches uint64 // of two products with the same rows
	}{
		{tensor, format.Q4_0, 1, 2}, {tensor, format.Q4_0, kernels.MatvecRows, 2}, {tensor, format.Q4_0, kernels.MatvecRows + 1, 3},
		{tensor, format.F16, 16, 3}, {tensor, format.F16, 17, 3}, {tensor, format.BF16, 40, 3}, {tensor, format.F32, 40, 2},
		{old, format.Q4_0, 8, 2}, {old, format.Q4_0, 9, 2}, {old, format.F16, 40, 2},
	} {
		const n, k = 24, 64
		packed := make([]byte, n*c.f.RowBytes(k))
		for i := range n {
			c.f.Quantize(packed[i*c.f.RowBytes(k):][:c.f.RowBytes(k)], numbers(uint64(i), k))
		}
		var w [2]engine.Weight
		for i := range w {
			var err error
			if w[i], err = c.b.NewWeight(c.f, n, k, packed); err != nil {
				t.Fatal(err)
			}
		}
		x, y := mustTensor(t, c.b, numbers(3, c.rows*k), c.rows, k), mustTensor(t, c.b, nil, c.rows, n)
		z := mustTensor(t, c.b, nil, c.rows, n)
		before := c.b.Launches()
		if c.rows <= c.b.matvecRows(c.f) {
			c.b.Linear(y, x, w[0], engine.Tensor{})
			c.b.Linear(z, x, w[1], engine.Tensor{})
		} else {
			rows := c.b.manyRows("Linear", x)
			rows.multiply(y, w[0].(*weight), 0)
			rows.multiply(z, w[1].(*weight), 0)
		}
		name := fmt.Sprintf("%v, %d rows, compute capability %d", c.f, c.rows, c.b.compute)
		if got := c.b.Launches() - before; got != c.launches {
			t.Errorf("%s: %d launches, want %d", name, got, c.launches)
		}
		first, second := mustRead(t, c.b, y), mustRead(t, c.b, z)
		for i := range first {
			if math.Float32bits(first[i]) != math.Float32bits(second[i]) {
				t.Fatalf("%s: y[%d] is %v, then %v", name, i, first[i], second[i])
			}
		}
	}
}
