package kernels_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
)

// verbCase is one launch of matvec_*: what it multiplies, and what it does beside.
type verbCase struct {
	verb           repack.MatvecVerb
	n              [3]int // rows of the weights
	k, t           int
	norm           uint32 // 0 none, 1 RMSNorm, 2 LayerNorm
	biased         bool   // the weights have biases, a LayerNorm has a shift
	multiprocessor int
	apart          bool // what a norm has last, shift or gain, lies between multiples of 16 bytes
}

const (
	noNorm uint32 = iota
	rmsNorm
	layerNorm
)

// verbCases are for rows of multiples of a block: short ones, of which several lie abreast,
// and one that is shared out among warps.
func verbCases(block int) []verbCase {
	k := max(block, 64)
	long := 9 * max(block, 256)
	if block == 1 {
		long = 2052
	}
	cases := []verbCase{
		{repack.MatvecProject, [3]int{37, 0, 0}, k, 1, noNorm, true, 1, false},
		{repack.MatvecProject, [3]int{37, 5, 130}, 3 * k, 2, rmsNorm, false, 128, false},
		{repack.MatvecProject, [3]int{33, 64, 0}, 2 * k, 2, layerNorm, true, 2, false},
		{repack.MatvecProject, [3]int{21, 21, 21}, long, 1, layerNorm, false, 128, false},
		{repack.MatvecProject, [3]int{45, 0, 0}, long, 1, rmsNorm, true, 4, false},
		{repack.MatvecAccumulate, [3]int{70, 0, 0}, 5 * k, 2, noNorm, true, 1, false},
		{repack.MatvecAccumulate, [3]int{9, 0, 0}, long, 1, noNorm, false, 128, false},
		{repack.MatvecAccumulateNorm, [3]int{36, 0, 0}, 2 * k, 3, rmsNorm, true, 128, false},
		{repack.MatvecAccumulateNorm, [3]int{516, 0, 0}, k, 1, rmsNorm, false, 128, false},
		{repack.MatvecAccumulateNorm, [3]int{2564, 0, 0}, k, 1, rmsNorm, true, 1, false},
		{repack.MatvecSwiGLU, [3]int{75, 75, 0}, k, 2, rmsNorm, true, 1, false},
		{repack.MatvecSwiGLU, [3]int{37, 37, 0}, long, 1, noNorm, false, 128, false},
		{repack.MatvecGeGLU, [3]int{41, 41, 0}, 4 * k, 1, rmsNorm, false, 1, false},
		{repack.MatvecGELU, [3]int{50, 0, 0}, 3 * k, 2, layerNorm, true, 1, false},
	}
	if block == 1 { // rows that end within a load of 16 bytes, and such as do not begin with one
		for i, k := range []int{3, 29, 36, 37, 46, 103} {
			cases = append(cases, verbCase{repack.MatvecProject, [3]int{11, 7, 0}, k, 1 + i%3, rmsNorm, false, 1, k%4 == 0},
				verbCase{repack.MatvecGELU, [3]int{9, 0, 0}, k, 1 + i%2, layerNorm, true, 128, k%4 == 0})
		}
	}
	return cases
}

// Every verb, with and without norms and biases, agrees with float64 sums.
func TestMatvecVerbs(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		r := newRig(t)
		for _, c := range verbCases(f.BlockLen()) {
			r.checkVerb(f, c, false)
		}
	})
	for _, f := range format.All() {
		if f.BlockLen() == 1 {
			continue
		}
		t.Run(f.String()+"_int8", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, c := range verbCases(f.BlockLen()) {
				r.checkVerb(f, c, true)
			}
		})
	}
}

const verbEps = 1e-5

// checkVerb runs a case twice and compares what it wrote.
func (r *rig) checkVerb(f format.Format, c verbCase, int8 bool) {
	r.Helper()
	name := fmt.Sprintf("%v, int8 %v, %+v", f, int8, c)
	x, gain, shift := r.normal(c.t*c.k, 0.5, 2), r.normal(c.k, 1, 0.3), r.normal(c.k, 0, 0.3)
	after := c.verb == repack.MatvecAccumulateNorm
	if after {
		gain = r.normal(c.n[0], 1, 0.3)
	}
	call := matvecCall{verb: c.verb, x: r.put(x), cols: c.k, norm: c.norm, eps: verbEps}
	if c.norm != noNorm {
		call.gain = r.put(gain)
		if c.apart && c.norm == rmsNorm {
			call.gain = r.put(append([]float32{0}, gain...)) + 4
		}
	}
	if c.norm != layerNorm || !c.biased {
		clear(shift)
	} else {
		call.shift = r.put(shift)
		if c.apart {
			call.shift = r.put(append([]float32{0}, shift...)) + 4
		}
	}
	h := x
	if c.norm != noNorm && !after {
		h = normed(x, c.k, c.norm == layerNorm, gain, shift)
	}
	if int8 {
		h = asInt8(h, c.k)
	}
	var sums [3][]float64
	var at testWeight
	for i, n := range c.n {
		if n == 0 {
			continue
		}
		w := r.weight(f, n, c.k)
		if i == 0 {
			at = w
		}
		bias := make([]float32, n)
		if c.biased {
			bias = r.normal(n, 0, 1)
			call.bias[i] = r.put(bias)
		}
		call.w[i], sums[i] = w.at, make([]float64, c.t*n)
		for j := range sums[i] {
			sums[i][j] = f.DotRef(w.row(j%n), h[j/n*c.k:][:c.k]) + float64(bias[j%n])
		}
		if i == 0 || !c.verb.Gated() {
			call.rows[i] = n
		}
	}
	call.launch = at.Matvec(c.verb, c.t, c.multiprocessor, call.rows[1], call.rows[2])
	limit, _ := backendtest.Limit("Linear", f, int8)
	if int8 && c.norm != noNorm {
		limit = 1e-5 // a number near the middle of two integers may become the other one
	}
	before := make([][]float32, 3)
	counters := make([]uint32, c.t)
	for i, n := range call.rows {
		before[i] = r.normal(c.t*n, 0, 1)
	}
	want := c.want(sums, before[0], gain)
	var first [3][]float32
	for range 2 {
		for i := range call.y {
			call.y[i] = r.put(before[i])
		}
		if after {
			call.y[1], call.y[2] = r.space(4*c.t*c.n[0]), r.put(counters)
		}
		entry := "matvec_" + strings.ToLower(f.String())
		if int8 {
			entry += "_int8"
		}
		r.launch(entry, dim(call.launch.Grid), 0, call.arguments()...)
		for i, n := range call.rows {
			if n == 0 {
				continue
			}
			y := r.floats(call.y[i], c.t*n)
			r.same(fmt.Sprintf("%s: y%d", name, i), y, want[i], limit)
			if first[i] == nil {
				first[i] = y
			}
			for j := range y {
				if math.Float32bits(y[j]) != math.Float32bits(first[i][j]) {
					r.Fatalf("%s: the second call differs at y%d[%d]: %v, %v", name, i, j, y[j], first[i][j])
				}
			}
		}
		if after {
			for row, n := range get[uint32](r, call.y[2], c.t) {
				if n != 0 {
					r.Errorf("%s: the counter of row %d is left at %d", name, row, n)
				}
			}
		}
	}
}

// want is what the case makes of its sums, which are not needed any more.
func (c verbCase) want(sums [3][]float64, y, gain []float32) [3][]float64 {
	first := sums[0]
	switch c.verb {
	case repack.MatvecAccumulateNorm:
		n := c.n[0]
		for row := 0; row < len(first); row += n {
			square := 0.0
			for _, v := range first[row : row+n] {
				square += v * v / float64(n)
			}
			for i := range n {
				first[row+i] = float64(y[row+i]) + first[row+i]/math.Sqrt(square+verbEps)*float64(gain[i])
			}
		}
	case repack.MatvecAccumulate:
		for i := range first {
			first[i] += float64(y[i])
		}
	case repack.MatvecSwiGLU:
		for i, v := range first {
			first[i] = v / (1 + math.Exp(-v)) * sums[1][i]
		}
	case repack.MatvecGeGLU:
		for i, v := range first {
			first[i] = gelu(v) * sums[1][i]
		}
	case repack.MatvecGELU:
		for i, v := range first {
			first[i] = gelu(v)
		}
	}
	return sums
}

// normed is LayerNorm or RMSNorm of rows of k numbers, rounded to float32.
func normed(x []float32, k int, layer bool, gain, shift []float32) []float32 {
	y := make([]float32, len(x))
	for row := 0; row < len(x); row += k {
		mean, square := 0.0, 0.0
		for _, v := range x[row : row+k] {
			mean += float64(v) / float64(k)
		}
		if !layer {
			mean = 0
		}
		for _, v := range x[row : row+k] {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(k)
		}
		for i, v := range x[row : row+k] {
			y[row+i] = float32((float64(v)-mean)/math.Sqrt(square+verbEps)*float64(gain[i]) + float64(shift[i]))
		}
	}
	return y
}

// asInt8 is rows of k numbers as activations of 8 bits give them back.
func asInt8(x []float32, k int) []float32 {
	q, y := format.NewQ8(k), make([]float32, len(x))
	for row := 0; row < len(x); row += k {
		q.Quantize(x[row : row+k])
		format.DequantizeActivations(y[row:row+k], q.Qs, q.D)
	}
	return y
}

// Numbers in the middle of two integers, blocks of zeros, and magnitudes whose scale would be
// subnormal or is just not become the integers of the definition. A NaN, or an infinity, makes
// all sums that it is in NaN.
func TestMatvecRoundsAsDefined(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.Q4_0, format.Q8_0, format.Q4_K, format.Q2_K, format.Q3_K, format.Q6_K} {
		t.Run(f.String()+"_int8", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const k, n = 768, 5
			x := r.normal(k, 0, 1)
			for i := range 32 {
				x[i] = (float32(i) - 15.5) * 8 // D = 124/127
				x[32+i] = float32(i) + 0.5     // D = 31.5/127
				x[64+i] = 0
				x[96+i] = float32(i-16) * 0x1p-122
				x[128+i] = float32(i-16) * 0x1p-126 // D = 0
				x[160+i] = float32(i) - 0.5
			}
			x[160+7] = 127 // D = 1: the others lie in the middle
			w := r.weight(f, n, k)
			want := make([]float64, n)
			for i := range want {
				want[i] = f.DotRef(w.row(i), asInt8(x, k))
			}
			run := func(x []float32) []float32 {
				c := matvecCall{launch: w.Matvec(repack.MatvecProject, 1, 1, 0, 0), x: r.put(x), cols: k,
					y: [3]uint64{r.space(4 * n)}, w: [3]uint64{w.at}, rows: [3]int{n}}
				r.launch("matvec_"+strings.ToLower(f.String())+"_int8", dim(c.launch.Grid), 0, c.arguments()...)
				return r.floats(c.y[0], n)
			}
			limit, _ := backendtest.Limit("Linear", f, true)
			r.same(f.String(), run(x), want, limit)
			for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
				x[301] = bad
				for i, v := range run(x) {
					if v == v {
						t.Errorf("%v in x: y[%d] = %v, want NaN", bad, i, v)
					}
				}
			}
		})
	}
}
