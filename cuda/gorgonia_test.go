//go:build cuda && cgo && linux

package cuda_test

import (
	"fmt"
	"log"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/cuda"
	"github.com/potion-engine/potion/engine"
)

// Ordinary gorgonia code multiplies matrices on the device. Their numbers go there and
// come back through the backend, because gorgonia cannot see the device's memory.
func ExampleBackend_MatMul() {
	backend, err := cuda.Open(cuda.Options{Emulated: true})
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()

	matrix := func(rows, cols int, data []float32) *tensor.Dense {
		d := tensor.New(tensor.WithShape(rows, cols), tensor.Of(tensor.Float32), tensor.WithEngine(backend))
		t, err := engine.Wrap(d)
		if err != nil {
			log.Fatal(err)
		}
		backend.Write(t, data)
		return d
	}
	a := matrix(2, 3, []float32{1, 2, 3, 4, 5, 6})
	b := matrix(3, 2, []float32{1, 0, 0, 1, 1, 1})
	c, err := a.MatMul(b)
	if err != nil {
		log.Fatal(err)
	}

	t, err := engine.Wrap(c)
	if err != nil {
		log.Fatal(err)
	}
	product := make([]float32, 4)
	if err := backend.Read(product, t); err != nil {
		log.Fatal(err)
	}
	fmt.Println(product)
	// Output:
	// [4 5 10 11]
}
