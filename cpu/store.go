package cpu

import "github.com/potion-engine/potion/engine"

// Store packs a row of keys and a row of values: it reads 8*G*D bytes and writes as much
// in the cache's format.
func (b *Backend) Store(kv engine.KV, k, v engine.Tensor, step *engine.Step) {
	engine.CheckStore(kv, k, v, step)
	b.store = storeTask{
		kernels: b.kernels, kv: ownKV("Store", kv), step: step,
		k: f32("Store", "k", k), v: f32("Store", "v", v),
	}
	b.run(&b.store, step.T(), 8*k.Cols())
}

// storeTask is the arguments of Store; an item is a row.
type storeTask struct {
	kernels *kernels
	kv      *kvCache
	k, v    []float32
	step    *engine.Step
}

func (s *storeTask) run(_, from, to int) {
	spec := &s.kv.spec
	d := spec.HeadDim
	for t := from; t < to; t++ {
		pos := int(s.step.Pos[t])
		page := int(s.step.Pages[s.step.Seq[t]][pos/engine.PageLen])
		slot := pos % engine.PageLen * s.kv.rowBytes
		for h := range spec.Heads {
			at := (t*spec.Heads + h) * d
			keys := s.kv.keys(page, h, engine.PageLen)
			values := s.kv.values(page, h, engine.PageLen)
			s.kernels.pack[spec.Format](keys[slot:slot+s.kv.rowBytes], s.k[at:at+d])
			s.kernels.pack[spec.Format](values[slot:slot+s.kv.rowBytes], s.v[at:at+d])
		}
	}
}
