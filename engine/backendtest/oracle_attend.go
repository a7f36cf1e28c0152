package backendtest

import (
	"math"

	"github.com/potion-engine/potion/engine/format"
)

// attention says what one row sees and how it weighs it.
type attention struct {
	heads, kvHeads, dim int // H, G, D
	scale, softCap      float64
	window              int
	pos                 int // where the row stands

	key, value func(p int) []float64 // position p of the row's sequence, [G*D]
}

// attend works out one row: q and y are [H*D], weights [H][pos+1].
func (a attention) attend(q []float64) (y []float64, weights [][]float64) {
	first := 0
	if a.window > 0 {
		first = max(0, a.pos-a.window+1)
	}
	y = make([]float64, a.heads*a.dim)
	for h := range a.heads {
		kv := h / (a.heads / a.kvHeads) * a.dim // first element of the head in a key or value
		query := q[h*a.dim : (h+1)*a.dim]
		scores := make([]float64, 0, a.pos+1-first)
		for p := first; p <= a.pos; p++ {
			s := 0.0
			for i, k := range a.key(p)[kv : kv+a.dim] {
				s += query[i] * k
			}
			s *= a.scale
			if a.softCap > 0 {
				s = softCap(s, a.softCap)
			}
			scores = append(scores, s)
		}
		seen := softmax(scores, len(scores))
		for i, w := range seen {
			for j, v := range a.value(first + i)[kv : kv+a.dim] {
				y[h*a.dim+j] += w * v
			}
		}
		weights = append(weights, append(make([]float64, first), seen...))
	}
	return y, weights
}

// asStored is x as a page of the format gives it back, head by head of dim numbers. A
// page of F32 stands for float64 here, so that a whole model of the Reference loses
// nothing; numbers that were float32 are the same either way.
func asStored(f format.Format, x []float64, dim int) []float64 {
	y := make([]float64, len(x))
	if f == format.F32 {
		copy(y, x)
		return y
	}
	packed := make([]byte, f.RowBytes(dim))
	head := make([]float32, dim)
	for i := 0; i < len(x); i += dim {
		f.Quantize(packed, narrow(x[i:i+dim]))
		f.Dequantize(head, packed)
		for j, v := range head {
			y[i+j] = float64(v)
		}
	}
	return y
}

// widen and narrow convert whole slices.

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// isFinite says that x is neither NaN nor infinite.
func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
