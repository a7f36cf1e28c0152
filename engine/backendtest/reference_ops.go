package backendtest

import "github.com/potion-engine/potion/engine"

// Embed implements engine.Ops.
func (b *Reference) Embed(y engine.Tensor, step *engine.Step, by engine.Index, table engine.Weight, scale float32) {
	engine.CheckEmbed(y, step, by, table)
	b.set(y, embed(by.Of(step), table.(*refWeight).row, float64(scale)))
}

// LayerNorm implements engine.Ops.
func (b *Reference) LayerNorm(y, x, gain, bias engine.Tensor, eps float32) {
	engine.CheckNorm("LayerNorm", y, x, gain, bias)
	b.set(y, layerNorm(b.Values(x), b.Values(gain), b.Values(bias), float64(eps)))
}

// RMSNorm implements engine.Ops.
func (b *Reference) RMSNorm(y, x, gain engine.Tensor, eps float32) {
	engine.CheckNorm("RMSNorm", y, x, gain, engine.Tensor{})
	b.set(y, rmsNorm(b.Values(x), b.Values(gain), float64(eps)))
}

// Linear implements engine.Ops.
func (b *Reference) Linear(y, x engine.Tensor, w engine.Weight, bias engine.Tensor) {
	engine.CheckLinear(y, x, w, bias)
	b.set(y, linear(b.Values(x), w.Cols(), w.Rows(), w.(*refWeight).row, b.Values(bias)))
}

// Rope implements engine.Ops.
func (b *Reference) Rope(x engine.Tensor, step *engine.Step, spec *engine.RopeSpec) {
	engine.CheckRope(x, step, spec)
	b.set(x, rope(b.Values(x), step.Pos, spec.HeadDim, b.Values(spec.InvFreq), spec.Interleaved, float64(spec.Scale)))
}

// Store implements engine.Ops.
func (b *Reference) Store(cache engine.KV, k, v engine.Tensor, step *engine.Step) {
	engine.CheckStore(cache, k, v, step)
	kv := cache.(*refKV)
	for t, p := range step.Pos {
		pages := step.Pages[step.Seq[t]]
		copy(kv.at(kv.keys, pages, int(p)), asStored(kv.spec.Format, b.Values(k.Part(t, t+1)), kv.spec.HeadDim))
		copy(kv.at(kv.values, pages, int(p)), asStored(kv.spec.Format, b.Values(v.Part(t, t+1)), kv.spec.HeadDim))
	}
}

// Attend implements engine.Ops.
func (b *Reference) Attend(y, q engine.Tensor, cache engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	engine.CheckAttend(y, q, cache, step, spec)
	kv := cache.(*refKV)
	for t, p := range step.Pos {
		pages := step.Pages[step.Seq[t]]
		mixed, weights := attention{
			heads: spec.Heads, kvHeads: kv.spec.Heads, dim: kv.spec.HeadDim,
			scale: float64(spec.Scale), softCap: float64(spec.SoftCap), window: spec.Window, pos: int(p),
			key:   func(p int) []float64 { return kv.at(kv.keys, pages, p) },
			value: func(p int) []float64 { return kv.at(kv.values, pages, p) },
		}.attend(b.Values(q.Part(t, t+1)))
		b.set(y.Part(t, t+1), mixed)
		for i, row := range spec.WeightRows {
			if int(row) != t {
				continue
			}
			for h, w := range weights {
				line := make([]float64, spec.Weights.Cols())
				copy(line, w)
				b.set(spec.Weights.Part(i*spec.Heads+h, i*spec.Heads+h+1), line)
			}
		}
	}
}

// each sets y element by element.
func (b *Reference) each(op string, y, a, c engine.Tensor, formula func(a, c float64) float64) {
	engine.CheckSame(op, y, a, c)
	left, right := b.Values(a), b.Values(c)
	for i := range left {
		left[i] = formula(left[i], right[i])
	}
	b.set(y, left)
}

// GELU implements engine.Ops.
func (b *Reference) GELU(y, x engine.Tensor) {
	b.each("GELU", y, x, x, func(x, _ float64) float64 { return gelu(x) })
}

// SwiGLU implements engine.Ops.
func (b *Reference) SwiGLU(y, gate, up engine.Tensor) {
	b.each("SwiGLU", y, gate, up, func(g, u float64) float64 { return silu(g) * u })
}

// GeGLU implements engine.Ops.
func (b *Reference) GeGLU(y, gate, up engine.Tensor) {
	b.each("GeGLU", y, gate, up, func(g, u float64) float64 { return gelu(g) * u })
}

// Residual implements engine.Ops.
func (b *Reference) Residual(y, a, c engine.Tensor) {
	b.each("Residual", y, a, c, func(a, c float64) float64 { return a + c })
}

// SoftCap implements engine.Ops.
func (b *Reference) SoftCap(y, x engine.Tensor, limit float32) {
	b.each("SoftCap", y, x, x, func(x, _ float64) float64 { return softCap(x, float64(limit)) })
}

// Softmax implements engine.Ops.
func (b *Reference) Softmax(y, x engine.Tensor) {
	engine.CheckSame("Softmax", y, x)
	b.set(y, softmax(b.Values(x), x.Cols()))
}

// TopK implements engine.Ops.
func (b *Reference) TopK(vals, cols, x engine.Tensor) {
	engine.CheckTopK(vals, cols, x)
	v, c := topK(b.Values(x), x.Cols(), vals.Cols())
	b.set(vals, v)
	copy(cols.I32(), c)
}

// Gather implements engine.Ops.
func (b *Reference) Gather(y, x engine.Tensor, rows []int32) {
	engine.CheckGather(y, x, rows)
	b.set(y, gather(b.Values(x), x.Cols(), rows))
}
