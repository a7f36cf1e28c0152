package kernels_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// stagedInt8 is x on the device as stage_s8 writes it.
type stagedInt8 struct{ q, d, sums uint64 }

func (r *rig) stageInt8(f format.Format, x []float32, t, k int) stagedInt8 {
	r.Helper()
	return r.stageInt8Normed(f, x, t, k, stageNorm{})
}

func (r *rig) stageInt8Normed(f format.Format, x []float32, t, k int, n stageNorm) stagedInt8 {
	r.Helper()
	tp, kp := kernels.Staged(t, k)
	log := kernels.SumLog(f)
	s := stagedInt8{r.space(tp * kp), r.space(4 * tp * kp / 32), r.space(4 * tp * kp >> log)}
	r.launch("stage_s8", rows(tp), 0, s.q, s.d, s.sums, r.put(x), n.gain, n.shift, uint32(k), uint32(t), uint32(log), n.center, n.eps)
	return s
}

// integerProduct is y by matmul_FORMAT_s8.
func (r *rig) integerProduct(w testWeight, x []float32, t int, bias, add []float32) []float32 {
	r.Helper()
	f := w.Format
	s := r.stageInt8(f, x, t, w.Cols)
	y, addAt := r.result(t*w.Rows, add)
	args := []any{y, s.q, s.d}
	if kernels.Minima(f) {
		args = append(args, s.sums)
	}
	var biasAt uint64
	if bias != nil {
		biasAt = r.put(bias)
	}
	args = append(append(args, w.planes()...), biasAt, addAt, uint32(w.Rows), uint32(w.Cols), uint32(t))
	r.launch("matmul_"+strings.ToLower(f.String())+"_s8", dim(kernels.Int8Grid(w.Rows, t)), 0, args...)
	r.stored(4 * t * w.Rows)
	return r.floats(y, t*w.Rows)
}

// rounded is x as 8-bit activations give it back.
func rounded(x []float32, k int) []float32 {
	q, y := format.NewQ8(k), make([]float32, len(x))
	for i := 0; i < len(x); i += k {
		q.Quantize(x[i : i+k])
		format.DequantizeActivations(y[i:i+k], q.Qs, q.D)
	}
	return y
}

// Products of integers are those of package format's activations, to float32's last digits.
func TestMatmulInt8(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		block := f.BlockLen()
		if block == 1 {
			t.Skip("activations remain floats")
		}
		r := newRig(t)
		limit, _ := backendtest.Limit("Linear", f, true)
		for i, s := range []struct{ n, k, t int }{
			{1, block, 1}, {33, 3 * block, 33}, {65, max(block, 160), 70}, {130, block, 65},
		} {
			w, x := r.weight(f, s.n, s.k), r.normal(s.t*s.k, 0.1, 1)
			clear(x[:32])
			bias, add := r.addends(i, s.n, s.t)
			y := r.integerProduct(w, x, s.t, bias, add)
			r.compareTo(limit, fmt.Sprintf("%v: y [%d, %d], K = %d", f, s.t, s.n, s.k), y, w, rounded(x, s.k), s.t, bias, add)
		}
	})
}

// stage_s8 is package format's definition to the bit, also for what is neither finite nor normal.
func TestStageInt8(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const rowsOfX, k = 5, 2080 // more than one piece for some threads
	x := r.normal(rowsOfX*k, 0, 1)
	for i := range x {
		x[i] *= float32(math.Exp2(float64(r.rand.IntN(40) - 20)))
	}
	inf := float32(math.Inf(1))
	copy(x[k:], []float32{inf, 1, 2})
	copy(x[k+40:], []float32{float32(math.NaN())})
	for i := range 32 {
		x[2*k+i] *= 0x1p-130
		x[2*k+32+i] = 0
		x[2*k+64+i] = float32(i) - 15.5 // halves among the quotients
	}
	for _, f := range []format.Format{format.Q4_K, format.Q2_K} {
		tp, kp := kernels.Staged(rowsOfX, k)
		s, log := r.stageInt8(f, x, rowsOfX, k), kernels.SumLog(f)
		qs, d, sums := get[int8](r, s.q, tp*kp), r.floats(s.d, tp*kp/32), r.floats(s.sums, tp*kp>>log)
		q := format.NewQ8(kp)
		for row := range tp {
			whole := make([]float32, kp)
			if row < rowsOfX {
				copy(whole, x[row*k:(row+1)*k])
			}
			q.Quantize(whole)
			for i, v := range q.Qs {
				if got := qs[row*kp+i]; got != v {
					t.Fatalf("%v: q[%d, %d] is %d, want %d", f, row, i, got, v)
				}
			}
			for i, v := range q.D {
				if got := d[i*tp+row]; got != v && (got == got || v == v) {
					t.Fatalf("%v: d[%d, %d] is %v, want %v", f, i, row, got, v)
				}
			}
			for i := range kp >> log {
				sum := 0
				for _, v := range q.Qs[i<<log : (i+1)<<log] {
					sum += int(v)
				}
				want := q.D[i<<log/32] * float32(sum)
				if got := sums[i*tp+row]; got != want && (got == got || want == want) {
					t.Fatalf("%v: sums[%d, %d] is %v, want %v", f, i, row, got, want)
				}
			}
		}
	}
}

// With a norm a block's integers are those of the normed numbers: the scale is exact but for
// float32's rounding, and no number is further off than half of it.
func TestStageInt8Norm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const rowsOfX, f = 3, format.Q4_K
	for _, k := range []int{96, 2080} {
		for _, kind := range []string{"RMS", "layer", "layer without shift"} {
			x := r.normal(rowsOfX*k, 3, 1)
			at, normed := r.norm(kind, x, k)
			tp, kp := kernels.Staged(rowsOfX, k)
			s := r.stageInt8Normed(f, x, rowsOfX, k, at)
			qs, d := get[int8](r, s.q, tp*kp), r.floats(s.d, tp*kp/32)
			for row := range rowsOfX {
				for i, want := range normed[row*k : (row+1)*k] {
					scale := d[i/32*tp+row]
					top := float32(0)
					for _, v := range normed[row*k+i/32*32:][:32] {
						top = max(top, v, -v)
					}
					if math.Abs(float64(scale*127/top-1)) > 1e-5 {
						t.Fatalf("%s, K = %d: d[%d, %d] is %v, want %v", kind, k, i/32, row, scale, top/127)
					}
					if got := scale * float32(qs[row*kp+i]); math.Abs(float64(got-want)) > 0.501*float64(scale) {
						t.Fatalf("%s, K = %d: x[%d, %d] is %v, want %v within half of %v", kind, k, row, i, got, want, scale)
					}
				}
			}
		}
	}
}
