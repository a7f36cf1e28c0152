//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/engine"
)

// The emulated devices of the tests' process.
const (
	ordinary = iota
	small    // has little memory
	tooOld   // has a compute capability before 7.0
	doomed   // loses its context in its first launch of a kernel that does much
	volta    // has the oldest compute capability that is taken, and little shared memory
)

const smallMemory = 24 << 20

// childVariable marks a process that a test started to see no emulated device.
const childVariable = "POTION_CUDA_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(m.Run())
	}
	const endless = 1 << 22 // instructions of a warp: far beyond any kernel here
	err := driver.Open(driver.Options{Emulated: []*emulator.Device{
		ordinary: emulator.New(emulator.Config{Memory: 4 << 30, MaxInstructions: endless}),
		small:    emulator.New(emulator.Config{Memory: smallMemory}),
		tooOld:   emulator.New(emulator.Config{Name: "Potion emulated Pascal", ComputeMajor: 6, ComputeMinor: 1}),
		doomed:   emulator.New(emulator.Config{MaxInstructions: 100}),
		volta:    emulator.New(emulator.Config{ComputeMajor: 7, ComputeMinor: 0, SharedPerBlockOptin: 64 << 10}),
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func openDevice(t testing.TB, number int) *Backend {
	t.Helper()
	b, err := Open(Options{Device: number, Emulated: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func numbers(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 5))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func mustTensor(t testing.TB, b engine.Backend, data []float32, rows, cols int) engine.Tensor {
	t.Helper()
	x, err := b.NewTensor(engine.Float32, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	if data != nil {
		b.Write(x, data)
	}
	return x
}

func mustRead(t testing.TB, b engine.Backend, x engine.Tensor) []float32 {
	t.Helper()
	y := make([]float32, x.Len())
	if err := b.Read(y, x); err != nil {
		t.Fatal(err)
	}
	return y
}
