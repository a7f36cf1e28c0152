//go:build cuda && cgo && linux

package cuda

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
)

// MatMul has to agree with gorgonia's own engine.
func TestMatMul(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	for i, s := range [][3]int{{1, 1, 1}, {1, 7, 5}, {5, 7, 1}, {3, 64, 33}, {33, 100, 17}} {
		m, k, n := s[0], s[1], s[2]
		x, w := numbers(uint64(i), m*k), numbers(uint64(100+i), k*n)
		host := func(data []float32, rows, cols int) *tensor.Dense {
			return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(slices.Clone(data)))
		}
		want := tensor.New(tensor.WithShape(m, n), tensor.Of(tensor.Float32))
		if err := (tensor.StdEng{}).MatMul(host(x, m, k), host(w, k, n), want); err != nil {
			t.Fatal(err)
		}
		c, err := mustTensor(t, b, x, m, k).Dense().MatMul(mustTensor(t, b, w, k, n).Dense())
		if err != nil {
			t.Fatal(err)
		}
		y, err := engine.Wrap(c)
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range mustRead(t, b, y) {
			if math.Abs(float64(v-want.Data().([]float32)[j])) > 1e-4 {
				t.Fatalf("%v: element %d is %v, want %v", s, j, v, want.Data().([]float32)[j])
			}
		}
	}
}

func TestMatMulRefuses(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	x := mustTensor(t, b, numbers(1, 6), 2, 3).Dense()
	transposed := mustTensor(t, b, numbers(2, 6), 2, 3).Dense()
	if err := transposed.T(); err != nil {
		t.Fatal(err)
	}
	host := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking(numbers(3, 6)))
	for _, c := range []struct {
		want string
		w    *tensor.Dense
	}{{"transposed", transposed}, {"does not lie in this backend's memory", host}} {
		if _, err := x.MatMul(c.w); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("MatMul = %v, want %q", err, c.want)
		}
	}
	if _, err := x.Add(x); err == nil {
		t.Error("gorgonia's Add reached into the device's memory")
	}
}

func TestMemoryOfGorgonia(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	from, err := b.Alloc(64)
	if err != nil {
		t.Fatal(err)
	}
	to, err := b.Alloc(64)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.upload(uint64(from.Uintptr()), bytesOf(numbers(8, 16))); err != nil {
		t.Fatal(err)
	}
	if err := b.Memcpy(to, from); err != nil {
		t.Fatal(err)
	}
	b.Memclr(from)
	got := make([]float32, 16)
	if err := b.read(bytesOf(got), uint64(to.Uintptr())); err != nil || !slices.Equal(got, numbers(8, 16)) {
		t.Errorf("a copy holds %v, %v", got, err)
	}
	if err := b.read(bytesOf(got), uint64(from.Uintptr())); err != nil || !slices.Equal(got, make([]float32, 16)) {
		t.Errorf("cleared memory holds %v, %v", got, err)
	}
	if err := b.Memset(from, float32(1.5)); err != nil {
		t.Fatal(err)
	}
	if err := b.read(bytesOf(got), uint64(from.Uintptr())); err != nil || got[0] != 1.5 || got[15] != 1.5 {
		t.Errorf("memory set to 1.5 holds %v, %v", got, err)
	}
	if err := b.Memset(from, "1.5"); err == nil {
		t.Error("memory was set to a string")
	}
	if odd, err := b.Alloc(7); err != nil || odd.MemSize() != 7 || b.Sync() != nil {
		t.Errorf("7 bytes: %v", err)
	}
	if err := b.Memcpy(to, deviceMemory{addr: 64, size: 64}); err == nil {
		t.Error("Memcpy took memory that is not the backend's")
	}
	if _, err := b.Accessible(to); err == nil {
		t.Error("the device's memory was called accessible")
	}
	if err := b.Free(to, 64); err != nil {
		t.Error(err)
	}
	if err := b.Free(to, 64); err == nil {
		t.Error("memory was given back twice")
	}
}
