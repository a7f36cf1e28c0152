package backendtest

import "github.com/potion-engine/potion/engine"

// Mutants of the verbs of engine.Fused.

// fuses is the Reference with verbs of its own, made of the plain ones.
type fuses struct {
	*Reference
	engine.Unfused
}

func newFuses() fuses {
	ref := NewReference()
	return fuses{ref, engine.Unfused{Ops: ref}}
}

type forgetsNormBias struct{ fuses }

func (m forgetsNormBias) Project(x engine.Tensor, norm *engine.Norm, to []engine.Projection, s *engine.Scratch) {
	if norm != nil {
		bare := *norm
		bare.Bias = engine.Tensor{}
		norm = &bare
	}
	m.fuses.Project(x, norm, to, s)
}

type oneBiasForAll struct{ fuses } // takes the first product's bias for those of its size

func (m oneBiasForAll) Project(x engine.Tensor, norm *engine.Norm, to []engine.Projection, s *engine.Scratch) {
	list := append([]engine.Projection{}, to...)
	for i := range list {
		if list[i].W.Rows() == list[1%len(list)].W.Rows() {
			list[i].Bias = list[1%len(list)].Bias
		}
	}
	m.fuses.Project(x, norm, list, s)
}

type gatesWithUp struct{ fuses }

func (m gatesWithUp) Gate(y, x engine.Tensor, norm *engine.Norm, spec *engine.GateSpec, s *engine.Scratch) {
	swapped := *spec
	if spec.Act != engine.ActGELU {
		swapped.Gate, swapped.Up = spec.Up, spec.Gate
	}
	m.fuses.Gate(y, x, norm, &swapped, s)
}

type overwrites struct{ fuses } // does not add

func (m overwrites) Accumulate(x, h engine.Tensor, w engine.Weight, bias engine.Tensor, norm *engine.Norm, s *engine.Scratch) {
	m.Write(x, make([]float32, x.Len()))
	m.fuses.Accumulate(x, h, w, bias, norm, s)
}

type normsTheSum struct{ fuses } // norms the sum with x

func (m normsTheSum) Accumulate(x, h engine.Tensor, w engine.Weight, bias engine.Tensor, norm *engine.Norm, s *engine.Scratch) {
	m.fuses.Accumulate(x, h, w, bias, nil, s)
	if norm != nil && norm.Kind == engine.NormRMS {
		m.RMSNorm(x, x, norm.Gain, norm.Eps)
	}
}

type oneGainForBoth struct{ fuses }

func (m oneGainForBoth) RopeStore(kv engine.KV, q, k, v engine.Tensor, step *engine.Step, spec *engine.RopeStoreSpec) {
	same := *spec
	same.KNorm = same.QNorm
	m.fuses.RopeStore(kv, q, k, v, step, &same)
}

type storesKeysUnturned struct{ fuses }

func (m storesKeysUnturned) RopeStore(kv engine.KV, q, k, v engine.Tensor, step *engine.Step, spec *engine.RopeStoreSpec) {
	m.fuses.RopeStore(kv, q, k, v, step, spec)
	if spec.Rope != nil {
		back := *spec.Rope
		negative := append([]float32{}, back.InvFreq.F32()...)
		for i := range negative {
			negative[i] = -negative[i]
		}
		back.InvFreq = engine.FromRows(negative, 1, len(negative))
		m.Rope(k, step, &back)
		m.Store(kv, k, v, step)
	}
}

type halfValues struct{ fuses } // the last value is lost

func (m halfValues) RopeStore(kv engine.KV, q, k, v engine.Tensor, step *engine.Step, spec *engine.RopeStoreSpec) {
	short := append([]float32{}, v.F32()...)
	short[len(short)-1] = 0
	m.fuses.RopeStore(kv, q, k, engine.FromRows(short, v.Rows(), v.Cols()), step, spec)
}
