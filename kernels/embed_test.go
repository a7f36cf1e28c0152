package kernels_test

import (
	"math"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

func TestEmbed(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		r := newRig(t)
		widths := []int{f.BlockLen(), 3 * f.BlockLen(), 4 * f.BlockLen(), 768, 2304}
		if f.BlockLen() == 1 {
			widths = append(widths, 2, 3, 4, 5, 6, 31, 33, 97, 1025)
		}
		for i, k := range widths {
			const n = 11
			w, scale := r.weight(f, n, k), []float32{1, 0.37, 16}[i%3]
			index := []int32{0, n - 1, 5, 5, 3, 1, 10}
			y := r.space(4 * len(index) * k)
			place, places, at := []int32{2, 0, 1, 1, 2, 0, 1}, make([]float32, 3*k), uint64(0)
			if i%2 == 1 {
				places = r.normal(3*k, 0, 1)
				at = r.put(padded(places, k))
			}
			args := append([]any{y, r.put(index)}, w.planes()...)
			r.launch("embed_"+strings.ToLower(f.String()), dim(w.EmbedGrid(len(index))), 0, append(args, r.put(place), at, uint32(k), scale)...)
			if stored := int64(4 * len(index) * k); r.last.GlobalStoreBytes != stored {
				t.Errorf("K = %d: %d bytes stored, want %d", k, r.last.GlobalStoreBytes, stored)
			}
			got, want := r.floats(y, len(index)*k), make([]float32, k)
			for j, id := range index {
				f.Dequantize(want, w.row(int(id)))
				for c := range want {
					v := float32(scale * want[c])
					if at != 0 {
						v += places[int(place[j])*k+c]
					}
					if math.Float32bits(v) != math.Float32bits(got[j*k+c]) {
						t.Fatalf("K = %d, scale %v: y[%d, %d] = %v, want %v", k, scale, j, c, got[j*k+c], v)
					}
				}
			}
		}
	})
}

// padded is rows of k numbers, each up to a multiple of 16 bytes.
func padded(x []float32, k int) []float32 {
	var y []float32
	for i := 0; i < len(x); i += k {
		y = append(y, x[i:i+k]...)
		y = append(y, make([]float32, -k&3)...)
	}
	return y
}
