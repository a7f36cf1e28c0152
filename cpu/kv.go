package cpu

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// kvCache is the pages of one layer in one piece of memory. A page is
//
//	keys    [G, D, PageLen], of Q8_0 [G, PageLen, D]
//	values  [G, PageLen, D]
//
// in the format of the spec, so that what one head attends to lies together. A query is
// multiplied with all keys of a page at once, a number with one of each key, so that
// nothing is added up across the lanes of a vector.
type kvCache struct {
	spec     engine.KVSpec
	rowBytes int    // D numbers
	half     int    // bytes of the keys of a page, and of its values
	data     []byte // nil once freed
}

// NewKV gives pages of zeros, which is what every format's zero bytes mean.
func (b *Backend) NewKV(spec engine.KVSpec) (engine.KV, error) {
	if err := spec.Check(); err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	rowBytes := spec.Format.RowBytes(spec.HeadDim)
	most := math.MaxInt / 2 / engine.PageLen / rowBytes
	if spec.Heads > most || spec.Pages > most/spec.Heads {
		return nil, fmt.Errorf("cpu: KV cache of %d pages, %d heads, head size %d does not fit in memory", spec.Pages, spec.Heads, spec.HeadDim)
	}
	half := engine.PageLen * spec.Heads * rowBytes
	c := &kvCache{
		spec: spec, rowBytes: rowBytes, half: half,
		data: make([]byte, 2*half*spec.Pages),
	}
	clear(c.data[:2*half*min(spec.Pages, firstPages)]) // see touch
	return c, nil
}

// firstPages is how many pages get memory of their own at once, those of the first 512
// positions. The others get it when they are used: a long context may never be filled.
const firstPages = 512 / engine.PageLen

func (c *kvCache) Spec() engine.KVSpec { return c.spec }
func (c *kvCache) Free()               { c.data = nil }

func (c *kvCache) CopyPage(dst, src int) {
	if dst < 0 || src < 0 || dst >= c.spec.Pages || src >= c.spec.Pages {
		wrong("CopyPage", "page %d to %d of %d", src, dst, c.spec.Pages)
	}
	size := 2 * c.half
	copy(c.data[dst*size:(dst+1)*size], c.data[src*size:(src+1)*size])
}

// turned says whether the positions of a page's keys are its columns.
func (c *kvCache) turned() bool { return c.spec.Format.BlockLen() == 1 }

// keys is the packed keys of one head in a page: of n positions from the first on, or of
// the whole page if they are turned.
func (c *kvCache) keys(page, head, n int) []byte {
	if c.turned() {
		n = engine.PageLen
	}
	at := 2*c.half*page + head*engine.PageLen*c.rowBytes
	return c.data[at : at+n*c.rowBytes]
}

// values is the packed values of n positions.
func (c *kvCache) values(page, head, n int) []byte {
	at := 2*c.half*page + c.half + head*engine.PageLen*c.rowBytes
	return c.data[at : at+n*c.rowBytes]
}

// floats is packed as float32: itself if that is what it is, else unpacked to buf.
func (c *kvCache) floats(k *kernels, buf []float32, packed []byte) []float32 {
	if c.spec.Format == format.F32 {
		return asFloats(packed)
	}
	buf = buf[:len(packed)/c.rowBytes*c.spec.HeadDim]
	k.unpack[c.spec.Format](buf, packed)
	return buf
}

// ownKV is kv as the type that this backend makes.
func ownKV(op string, kv engine.KV) *kvCache {
	c, ok := kv.(*kvCache)
	if !ok {
		wrong(op, "the KV cache is a %T, which belongs to another backend", kv)
	}
	if c.data == nil {
		wrong(op, "the KV cache was freed")
	}
	return c
}
