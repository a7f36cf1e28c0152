package cpu

import "github.com/potion-engine/potion/engine"

// RopeStore goes over a row once: norms of the heads, rotation and packing while it is in
// the first-level cache. It moves 8*(H+G)*D bytes a row besides what Store moves.
func (b *Backend) RopeStore(kv engine.KV, q, k, v engine.Tensor, step *engine.Step, spec *engine.RopeStoreSpec) {
	const op = "RopeStore"
	engine.CheckRopeStore(kv, q, k, v, step, spec)
	c := ownKV(op, kv)
	r := &b.roped
	*r = ropeStoreTask{
		store: storeTask{kernels: b.kernels, scratch: b.scratch, kv: c, step: step, k: f32(op, "k", k), v: f32(op, "v", v)},
	}
	if !spec.QNorm.IsZero() {
		qh, kh := q.Reshape(q.Len()/c.spec.HeadDim, c.spec.HeadDim), k.Reshape(k.Len()/c.spec.HeadDim, c.spec.HeadDim)
		r.qNorm = normOfRows(op, b.kernels.rmsNorm, qh, qh, spec.QNorm, engine.Tensor{}, spec.Eps)
		r.kNorm = normOfRows(op, b.kernels.rmsNorm, kh, kh, spec.KNorm, engine.Tensor{}, spec.Eps)
		r.qHeads, r.kHeads = q.Cols()/c.spec.HeadDim, c.spec.Heads
	}
	if spec.Rope != nil {
		r.q, r.k = b.ropeOf(op, q, step, spec.Rope), b.ropeOf(op, k, step, spec.Rope)
	}
	b.run(r, step.T(), 4*(q.Cols()+2*k.Cols()))
}

// ropeStoreTask is the arguments of RopeStore; an item is a row. Parts that are not wanted
// are zero.
type ropeStoreTask struct {
	qNorm, kNorm   normTask // by head
	qHeads, kHeads int
	q, k           ropeTask
	store          storeTask
}

func (r *ropeStoreTask) run(worker, from, to int) {
	if r.qNorm.row != nil {
		r.qNorm.run(worker, from*r.qHeads, to*r.qHeads)
		r.kNorm.run(worker, from*r.kHeads, to*r.kHeads)
	}
	if r.q.angles != nil {
		r.q.run(worker, from, to)
		r.k.run(worker, from, to)
	}
	r.store.run(worker, from, to)
}
