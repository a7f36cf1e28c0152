package kernels_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// ropeStoreCase is one launch of rope_store_*.
type ropeStoreCase struct {
	heads, kv, dim, pairs int
	interleaved           uint32
	scale                 float32
	norm                  bool
}

// turned is what becomes of heads of x, a row for each position.
func (c ropeStoreCase) turned(x []float32, pos []int32, gain, freq []float32) []float64 {
	const eps = 1e-5
	y := make([]float64, len(x))
	perRow := len(x) / len(pos)
	for at := 0; at < len(x); at += c.dim {
		square := 0.0
		for _, v := range x[at : at+c.dim] {
			square += float64(v) * float64(v) / float64(c.dim)
		}
		h := y[at : at+c.dim]
		for i := range h {
			h[i] = float64(x[at+i])
			if c.norm {
				h[i] *= float64(gain[i]) / math.Sqrt(square+eps)
			}
		}
		for i, f := range freq {
			u, w := i, i+c.pairs
			if c.interleaved != 0 {
				u, w = 2*i, 2*i+1
			}
			sin, cos := math.Sincos(float64(float32(pos[at/perRow]) * f))
			h[u], h[w] = float64(c.scale)*(h[u]*cos-h[w]*sin), float64(c.scale)*(h[u]*sin+h[w]*cos)
		}
	}
	return y
}

func TestRopeStore(t *testing.T) {
	t.Parallel()
	cases := []ropeStoreCase{
		{4, 2, 64, 32, 0, 1, false}, {4, 2, 64, 32, 1, 1, true}, {0, 3, 64, 0, 0, 1, false}, {3, 3, 64, 0, 0, 1, true},
		{9, 3, 32, 16, 0, 1.19, true}, {1, 1, 128, 64, 1, 1, false}, {8, 1, 256, 128, 0, 1, true}, {2, 1, 256, 40, 0, 1, true},
		{2, 1, 96, 24, 1, 1, false}, {2, 1, 512, 256, 0, 1, true}, {2, 1, 640, 320, 0, 1, true},
		{2, 2, 4, 2, 0, 1, true}, {2, 2, 20, 10, 1, 1, true}, {2, 1, 80, 16, 0, 1, true}, {30, 10, 32, 16, 0, 1, false},
	}
	for _, f := range pageFormats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, c := range cases {
				if f.Format.CheckCols(c.dim) != nil {
					continue
				}
				spec := f.KVSpec
				spec.Heads, spec.HeadDim = c.kv, c.dim
				cache := newCache(r, f.name, spec, 2, 70)
				pos, seq := []int32{0, 31, 32, 69, 5}, []int32{0, 0, 0, 1, 1}
				q, k, v := r.normal(5*c.heads*c.dim, 0, 1), r.normal(5*c.kv*c.dim, 0, 1), r.normal(5*c.kv*c.dim, 0, 1)
				width := c.kv * c.dim
				v[0], v[width], v[2*width], v[3*width] = float32(math.NaN()), float32(math.Inf(-1)), math.MaxFloat32, -math.SmallestNonzeroFloat32
				qGain, kGain := r.normal(c.dim, 1, 0.3), r.normal(c.dim, 1, 0.3)
				freq := make([]float32, c.pairs)
				for i := range freq {
					freq[i] = float32(math.Pow(1e4, -float64(i)/float64(c.pairs)))
				}
				var gains [2]uint64
				if c.norm {
					gains = [2]uint64{r.put(qGain), r.put(kGain)}
				}
				dq, dk := r.put(q), r.put(k)
				grid := emulator.Dim3{X: len(pos), Y: kernels.RopeStoreBlocks(c.heads, c.kv), Z: 1}
				r.launch("rope_store_"+f.name, grid, kernels.RopeStoreShared(c.dim, c.pairs),
					cache.at, dq, dk, r.put(v), gains[0], gains[1], r.put(pos), r.put(seq), r.put(cache.tables), r.put(freq),
					uint32(cache.stride), uint32(c.heads), uint32(c.kv), uint32(c.dim), uint32(c.pairs), c.interleaved, c.scale, float32(1e-5))
				last := *r.last
				if bytes := int64(len(pos) * (4*c.heads*c.dim + c.kv*2*f.Format.RowBytes(c.dim))); last.GlobalStoreBytes != bytes {
					t.Errorf("%+v: %d bytes stored, want %d", c, last.GlobalStoreBytes, bytes)
				}
				if last.BankConflicts != 0 {
					t.Errorf("%+v: %d bank conflicts", c, last.BankConflicts)
				}
				limit := 1e-14
				if c.norm {
					limit = 1e-13
				}
				r.same(fmt.Sprintf("%+v: queries", c), r.floats(dq, len(q)), c.turned(q, pos, qGain, freq), limit)
				if !slices.Equal(r.floats(dk, len(k)), k) {
					t.Errorf("%+v: keys were changed in place", c)
				}
				c.checkPages(r, cache, pos, seq, c.turned(k, pos, kGain, freq), v)
			}
		})
	}
}

// checkPages compares what pages hold with keys, which may be off by a rounding, and values,
// which are packed exactly.
func (c ropeStoreCase) checkPages(r *rig, cache *cache, pos, seq []int32, keys []float64, values []float32) {
	r.Helper()
	f := cache.Format
	limit := map[format.Format]float64{format.F32: 1e-13, format.F16: 1e-7, format.Q8_0: 1e-4}[f]
	memory := get[byte](r, cache.at, int(cache.Bytes()))
	got := make([]float32, c.dim)
	for i := range pos {
		for head := range c.kv {
			at := (i*c.kv + head) * c.dim
			f.Dequantize(got, cache.packed(memory, int(seq[i]), int(pos[i]), 0, head))
			r.same(fmt.Sprintf("%+v: key %d of row %d", c, head, i), got, keys[at:at+c.dim], limit)
			want := make([]byte, f.RowBytes(c.dim))
			f.Quantize(want, values[at:at+c.dim])
			packed := cache.packed(memory, int(seq[i]), int(pos[i]), 1, head)
			if !slices.Equal(unpack(f, packed, c.dim), unpack(f, want, c.dim)) {
				r.Fatalf("%+v: value %d of row %d is\n%x, want\n%x", c, head, i, packed, want)
			}
		}
	}
}
