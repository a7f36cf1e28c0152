package engine

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"gorgonia.org/tensor"
)

// ramp is a tensor [rows, cols] of 0, 1, 2, ...
func ramp(rows, cols int) Tensor {
	data := make([]float32, rows*cols)
	for i := range data {
		data[i] = float32(i)
	}
	return FromRows(data, rows, cols)
}

func dense(dt tensor.Dtype, shape ...int) *tensor.Dense {
	return tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
}

// must is Wrap of a Dense that it takes.
func must(t *testing.T, d *tensor.Dense) Tensor {
	t.Helper()
	x, err := Wrap(d)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// panicText is what f panics with, "" if it does not.
func panicText(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

func TestWrapShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shape      []int
		rows, cols int
	}{
		{[]int{5}, 1, 5}, {[]int{3, 4}, 3, 4}, {[]int{2, 3, 4}, 6, 4}, {[]int{2, 1, 3, 1}, 6, 1}, {[]int{1, 1}, 1, 1},
	} {
		for _, dt := range []tensor.Dtype{Float32, Int32} {
			x := must(t, dense(dt, c.shape...))
			if x.Rows() != c.rows || x.Cols() != c.cols || x.Len() != c.rows*c.cols || x.Dtype() != dt || x.IsZero() {
				t.Errorf("%v of %v is %v [%d %d]", c.shape, dt, x.Dtype(), x.Rows(), x.Cols())
			}
			if len(x.F32())+len(x.I32()) != x.Len() || (x.F32() == nil) == (x.I32() == nil) {
				t.Errorf("%v of %v: %d float32, %d int32 in reach", c.shape, dt, len(x.F32()), len(x.I32()))
			}
		}
	}
}

func TestWrapRefuses(t *testing.T) {
	t.Parallel()
	square := dense(Float32, 4, 4)
	columns, err := square.Slice(nil, tensor.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	turned := dense(Float32, 2, 3)
	if err := turned.T(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		d    *tensor.Dense
		says string
	}{
		{dense(tensor.Float64, 2, 2), "element type is float64, want float32 or int32"},
		{columns.(*tensor.Dense), "not contiguous"},
		{turned, "not contiguous and row-major"},
		{tensor.New(tensor.Of(Float32), tensor.WithShape(2, 3), tensor.AsFortran(nil)), "row-major"},
		{tensor.New(tensor.FromScalar(float32(1))), "a scalar is not a matrix"},
	} {
		x, err := Wrap(c.d)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Wrap of %v %v gives %v, error %v, want %q", c.d.Dtype(), c.d.Shape(), x, err, c.says)
		}
	}
}

// A Dense that is itself a run of rows of another is contiguous, and starts where it
// starts.
func TestWrapSliceOfRows(t *testing.T) {
	t.Parallel()
	whole := ramp(4, 3)
	rows, err := whole.Dense().Slice(tensor.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	x := must(t, rows.(*tensor.Dense))
	if x.Rows() != 2 || x.Cols() != 3 || x.F32()[0] != 3 || x.Addr() != whole.Addr()+12 {
		t.Errorf("got %v at %#x, the whole is at %#x", x, x.Addr(), whole.Addr())
	}
}

func TestPartAndReshape(t *testing.T) {
	t.Parallel()
	x := ramp(6, 4)
	p := x.Part(2, 5)
	if p.Rows() != 3 || p.Cols() != 4 || p.Addr() != x.Addr()+2*4*4 || !reflect.DeepEqual(p.Row(1), []float32{12, 13, 14, 15}) {
		t.Errorf("rows 2 to 5 are %v", p)
	}
	pp := p.Part(1, 3).Reshape(4, 2)
	if pp.Rows() != 4 || pp.Cols() != 2 || pp.Addr() != x.Addr()+3*4*4 || !reflect.DeepEqual(pp.Row(3), []float32{18, 19}) {
		t.Errorf("a part of a part is %v", pp)
	}
	pp.F32()[0] = -1
	if x.F32()[12] != -1 {
		t.Error("a part does not share memory")
	}
	if cap(p.F32()) != p.Len() || cap(p.Row(0)) != 4 {
		t.Error("appending to a part would overwrite its neighbours")
	}
	if e := x.Part(3, 3); e.Rows() != 0 || e.Len() != 0 || e.IsZero() {
		t.Errorf("an empty part is %v", e)
	}
	ints := must(t, dense(Int32, 3, 2))
	ints.I32()[4] = 9
	if got := ints.Part(2, 3); got.I32()[0] != 9 || got.F32() != nil {
		t.Errorf("part of int32 is %v", got)
	}
}

func TestViewsAllocateNothing(t *testing.T) { // counts allocations, so not in parallel
	x := ramp(6, 4)
	if n := testing.AllocsPerRun(100, func() { _ = x.Part(1, 2).Reshape(2, 2) }); n != 0 {
		t.Errorf("a view costs %v allocations", n)
	}
}

func TestTensorPanics(t *testing.T) {
	t.Parallel()
	x := ramp(3, 4)
	for _, c := range []struct {
		do   func()
		want string
	}{
		{func() { x.Part(-1, 2) }, "engine: Part: rows -1 to 2 of 3"},
		{func() { x.Part(2, 1) }, "engine: Part: rows 2 to 1 of 3"},
		{func() { x.Part(0, 4) }, "engine: Part: rows 0 to 4 of 3"},
		{func() { x.Part(1, 3).Part(0, 3) }, "engine: Part: rows 0 to 3 of 2"},
		{func() { x.Reshape(5, 2) }, "engine: Reshape: [3 4] to [5 2]"},
		{func() { x.Reshape(-3, -4) }, "engine: Reshape: [3 4] to [-3 -4]"},
		{func() { FromRows(make([]float32, 5), 2, 3) }, "engine: FromRows: 5 numbers are not [2 3]"},
		{func() { FromRows(nil, 0, 3) }, "engine: FromRows: 0 numbers are not [0 3]"},
	} {
		if got := panicText(c.do); got != c.want {
			t.Errorf("panicked with %q, want %q", got, c.want)
		}
	}
}

func TestDenseSharesMemory(t *testing.T) {
	t.Parallel()
	d := dense(Float32, 3, 4)
	x := must(t, d)
	if x.Dense() != d {
		t.Error("the Dense of a whole tensor is not the one that was wrapped")
	}
	part := x.Part(1, 3).Dense()
	if s := part.Shape(); s[0] != 2 || s[1] != 4 {
		t.Errorf("the Dense of two rows has the shape %v", s)
	}
	part.Set(0, float32(7))
	if x.F32()[4] != 7 {
		t.Error("the Dense of two rows does not share memory")
	}
	if s := x.Reshape(6, 2).Dense().Shape(); s[0] != 6 || s[1] != 2 {
		t.Errorf("the Dense of a reshaped tensor has the shape %v", s)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		x    Tensor
		want string
	}{
		{Tensor{}, "Tensor(none)"},
		{ramp(2, 2), "Tensor[2 2][0 1 2 3]"},
		{must(t, dense(Int32, 2)), "Tensor[1 2][0 0]"},
		{ramp(100, 1), "Tensor[100 1] of float32 at 0x"},
	} {
		if got := fmt.Sprint(c.x); !strings.HasPrefix(got, c.want) {
			t.Errorf("printed %q, want %q", got, c.want)
		}
	}
}

// A tensor that the CPU cannot reach is printed by its address and never followed.
func TestOutOfReach(t *testing.T) {
	t.Parallel()
	memory := ramp(3, 4)
	d := tensor.New(tensor.Of(Float32), tensor.WithShape(3, 4), tensor.FromMemory(memory.Addr(), 12*4), tensor.WithEngine(farEngine{}))
	x := must(t, d)
	if x.F32() != nil || x.I32() != nil {
		t.Fatalf("a Dense of a device gives %v, %v", x.F32(), x.I32())
	}
	if got := fmt.Sprint(x.Part(1, 2)); got != fmt.Sprintf("Tensor[1 4] of float32 at %#x", x.Addr()+16) {
		t.Errorf("printed %q", got)
	}
	if part := x.Part(1, 3).Dense(); part.IsNativelyAccessible() || part.Uintptr() != x.Addr()+16 {
		t.Errorf("its rows as a Dense are at %#x, want %#x, out of reach", part.Uintptr(), x.Addr()+16)
	}
	runtime.KeepAlive(memory)
}

// farEngine is a gorgonia engine whose memory the CPU cannot reach.
type farEngine struct{ tensor.StdEng }

func (farEngine) AllocAccessible() bool { return false }
