//go:build cuda && cgo && linux

package cuda

import (
	"fmt"

	"github.com/potion-engine/potion/engine"
)

// kvCache is the pages of one layer, laid out as package kernels says.
type kvCache struct {
	b    *Backend
	spec engine.KVSpec
	addr uint64 // 0 once freed
}

// NewKV gives pages of zeros, which is what every format's zero bytes mean.
func (b *Backend) NewKV(spec engine.KVSpec) (engine.KV, error) {
	if err := spec.Check(); err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	k := b.ops.pages[spec.Format]
	if k == nil {
		return nil, fmt.Errorf("cuda: KV pages of %v: %w", spec.Format, engine.ErrFormat)
	}
	for _, kernel := range []*kernel{k.store, b.decoding(k, spec.HeadDim).kernel, b.prompting(k, spec.Format, spec.HeadDim).kernel} {
		if err := b.ready(kernel); err != nil {
			return nil, fmt.Errorf("KV pages of %v: %w", spec.Format, err)
		}
	}
	addr, err := b.zeros(spec.Bytes())
	if err != nil {
		return nil, fmt.Errorf("a KV cache of %d pages: %w", spec.Pages, err)
	}
	return &kvCache{b: b, spec: spec, addr: addr}, nil
}

func (c *kvCache) Spec() engine.KVSpec { return c.spec }

func (c *kvCache) Free() {
	if c.addr != 0 {
		c.b.discard("Free", c.addr)
		c.addr = 0
	}
}

func (c *kvCache) CopyPage(dst, src int) {
	if dst < 0 || src < 0 || dst >= c.spec.Pages || src >= c.spec.Pages {
		wrong("CopyPage", "page %d to %d of %d", src, dst, c.spec.Pages)
	}
	if c.addr == 0 {
		wrong("CopyPage", "the KV cache was freed")
	}
	if dst == src {
		return
	}
	size := c.spec.PageBytes()
	c.b.copy(c.addr+uint64(int64(dst)*size), c.addr+uint64(int64(src)*size), size)
}

// ownKV is kv as the type that this backend makes.
func (b *Backend) ownKV(op string, kv engine.KV) *kvCache {
	c, ok := kv.(*kvCache)
	if !ok {
		wrong(op, "the KV cache is a %T, which belongs to another backend", kv)
	}
	if c.b != b {
		wrong(op, "the KV cache belongs to another device's backend")
	}
	if c.addr == 0 {
		wrong(op, "the KV cache was freed")
	}
	return c
}
