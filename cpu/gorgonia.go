package cpu

import "gorgonia.org/tensor"

// matMulCols is how many columns of b a worker transposes at a time: as many as one
// cache line holds.
const matMulCols = 16

// MatMul is gorgonia's c = a . b, with a [M,K], b [K,N], c [M,N]: a gorgonia tensor that
// was made with tensor.WithEngine(backend) is multiplied by the backend's threads and
// inner loops. Only contiguous row-major float32 matrices are; the rest is left to
// gorgonia's own engine, as are all its other operations.
func (b *Backend) MatMul(a, bt, prealloc tensor.Tensor) error {
	x, m, k := plainMatrix(a)
	w, k2, n := plainMatrix(bt)
	y, m2, n2 := plainMatrix(prealloc)
	if x == nil || w == nil || y == nil || k != k2 || m != m2 || n != n2 {
		return b.StdEng.MatMul(a, bt, prealloc)
	}
	b.reserve(matMulCols * k)
	b.matMul = matMulTask{Backend: b, y: y, x: x, w: w, k: k, n: n}
	b.run(&b.matMul, n, m*k)
	return nil
}

// matMulTask is the arguments of MatMul; an item is a column of the result.
type matMulTask struct {
	*Backend
	y, x, w []float32
	k, n    int
}

func (t *matMulTask) run(worker, from, to int) {
	for j := from; j < to; j += matMulCols {
		cols := min(matMulCols, to-j)
		rows := t.scratch[worker].floats[:cols*t.k]
		for p := range t.k {
			for i, v := range t.w[p*t.n+j:][:cols] {
				rows[i*t.k+p] = v
			}
		}
		t.kernels.panel(t.y[j:], t.n, t.x, rows, t.k)
	}
}

// plainMatrix is the numbers of a contiguous row-major float32 matrix, or nil.
func plainMatrix(t tensor.Tensor) (data []float32, rows, cols int) {
	d, ok := t.(*tensor.Dense)
	if !ok || d.Dtype() != tensor.Float32 || d.Dims() != 2 || !d.IsNativelyAccessible() {
		return nil, 0, 0
	}
	rows, cols = d.Shape()[0], d.Shape()[1]
	if s := d.Strides(); len(s) != 2 || s[0] != cols || s[1] != 1 {
		return nil, 0, 0 // transposed, column-major or part of a greater matrix
	}
	data, ok = d.Data().([]float32)
	if !ok || len(data) != rows*cols {
		return nil, 0, 0
	}
	return data, rows, cols
}
