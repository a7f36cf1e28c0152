package cpu

import "github.com/potion-engine/potion/engine"

// Store packs a row of keys and a row of values: it reads 8*G*D bytes and writes as much
// in the cache's format.
func (b *Backend) Store(kv engine.KV, k, v engine.Tensor, step *engine.Step) {
	engine.CheckStore(kv, k, v, step)
	b.store = storeTask{
		kernels: b.kernels, scratch: b.scratch, kv: ownKV("Store", kv), step: step,
		k: f32("Store", "k", k), v: f32("Store", "v", v),
	}
	b.run(&b.store, step.T(), 8*k.Cols())
}

// storeTask is the arguments of Store; an item is a row.
type storeTask struct {
	kernels *kernels
	scratch []scratch // by worker
	kv      *kvCache
	k, v    []float32
	step    *engine.Step
}

func (s *storeTask) run(worker, from, to int) {
	spec := &s.kv.spec
	d, pack := spec.HeadDim, s.kernels.pack[spec.Format]
	for t := from; t < to; t++ {
		pos := int(s.step.Pos[t])
		page := int(s.step.Pages[s.step.Seq[t]][pos/engine.PageLen])
		slot := pos % engine.PageLen
		row := slot * s.kv.rowBytes
		for h := range spec.Heads {
			at := (t*spec.Heads + h) * d
			keys := s.kv.keys(page, h, engine.PageLen)
			values := s.kv.values(page, h, engine.PageLen)
			if s.kv.turned() {
				s.turn(&s.scratch[worker].packed, keys, slot, s.k[at:at+d])
			} else {
				pack(keys[row:row+s.kv.rowBytes], s.k[at:at+d])
			}
			pack(values[row:row+s.kv.rowBytes], s.v[at:at+d])
		}
	}
}

// turn packs a key and puts its numbers into column slot of a page.
func (s *storeTask) turn(packed *[4 * chunk]byte, page []byte, slot int, key []float32) {
	f := s.kv.spec.Format
	bytes := f.BlockBytes()
	at := slot * bytes
	for len(key) > 0 {
		n := min(len(key), chunk)
		s.kernels.pack[f](packed[:n*bytes], key[:n])
		for i := 0; i < n*bytes; i += bytes {
			copy(page[at:at+bytes], packed[i:i+bytes])
			at += engine.PageLen * bytes
		}
		key = key[n:]
	}
}
