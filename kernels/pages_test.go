package kernels_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

var pageFormats = []struct {
	name string
	engine.KVSpec
}{
	{"f32", engine.KVSpec{Format: format.F32}},
	{"f16", engine.KVSpec{Format: format.F16}},
	{"q8_0", engine.KVSpec{Format: format.Q8_0}},
}

// cache is a KV cache on the device with what it holds, in the layout that the package's
// comment draws.
type cache struct {
	engine.KVSpec
	name   string
	at     uint64
	stride int
	tables []int32 // [sequences, stride]
}

// newCache is a cache that holds nothing yet, with sequences of at most that many
// positions on scattered pages.
func newCache(r *rig, name string, spec engine.KVSpec, sequences, positions int) *cache {
	c := &cache{name: name, KVSpec: spec}
	c.stride = ceilDiv(positions, kernels.PageLen) + 1 // one entry more than is used
	c.Pages = sequences*c.stride + 1
	for _, p := range r.rand.Perm(c.Pages)[:sequences*c.stride] {
		c.tables = append(c.tables, int32(p))
	}
	c.at = r.space(int(c.Bytes()))
	c.staleScales(r)
	return c
}

// staleScales makes all scales NaN, of positions that hold nothing as well: kernels that
// load 16 bytes of them at a time do not tell them apart.
func (c *cache) staleScales(r *rig) {
	r.Helper()
	if c.Format != format.Q8_0 {
		return
	}
	quants := c.Heads * kernels.PageLen * c.HeadDim
	stale := bytes.Repeat([]byte{0xff}, quants/16)
	for half := range 2 * c.Pages {
		if err := r.CopyIn(c.at+uint64(half*int(c.PageBytes())/2+quants), stale); err != nil {
			r.Fatal(err)
		}
	}
}

// fill makes all numbers the same, about 1 in f16.
func (c *cache) fill(r *rig) {
	r.Helper()
	if err := r.CopyIn(c.at, bytes.Repeat([]byte{0x3c}, int(c.Bytes()))); err != nil {
		r.Fatal(err)
	}
}

// row is where the numbers of a head's key (half 0) or value (half 1) begin, in bytes
// from the cache's begin, and, for formats with scales, where the scales are.
func (c *cache) row(seq, pos, half, head int) (numbers, scales int) {
	page := int(c.tables[seq*c.stride+pos/kernels.PageLen])
	slot := pos % kernels.PageLen
	at := int(c.PageBytes())*page + int(c.PageBytes())/2*half
	index := (head*kernels.PageLen + slot) * c.HeadDim
	switch c.Format {
	case format.F32:
		return at + 4*index, 0
	case format.F16:
		return at + 2*index, 0
	}
	return at + index, at + c.Heads*kernels.PageLen*c.HeadDim + index/16
}

// packed gathers a head's key or value in engine/format's packing.
func (c *cache) packed(memory []byte, seq, pos, half, head int) []byte {
	numbers, scales := c.row(seq, pos, half, head)
	if c.Format != format.Q8_0 {
		return memory[numbers : numbers+c.Format.RowBytes(c.HeadDim)]
	}
	var b []byte
	for i := 0; i < c.HeadDim; i += 32 {
		b = append(b, memory[scales+i/16:scales+i/16+2]...)
		b = append(b, memory[numbers+i:numbers+i+32]...)
	}
	return b
}

// store launches store_* for rows of k and v at the positions of sequences.
func (c *cache) store(r *rig, k, v []float32, pos, seq []int32) {
	grid := emulator.Dim3{X: len(pos), Y: ceilDiv(c.Heads*c.HeadDim, kernels.ElementsPerBlock), Z: 1}
	r.launch("store_"+c.name, grid, 0, c.at, r.put(k), r.put(v), r.put(pos), r.put(seq), r.put(c.tables),
		uint32(c.stride), uint32(c.Heads), uint32(c.HeadDim))
}

func TestStore(t *testing.T) {
	t.Parallel()
	for _, f := range pageFormats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, dim := range []int{1, 7, 16, 20, 24, 32, 40, 64, 80, 96, 128, 256} {
				for _, heads := range []int{1, 3, 5} {
					if f.Format.CheckCols(dim) != nil {
						continue
					}
					f.KVSpec.Heads, f.KVSpec.HeadDim = heads, dim
					c := newCache(r, f.name, f.KVSpec, 2, 70)
					pos, seq := []int32{0, 31, 32, 69, 5}, []int32{0, 0, 0, 1, 1}
					k, v := r.normal(5*heads*dim, 0, 1), r.normal(5*heads*dim, 0, 1)
					for i := range v {
						v[i] *= []float32{1, 1e-8, 1e4, 1e-5, 0}[i/dim%5]
					}
					if dim > 2 {
						k[0], v[2*heads*dim] = float32(math.NaN()), float32(math.Inf(-1))
						v[1], v[2] = 0.5, -0.5
					}
					if dim >= 32 { // a scale of 1, and numbers on both sides of a half
						copy(k[3*heads*dim:], []float32{127, 0.49999997, -0.49999997, 0.5, 1.5, -2.5, 126.49999, 126.5})
					}
					c.store(r, k, v, pos, seq)
					if bytes := int64(len(pos) * heads * 2 * f.Format.RowBytes(dim)); r.last.GlobalStoreBytes != bytes {
						t.Errorf("%d heads of %d: %d bytes stored, want %d", heads, dim, r.last.GlobalStoreBytes, bytes)
					}
					// Warps find their page by three loads, load k and v and store both, 16 bytes or 4 numbers a lane.
					requests := int64(7 * len(pos) * ceilDiv(heads*dim, 128))
					if f.Format != format.Q8_0 && dim%4 == 0 && r.last.GlobalRequests != requests {
						t.Errorf("%d heads of %d: %d loads and stores, want %d", heads, dim, r.last.GlobalRequests, requests)
					}
					memory := get[byte](r, c.at, int(c.Bytes()))
					for i := range pos {
						for head := range heads {
							for half, x := range [][]float32{k, v} {
								want := make([]byte, f.Format.RowBytes(dim))
								f.Format.Quantize(want, x[(i*heads+head)*dim:][:dim])
								got := c.packed(memory, int(seq[i]), int(pos[i]), half, head)
								if !slices.Equal(unpack(f.Format, got, dim), unpack(f.Format, want, dim)) {
									t.Fatalf("%d heads of %d: row %d head %d half %d is\n%x, want\n%x", heads, dim, i, head, half, got, want)
								}
							}
						}
					}
				}
			}
		})
	}
}

// unpack gives the bits of the numbers, all NaN alike.
func unpack(f format.Format, packed []byte, n int) []string {
	x := make([]float32, n)
	f.Dequantize(x, packed)
	s := make([]string, n)
	for i, v := range x {
		s[i] = fmt.Sprint(math.Float32bits(v))
		if v != v {
			s[i] = "NaN"
		}
	}
	return s
}
