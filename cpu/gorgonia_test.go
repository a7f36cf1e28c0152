package cpu_test

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/cpu"
)

// Ordinary gorgonia code runs on the backend's threads and inner loops.
func ExampleBackend_MatMul() {
	backend, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()

	a := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float32{1, 2, 3, 4, 5, 6}), tensor.WithEngine(backend))
	b := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking([]float32{1, 0, 0, 1, 1, 1}), tensor.WithEngine(backend))
	c, err := a.MatMul(b)
	if err != nil {
		log.Fatal(err)
	}
	twice, err := c.Add(c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Data())
	fmt.Println(twice.Data())
	// Output:
	// [4 5 10 11]
	// [8 10 20 22]
}

// MatMul has to agree with gorgonia's own engine, whichever of the two does the work.
func TestMatMul(t *testing.T) {
	t.Parallel()
	backend, err := cpu.New(cpu.Options{Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close() })
	r := rand.New(rand.NewPCG(40, 1))
	matrix := func(e tensor.Engine, data []float32, rows, cols int) *tensor.Dense {
		return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data), tensor.WithEngine(e))
	}
	for _, s := range [][3]int{{1, 1, 1}, {1, 7, 5}, {5, 7, 1}, {3, 64, 33}, {33, 100, 17}, {70, 300, 90}} {
		m, k, n := s[0], s[1], s[2]
		x, w := make([]float32, m*k), make([]float32, k*n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		for i := range w {
			w[i] = float32(r.NormFloat64())
		}
		for _, transposed := range []bool{false, true} {
			product := func(e tensor.Engine) []float32 {
				a, b := matrix(e, append([]float32(nil), x...), m, k), matrix(e, append([]float32(nil), w...), k, n)
				if transposed {
					b = matrix(e, append([]float32(nil), w...), n, k)
					if err := b.T(); err != nil {
						t.Fatal(err)
					}
				}
				c, err := a.MatMul(b)
				if err != nil {
					t.Fatal(err)
				}
				data, ok := c.Data().([]float32)
				if !ok { // a single number
					data = []float32{c.Data().(float32)}
				}
				return data
			}
			got, want := product(backend), product(tensor.StdEng{})
			for i := range want {
				if math.Abs(float64(got[i]-want[i])) > 1e-4 {
					t.Fatalf("%v, transposed %v: element %d is %v, want %v", s, transposed, i, got[i], want[i])
				}
			}
		}
	}
}

// Other element types are left to gorgonia.
func TestMatMulOfFloat64(t *testing.T) {
	t.Parallel()
	backend, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close() })
	a := tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float64{3, 4}), tensor.WithEngine(backend))
	b := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float64{1, 2, 3, 4}), tensor.WithEngine(backend))
	c, err := a.MatMul(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Data()); got != "[15 22]" {
		t.Errorf("%v, want [15 22]", got)
	}
}

func BenchmarkMatMul(b *testing.B) {
	const size = 512
	for _, own := range []bool{true, false} {
		backend, err := cpu.New(cpu.Options{})
		if err != nil {
			b.Fatal(err)
		}
		var e tensor.Engine = tensor.StdEng{}
		name := "gorgonia"
		if own {
			e, name = backend, "backend"
		}
		b.Run(name, func(b *testing.B) {
			x := tensor.New(tensor.WithShape(size, size), tensor.WithBacking(tensor.Random(tensor.Float32, size*size)), tensor.WithEngine(e))
			y := tensor.New(tensor.WithShape(size, size), tensor.Of(tensor.Float32), tensor.WithEngine(e))
			for b.Loop() {
				if _, err := x.MatMul(x, tensor.WithReuse(y)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(2*size*size*size*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		backend.Close()
	}
}
