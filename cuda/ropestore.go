//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
)

// RopeStore launches rope_store_<format of the pages>, or, for head sizes that it does not
// take, what it is made of.
func (b *Backend) RopeStore(kv engine.KV, q, k, v engine.Tensor, step *engine.Step, spec *engine.RopeStoreSpec) {
	const op = "RopeStore"
	engine.CheckRopeStore(kv, q, k, v, step, spec)
	c := b.ownKV(op, kv)
	dim := c.spec.HeadDim
	var turn engine.RopeSpec // no pairs: no rotation
	if spec.Rope != nil {
		turn = *spec.Rope
	}
	pairs := turn.InvFreq.Cols()
	shared := kernels.RopeStoreShared(dim, pairs)
	if dim%4 != 0 || shared > b.maxShared {
		engine.Unfused{Ops: b}.RopeStore(kv, q, k, v, step, spec)
		return
	}
	s := b.onDevice(step)
	if s == nil {
		return
	}
	heads := q.Cols() / dim
	if pairs == 0 && spec.QNorm.IsZero() {
		heads = 0 // q stays as it is
	}
	order := uint64(0)
	if turn.Interleaved {
		order = 1
	}
	b.launch(b.ops.pages[c.spec.Format].ropeStore, step.T(), kernels.RopeStoreBlocks(heads, c.spec.Heads), 1, uint32(shared),
		c.addr, address(op, "q", q), address(op, "k", k), address(op, "v", v),
		optional(op, "QNorm", spec.QNorm), optional(op, "KNorm", spec.KNorm),
		s.pos, s.seq, s.pages, optional(op, "InvFreq", turn.InvFreq),
		uint64(s.stride), uint64(heads), uint64(c.spec.Heads), uint64(dim), uint64(pairs), order,
		bits(turn.Scale), bits(spec.Eps))
}
