package backendtest

import (
	"cmp"
	"math"
	"slices"
)

// The functions below are the specification in numbers. All matrices are row-major
// []float64; a matrix of rows of c numbers is passed with c. They give new slices.

// embed: y[t,c] = scale * table[index[t], c]. row(i) is row i of the table.
func embed(index []int32, row func(int) []float64, scale float64) []float64 {
	var y []float64
	for _, i := range index {
		for _, v := range row(int(i)) {
			y = append(y, scale*v)
		}
	}
	return y
}

// layerNorm: y = (x - mean) / sqrt(var + eps) * gain + bias. bias may be nil.
func layerNorm(x, gain, bias []float64, eps float64) []float64 {
	c := len(gain)
	y := make([]float64, len(x))
	for r := 0; r < len(x); r += c {
		row := x[r : r+c]
		var mean, variance float64
		for _, v := range row {
			mean += v
		}
		mean /= float64(c)
		for _, v := range row {
			variance += (v - mean) * (v - mean)
		}
		variance /= float64(c)
		for i, v := range row {
			y[r+i] = (v - mean) / math.Sqrt(variance+eps) * gain[i]
			if bias != nil {
				y[r+i] += bias[i]
			}
		}
	}
	return y
}

// rmsNorm: y = x / sqrt(mean(x^2) + eps) * gain.
func rmsNorm(x, gain []float64, eps float64) []float64 {
	c := len(gain)
	y := make([]float64, len(x))
	for r := 0; r < len(x); r += c {
		row := x[r : r+c]
		var square float64
		for _, v := range row {
			square += v * v
		}
		for i, v := range row {
			y[r+i] = v / math.Sqrt(square/float64(c)+eps) * gain[i]
		}
	}
	return y
}

// linear: y[t,n] = sum_k x[t,k] * w[n,k] + bias[n], with x of rows of k numbers, n rows
// of w, row(i) being row i of w, and bias nil or [n].
func linear(x []float64, k, n int, row func(int) []float64, bias []float64) []float64 {
	t := len(x) / k
	y := make([]float64, t*n)
	for j := range n {
		w := row(j)
		for i := range t {
			sum := 0.0
			for c, v := range x[i*k : (i+1)*k] {
				sum += v * w[c]
			}
			if bias != nil {
				sum += bias[j]
			}
			y[i*n+j] = sum
		}
	}
	return y
}

// rope rotates the heads of dim numbers in x, whose rows stand at the positions pos. The
// angle is the float32 product of position and frequency, as the programs compute it that
// models are trained with: at position 100000 its rounding turns a pair by up to 0.004,
// and a backend must turn it by as much.
func rope(x []float64, pos []int32, dim int, freq []float64, interleaved bool, scale float64) []float64 {
	y := slices.Clone(x)
	cols := len(x) / len(pos)
	for t, p := range pos {
		for head := t * cols; head < (t+1)*cols; head += dim {
			for i, f := range freq {
				a, b := head+i, head+i+len(freq)
				if interleaved {
					a, b = head+2*i, head+2*i+1
				}
				sin, cos := math.Sincos(float64(float32(p) * float32(f)))
				y[a] = scale * (x[a]*cos - x[b]*sin)
				y[b] = scale * (x[a]*sin + x[b]*cos)
			}
		}
	}
	return y
}

// gelu: x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).
func gelu(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// silu: x / (1 + exp(-x)).
func silu(x float64) float64 { return x / (1 + math.Exp(-x)) }

// softCap: limit * tanh(x / limit).
func softCap(x, limit float64) float64 { return limit * math.Tanh(x/limit) }

// softmax: y = exp(x - max) / sum exp(x - max), over rows of c numbers.
func softmax(x []float64, c int) []float64 {
	y := make([]float64, len(x))
	for r := 0; r < len(x); r += c {
		row := x[r : r+c]
		top, sum := slices.Max(row), 0.0
		for i, v := range row {
			y[r+i] = math.Exp(v - top)
			sum += y[r+i]
		}
		for i := range row {
			y[r+i] /= sum
		}
	}
	return y
}

// topK gives the k greatest numbers of every row of c numbers in falling order, and
// their columns; of equal numbers the lower column first.
func topK(x []float64, c, k int) (vals []float64, cols []int32) {
	for r := 0; r < len(x); r += c {
		order := make([]int32, c)
		for i := range order {
			order[i] = int32(i)
		}
		row := x[r : r+c]
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(row[b], row[a]) })
		for _, i := range order[:k] {
			vals = append(vals, row[i])
			cols = append(cols, i)
		}
	}
	return vals, cols
}

// gather: y[i] = x[rows[i]], with rows of c numbers.
func gather(x []float64, c int, rows []int32) []float64 {
	var y []float64
	for _, r := range rows {
		y = append(y, x[int(r)*c:(int(r)+1)*c]...)
	}
	return y
}
