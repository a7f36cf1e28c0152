package engine

import (
	"errors"
	"fmt"

	"gorgonia.org/tensor"
)

// Element types of a Tensor.
var (
	Float32 = tensor.Float32
	Int32   = tensor.Int32
)

// Tensor is a row-major matrix [rows, cols] of float32 or int32 in the memory of one
// backend: all of a gorgonia Dense, or some of its rows. It is a small value; making a
// view of it costs no allocation, which is why the token loop uses it and not Dense
// (whose Slice takes half a microsecond and eight allocations).
//
// The zero Tensor stands for "none" where an operation has an optional argument.
type Tensor struct {
	base       *tensor.Dense // the whole allocation, which this keeps alive
	f32        []float32     // the elements of this part, where the CPU can reach them
	i32        []int32
	off        int // first element of this part within base
	rows, cols int
}

// Wrap makes a Tensor of a whole contiguous row-major Dense of float32 or int32. A
// Dense of one dimension is one row; one of several is seen as [product of all but
// the last, last].
func Wrap(d *tensor.Dense) (Tensor, error) {
	if d.Dtype() != Float32 && d.Dtype() != Int32 {
		return Tensor{}, fmt.Errorf("engine: Wrap: element type is %v, want float32 or int32", d.Dtype())
	}
	if !d.DataOrder().IsRowMajor() || !d.DataOrder().IsContiguous() || d.RequiresIterator() {
		return Tensor{}, fmt.Errorf("engine: Wrap: a Dense of shape %v is not contiguous and row-major; Materialize it first", d.Shape())
	}
	shape := d.Shape()
	if len(shape) == 0 {
		return Tensor{}, errors.New("engine: Wrap: a scalar is not a matrix; give it the shape (1, 1)")
	}
	last := len(shape) - 1
	t := Tensor{base: d, rows: 1, cols: shape[last]}
	for _, s := range shape[:last] {
		t.rows *= s
	}
	if d.IsNativelyAccessible() {
		switch data := d.Data().(type) {
		case []float32:
			t.f32 = data
		case []int32:
			t.i32 = data
		}
	}
	return t, nil
}

// FromRows makes a Tensor [rows, cols] in ordinary memory around data, which is not
// copied. It serves tests and the CPU backend.
func FromRows(data []float32, rows, cols int) Tensor {
	if len(data) != rows*cols || rows <= 0 || cols <= 0 {
		panic(fmt.Sprintf("engine: FromRows: %d numbers are not [%d %d]", len(data), rows, cols))
	}
	d := tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))
	return Tensor{base: d, f32: data, rows: rows, cols: cols}
}

// IsZero says whether t is the zero Tensor, "none".
func (t Tensor) IsZero() bool { return t.base == nil }

// Rows is the number of rows, T in most uses.
func (t Tensor) Rows() int { return t.rows }

// Cols is the number of columns.
func (t Tensor) Cols() int { return t.cols }

// Len is the number of elements.
func (t Tensor) Len() int { return t.rows * t.cols }

// Dtype is Float32 or Int32.
func (t Tensor) Dtype() tensor.Dtype { return t.base.Dtype() }

// F32 is the elements, row after row, or nil where the CPU cannot reach them.
func (t Tensor) F32() []float32 { return t.f32 }

// I32 is F32 for int32.
func (t Tensor) I32() []int32 { return t.i32 }

// Row is row r of a tensor that the CPU can reach.
func (t Tensor) Row(r int) []float32 { return t.f32[r*t.cols : (r+1)*t.cols : (r+1)*t.cols] }

// Addr is the address of the first element in the backend's memory.
func (t Tensor) Addr() uintptr { return t.base.Uintptr() + uintptr(t.off)*4 }

// Part is rows [from, to) of t. It shares t's memory.
func (t Tensor) Part(from, to int) Tensor {
	if from < 0 || to < from || to > t.rows {
		panic(fmt.Sprintf("engine: Part: rows %d to %d of %d", from, to, t.rows))
	}
	lo, hi := from*t.cols, to*t.cols
	v := t
	v.off, v.rows = t.off+lo, to-from
	if t.f32 != nil {
		v.f32 = t.f32[lo:hi:hi]
	}
	if t.i32 != nil {
		v.i32 = t.i32[lo:hi:hi]
	}
	return v
}

// Reshape is the same elements as [rows, cols]: [T, H*D] seen as [T*H, D], say.
func (t Tensor) Reshape(rows, cols int) Tensor {
	if rows*cols != t.rows*t.cols || rows < 0 || cols < 0 {
		panic(fmt.Sprintf("engine: Reshape: [%d %d] to [%d %d]", t.rows, t.cols, rows, cols))
	}
	t.rows, t.cols = rows, cols
	return t
}

// Dense is a gorgonia tensor over the same memory. It lives no longer than t's
// allocation.
func (t Tensor) Dense() *tensor.Dense {
	if t.off == 0 && t.Len() == t.base.DataSize() {
		if s := t.base.Shape(); len(s) == 2 && s[0] == t.rows && s[1] == t.cols {
			return t.base
		}
	}
	opts := []tensor.ConsOpt{tensor.WithShape(t.rows, t.cols), tensor.WithEngine(t.base.Engine())}
	switch {
	case t.f32 != nil:
		opts = append(opts, tensor.WithBacking(t.f32))
	case t.i32 != nil:
		opts = append(opts, tensor.WithBacking(t.i32))
	default:
		opts = append(opts, tensor.Of(t.Dtype()), tensor.FromMemory(t.Addr(), uintptr(t.Len())*4))
	}
	return tensor.New(opts...)
}

// Format prints the shape, and for small tensors that the CPU can reach the elements.
// gorgonia's own printing would follow a device address and kill the process.
func (t Tensor) Format(s fmt.State, verb rune) {
	switch {
	case t.IsZero():
		fmt.Fprint(s, "Tensor(none)")
	case t.f32 != nil && t.Len() <= 64:
		fmt.Fprintf(s, "Tensor[%d %d]%v", t.rows, t.cols, t.f32)
	case t.i32 != nil && t.Len() <= 64:
		fmt.Fprintf(s, "Tensor[%d %d]%v", t.rows, t.cols, t.i32)
	default:
		fmt.Fprintf(s, "Tensor[%d %d] of %v at %#x", t.rows, t.cols, t.Dtype(), t.Addr())
	}
}
