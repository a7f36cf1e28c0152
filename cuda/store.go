//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/engine"
)

// Store launches store_<format of the pages>.
func (b *Backend) Store(kv engine.KV, k, v engine.Tensor, step *engine.Step) {
	const op = "Store"
	engine.CheckStore(kv, k, v, step)
	c := b.ownKV(op, kv)
	s := b.onDevice(step)
	if s == nil {
		return
	}
	b.launch(b.ops.pages[c.spec.Format].store, step.T(), elementBlocks(k.Cols()), 1, 0,
		c.addr, address(op, "k", k), address(op, "v", v), s.pos, s.seq, s.pages,
		uint64(s.stride), uint64(c.spec.Heads), uint64(c.spec.HeadDim))
}
