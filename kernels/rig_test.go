package kernels_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/kernels"
)

// rig runs kernels on an emulated device with its checker on: every access outside of an
// allocation, misaligned, or of something never written fails the test, and so does a
// race between two barriers.
type rig struct {
	testing.TB
	*emulator.Device
	rand    *rand.Rand
	last    *emulator.Launch            // what the last launch counted
	modules map[string]*emulator.Module // by file
}

func newRig(t testing.TB) *rig {
	r := &rig{
		TB:      t,
		Device:  emulator.New(emulator.Config{Memory: 1 << 32}),
		rand:    rand.New(rand.NewPCG(1, 2)),
		last:    new(emulator.Launch),
		modules: make(map[string]*emulator.Module),
	}
	r.OnLaunch(func(l emulator.Launch) { *r.last = l })
	return r
}

// within is the same rig for a subtest that does not run beside others.
func (r *rig) within(t testing.TB) *rig {
	sub := *r
	sub.TB = t
	return &sub
}

// module loads a file once.
func (r *rig) module(file string) *emulator.Module {
	r.Helper()
	if m := r.modules[file]; m != nil {
		return m
	}
	text := kernels.Source(file)
	if path := override(file); path != "" {
		edited, err := os.ReadFile(path)
		if err != nil {
			r.Fatal(err)
		}
		text = string(edited)
	}
	m, err := r.Load(text)
	if err != nil {
		r.Fatalf("%s: %v", file, err)
	}
	r.modules[file] = m
	return m
}

// overrideName names an environment variable: FILE.ptx=PATH makes the rig take that one
// file from there. Command mutate runs these tests on edited kernels.
const overrideName = "POTION_KERNEL_OVERRIDE"

func overriding() bool { return os.Getenv(overrideName) != "" }

// override is where a file is to be found, "" if it is the embedded one.
func override(file string) string {
	name, path, _ := strings.Cut(os.Getenv(overrideName), "=")
	if name != file {
		return ""
	}
	return path
}

// put copies data to a new allocation of exactly its size and gives its address.
func (r *rig) put(data any) uint64 {
	r.Helper()
	b, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		r.Fatal(err)
	}
	at := r.space(len(b))
	if err := r.CopyIn(at, b); err != nil {
		r.Fatal(err)
	}
	return at
}

// space is a new allocation of n bytes that count as never written.
func (r *rig) space(n int) uint64 {
	r.Helper()
	at, err := r.Alloc(int64(max(n, 1)))
	if err != nil {
		r.Fatal(err)
	}
	return at
}

// floats is n float32 from the device.
func (r *rig) floats(at uint64, n int) []float32 { return get[float32](r, at, n) }

func get[T any](r *rig, at uint64, n int) []T {
	r.Helper()
	out := make([]T, n)
	b := make([]byte, binary.Size(out))
	if err := r.CopyOut(b, at); err != nil {
		r.Fatal(err)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, out); err != nil {
		r.Fatal(err)
	}
	return out
}

// launch runs the kernel with its declared block and the arguments in order, which must
// have the sizes that the kernel declares.
func (r *rig) launch(entry string, grid emulator.Dim3, shared int, args ...any) {
	r.Helper()
	k, found := kernels.Find(entry)
	if !found {
		r.Fatalf("no kernel %s", entry)
	}
	if len(args) != len(k.Params) {
		r.Fatalf("%s takes %d arguments, not %d", entry, len(k.Params), len(args))
	}
	f, err := r.module(k.File).Function(entry)
	if err != nil {
		r.Fatal(err)
	}
	var params []byte
	for i, a := range args {
		if n := binary.Size(a); n != k.Params[i].Size {
			r.Fatalf("%s: argument %s has %d bytes, not %d", entry, k.Params[i].Name, n, k.Params[i].Size)
		}
		for len(params)%k.Params[i].Size != 0 {
			params = append(params, 0)
		}
		params, _ = binary.Append(params, binary.LittleEndian, a)
	}
	if shared > 48<<10 {
		if err := f.SetMaxDynamicShared(shared); err != nil {
			r.Fatal(err)
		}
	}
	block := emulator.Dim3{X: k.Block[0], Y: k.Block[1], Z: k.Block[2]}
	if err := r.Launch(f, grid, block, shared, params); err != nil {
		r.Fatal(err)
	}
}

// stored checks how many bytes the last launch wrote to global memory.
func (r *rig) stored(bytes int) {
	r.Helper()
	if r.last.GlobalStoreBytes != int64(bytes) {
		r.Errorf("%d bytes stored, want %d", r.last.GlobalStoreBytes, bytes)
	}
}

// normal is n numbers around mean.
func (r *rig) normal(n int, mean, deviation float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + deviation*r.rand.NormFloat64())
	}
	return x
}

// same checks the NMSE of got against want, and that no single number is off by more
// than 16 times its root, as a share of itself or of the RMS of all; NaN and infinities
// must stand in the same places.
func (r *rig) same(what string, got []float32, want []float64, limit float64) {
	r.Helper()
	var errors, power float64
	for _, w := range want {
		if w32 := float64(float32(w)); !math.IsInf(w32, 0) && !math.IsNaN(w32) {
			power += w * w
		}
	}
	rms := math.Sqrt(power / float64(len(want)))
	for i, w := range want {
		g, w := float64(got[i]), float64(float32(w))
		if math.IsNaN(w) != math.IsNaN(g) || math.IsInf(w, 0) && g != w {
			r.Errorf("%s: element %d is %v, want %v", what, i, g, w)
			return
		}
		if math.IsNaN(w) || math.IsInf(w, 0) {
			continue
		}
		if e := math.Abs(g - w); e > 16*math.Sqrt(limit)*max(rms, math.Abs(w)) {
			r.Errorf("%s: element %d is %v, want %v", what, i, g, w)
			return
		}
		errors += (g - w) * (g - w)
	}
	if errors > limit*power {
		r.Errorf("%s: NMSE %.3g, limit %.3g", what, errors/power, limit)
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func rows(n int) emulator.Dim3 { return emulator.Dim3{X: n, Y: 1, Z: 1} }
