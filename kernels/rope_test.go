package kernels_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/kernels"
)

func TestRope(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		rows, heads, dim, pairs int
		start                   int32
		base                    float64
		scale                   float32
		interleaved             uint32
	}{
		{1, 1, 2, 1, 0, 1e4, 1, 0}, {3, 4, 64, 32, 0, 1e4, 1, 0}, {3, 4, 64, 32, 0, 1e4, 1, 1}, {5, 3, 80, 16, 9, 1e4, 1.19, 0}, {5, 3, 80, 16, 9, 1e4, 1.19, 1},
		{3, 7, 33, 16, 2, 1e4, 1, 0}, {3, 7, 33, 16, 2, 1e4, 1, 1}, {2, 9, 256, 128, 100000, 1e6, 1, 0}, {3, 5, 10, 3, 131071, 5e5, 1, 1}, {4, 2, 128, 64, 100000, 1e4, 1, 0},
		{2, 2, 64, 32, 1 << 30, 1e4, 1, 0}, {2, 1, 8, 4, math.MaxInt32 - 1, 1e4, 1, 0},
	} {
		n := c.rows * c.heads * c.dim
		x, pos := r.normal(n, 0, 1), make([]int32, c.rows)
		for i := range pos {
			pos[i] = c.start + int32(i)
		}
		freq := make([]float32, c.pairs)
		for i := range freq {
			freq[i] = float32(math.Pow(c.base, -float64(i)/float64(c.pairs)))
		}
		want := make([]float64, n)
		for i, v := range x {
			want[i] = float64(v)
		}
		for row, p := range pos {
			for head := range c.heads {
				at := (row*c.heads + head) * c.dim
				for i, f := range freq {
					u, w := at+i, at+i+c.pairs
					if c.interleaved != 0 {
						u, w = at+2*i, at+2*i+1
					}
					sin, cos := math.Sincos(float64(float32(p) * f))
					want[u] = float64(c.scale) * (float64(x[u])*cos - float64(x[w])*sin)
					want[w] = float64(c.scale) * (float64(x[u])*sin + float64(x[w])*cos)
				}
			}
		}
		dx := r.put(x)
		grid := emulator.Dim3{X: c.rows, Y: kernels.RopeBlocks(c.heads, c.pairs), Z: 1}
		r.launch("rope_f32", grid, 0, dx, r.put(pos), r.put(freq),
			uint32(c.heads), uint32(c.dim), uint32(c.pairs), c.interleaved, c.scale)
		r.same(fmt.Sprintf("%+v", c), r.floats(dx, n), want, 1e-14)
		if stored := int64(8 * c.rows * c.heads * c.pairs); r.last.GlobalStoreBytes != stored {
			t.Errorf("%+v: %d bytes stored, want %d", c, r.last.GlobalStoreBytes, stored)
		}
	}
}

// Cosine and sine of angles near the multiples of pi/2, where the reduction cancels most.
func TestRopeAngles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 4096
	freq := make([]float32, n)
	for i := range freq {
		freq[i] = float32(math.Pi / 2 * math.Floor(math.Pow(1.0046, float64(i)))) // up to 1.5e8
		if i%3 == 1 {
			freq[i] = math.Nextafter32(freq[i], 0)
		}
	}
	x := make([]float32, 2*n)
	for i := range n {
		x[i] = 1 // the pair (1, 0) becomes (cos a, sin a)
	}
	dx := r.put(x)
	r.launch("rope_f32", emulator.Dim3{X: 1, Y: kernels.RopeBlocks(1, n), Z: 1}, 0, dx, r.put([]int32{1}), r.put(freq),
		uint32(1), uint32(2*n), uint32(n), uint32(0), float32(1))
	got := r.floats(dx, 2*n)
	for i, f := range freq {
		sin, cos := math.Sincos(float64(f))
		bound := math.Exp2(-23.4)
		if e := max(math.Abs(float64(got[i])-cos), math.Abs(float64(got[n+i])-sin)); e > bound {
			t.Fatalf("angle %v: error %.3g, bound %.3g", f, e, bound)
		}
	}
}

func TestGather(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		rows, cols, skip int
		choice           []int32
	}{{1, 1, 0, []int32{0}}, {3, 33, 0, []int32{2}}, {8, 768, 0, []int32{7, 0, 3}}, {3, 7, 0, []int32{0, 2}}, {5, 97, 0, []int32{4, 4, 0, 1}}, {4, 1028, 1, []int32{3, 1}}, {4, 1028, 2, []int32{3, 1}}, {4, 3000, 0, []int32{3, 1}}} {
		x := r.normal(c.rows*c.cols+c.skip, 0, 1)
		x[c.skip] = float32(math.NaN())
		var want []uint32
		for _, row := range c.choice {
			for i := range c.cols {
				want = append(want, math.Float32bits(x[c.skip+int(row)*c.cols+i]))
			}
		}
		y := r.space(4 * len(want))
		grid := emulator.Dim3{X: len(c.choice), Y: ceilDiv(c.cols, kernels.ElementsPerBlock), Z: 1}
		r.launch("gather_f32", grid, 0, y, r.put(x)+uint64(4*c.skip), r.put(c.choice), uint32(c.cols))
		if !slices.Equal(get[uint32](r, y, len(want)), want) {
			t.Errorf("%+v: rows differ", c)
		}
		if bytes := int64(4 * len(want)); r.last.GlobalStoreBytes != bytes {
			t.Errorf("%+v: %d bytes stored, want %d", c, r.last.GlobalStoreBytes, bytes)
		}
		// A warp loads its row's number and moves 16 bytes a lane.
		if requests := int64(3 * len(c.choice) * ceilDiv(c.cols, 128)); c.skip == 0 && c.cols%4 == 0 && r.last.GlobalRequests != requests {
			t.Errorf("%+v: %d loads and stores, want %d", c, r.last.GlobalRequests, requests)
		}
	}
}
