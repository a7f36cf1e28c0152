package model

import (
	"fmt"

	"github.com/potion-engine/potion/engine"
)

// Workspace is the memory that a forward pass works in: the activations of up to Rows
// rows, the logits of up to OutRows rows, and the rotation tables for a context. A session
// makes it once, so that no step allocates.
type Workspace struct {
	Rows, OutRows int

	// Probe, if not nil, is called with the residual stream [T, C] that goes into layer 0
	// (layer is -1) and that comes out of each layer, once its work is queued. It may Read.
	// Where the model is in parts, x is on the layer's backend.
	Probe func(layer int, x engine.Tensor)
	// Attention, if not nil, receives the attention weights of chosen rows.
	Attention *AttentionProbe

	parts  []*activations
	logits engine.Tensor
	host   []float32 // carries the residual stream from part to part
}

// activations is the memory of one part of a model.
type activations struct {
	b                engine.Backend
	x, h, q, k, v, a engine.Tensor // residual stream, normed, projections, attention's result
	gate, up         engine.Tensor
	rope, ropeLocal  engine.RopeSpec
	attend           engine.AttendSpec
	all              []engine.Tensor
}

// NewWorkspace makes the memory for steps of up to rows rows in a session of the given
// context, and for the logits of up to outRows rows at a time.
func (m *Model) NewWorkspace(rows, outRows, context int) (*Workspace, error) {
	w := &Workspace{Rows: rows, OutRows: outRows}
	for _, p := range m.parts {
		a := &activations{b: p.Backend}
		w.parts = append(w.parts, a)
		if err := a.make(m.Config, rows, context); err != nil {
			w.Close()
			return nil, err
		}
	}
	var err error
	if w.logits, err = w.last().tensor(outRows, m.Config.Vocab); err != nil {
		w.Close()
		return nil, err
	}
	if len(m.parts) > 1 {
		w.host = make([]float32, rows*m.Config.Width)
	}
	return w, nil
}

func (w *Workspace) last() *activations { return w.parts[len(w.parts)-1] }

func (a *activations) make(c *Config, rows, context int) (err error) {
	for _, t := range []struct {
		dst  *engine.Tensor
		cols int
	}{
		{&a.x, c.Width}, {&a.h, c.Width},
		{&a.q, c.Heads * c.HeadDim}, {&a.a, c.Heads * c.HeadDim},
		{&a.k, c.KVHeads * c.HeadDim}, {&a.v, c.KVHeads * c.HeadDim},
		{&a.gate, c.Hidden}, {&a.up, c.Hidden},
	} {
		if *t.dst, err = a.tensor(rows, t.cols); err != nil {
			return err
		}
	}
	a.attend = engine.AttendSpec{Heads: c.Heads, Scale: c.Scale, SoftCap: c.AttnCap}
	if c.Learned {
		return nil
	}
	for _, r := range []struct {
		spec *engine.RopeSpec
		rope *Rope
	}{{&a.rope, &c.Rope}, {&a.ropeLocal, &c.RopeLocal}} {
		f, scale := r.rope.Table(context)
		t, err := a.tensor(1, len(f))
		if err != nil {
			return err
		}
		a.b.Write(t, f)
		*r.spec = engine.RopeSpec{HeadDim: c.HeadDim, Interleaved: r.rope.Interleaved, InvFreq: t, Scale: scale}
	}
	return nil
}

func (a *activations) tensor(rows, cols int) (engine.Tensor, error) {
	t, err := a.b.NewTensor(engine.Float32, rows, cols)
	if err != nil {
		return t, fmt.Errorf("memory for %d rows of %d numbers: %w", rows, cols, err)
	}
	a.all = append(a.all, t)
	return t, nil
}

// Close gives the memory back.
func (w *Workspace) Close() {
	for _, a := range w.parts {
		for _, t := range a.all {
			a.b.Release(t)
		}
		a.all = nil
	}
}

// WorkspaceBytes is the memory that NewWorkspace takes.
func (c *Config) WorkspaceBytes(rows, outRows int) int64 {
	perRow := 2*c.Width + 2*c.Heads*c.HeadDim + 2*c.KVHeads*c.HeadDim + 2*c.Hidden
	return 4 * (int64(rows)*int64(perRow) + int64(outRows)*int64(c.Vocab))
}

// Forward queues the layers for a step: its keys and values go to kv (one per layer), and
// the residual stream after the last layer stays in w for Logits. Where the model is in
// parts it waits for each but the last, and returns what failed there.
func (m *Model) Forward(w *Workspace, kv []engine.KV, step *engine.Step) error {
	a, t := w.parts[0], step.T()
	m.embedding(a, step)
	w.probe(-1, a.x.Part(0, t))
	i := 0
	for p, part := range m.parts {
		if p > 0 {
			n := t * m.Config.Width
			if err := a.b.Read(w.host[:n], a.x.Part(0, t)); err != nil {
				return err
			}
			a = w.parts[p]
			a.b.Write(a.x.Part(0, t), w.host[:n])
		}
		for range part.Layers {
			m.attention(w, a, i, kv[i], step)
			m.feedForward(a, &m.layers[i], t)
			w.probe(i, a.x.Part(0, t))
			i++
		}
	}
	return nil
}

func (m *Model) embedding(a *activations, step *engine.Step) {
	c, b, t := m.Config, a.b, step.T()
	x := a.x.Part(0, t)
	b.Embed(x, step, engine.ByID, m.embed, c.Embed)
	if c.Learned {
		h := a.h.Part(0, t)
		b.Embed(h, step, engine.ByPos, m.pos, 1)
		b.Residual(x, x, h)
	}
}

func (w *Workspace) probe(layer int, x engine.Tensor) {
	if w.Probe != nil {
		w.Probe(layer, x)
	}
}

// attention adds what layer i's heads gather from earlier positions to the residual
// stream.
func (m *Model) attention(w *Workspace, a *activations, i int, kv engine.KV, step *engine.Step) {
	c, b, t, l := m.Config, a.b, step.T(), &m.layers[i]
	x, h := a.x.Part(0, t), a.h.Part(0, t)
	q, k, v, mixed := a.q.Part(0, t), a.k.Part(0, t), a.v.Part(0, t), a.a.Part(0, t)
	m.normalise(b, h, x, l.attnNorm, l.attnNormBias)
	b.Linear(q, h, l.q, l.qBias)
	b.Linear(k, h, l.k, l.kBias)
	b.Linear(v, h, l.v, l.vBias)
	if c.QKNorm {
		qh, kh := q.Reshape(t*c.Heads, c.HeadDim), k.Reshape(t*c.KVHeads, c.HeadDim)
		b.RMSNorm(qh, qh, l.qNorm, c.NormEps)
		b.RMSNorm(kh, kh, l.kNorm, c.NormEps)
	}
	if !c.Learned {
		rope := &a.rope
		if c.windowed(i) {
			rope = &a.ropeLocal
		}
		b.Rope(q, step, rope)
		b.Rope(k, step, rope)
	}
	b.Store(kv, k, v, step)
	a.attend.Window = c.window(i)
	a.attend.Weights, a.attend.WeightRows = engine.Tensor{}, nil
	if p := w.Attention; p != nil {
		a.attend.Weights, a.attend.WeightRows = p.Weights(i), p.Rows
	}
	b.Attend(mixed, q, kv, step, &a.attend)
	if w.Attention != nil {
		w.Attention.Visit(i)
	}
	b.Linear(h, mixed, l.o, l.oBias)
	if c.PostNorm {
		b.RMSNorm(h, h, l.postAttn, c.NormEps)
	}
	b.Residual(x, x, h)
}

// feedForward adds what the layer makes of each position by itself.
func (m *Model) feedForward(a *activations, l *layer, t int) {
	c, b := m.Config, a.b
	x, h := a.x.Part(0, t), a.h.Part(0, t)
	gate, up := a.gate.Part(0, t), a.up.Part(0, t)
	m.normalise(b, h, x, l.ffnNorm, l.ffnNormBias)
	b.Linear(up, h, l.up, l.upBias)
	switch c.FFN {
	case GELU:
		b.GELU(up, up)
	case GeGLU:
		b.Linear(gate, h, l.gate, l.gateBias)
		b.GeGLU(up, gate, up)
	case SwiGLU:
		b.Linear(gate, h, l.gate, l.gateBias)
		b.SwiGLU(up, gate, up)
	}
	b.Linear(h, up, l.down, l.downBias)
	if c.PostNorm {
		b.RMSNorm(h, h, l.postFFN, c.NormEps)
	}
	b.Residual(x, x, h)
}

func (m *Model) normalise(b engine.Backend, y, x, gain, bias engine.Tensor) {
	if m.Config.Norm == LayerNorm {
		b.LayerNorm(y, x, gain, bias, m.Config.NormEps)
	} else {
		b.RMSNorm(y, x, gain, m.Config.NormEps)
	}
}

// Logits queues the output layer for rows of the step that Forward did last, at most
// w.OutRows, and returns the tensor [len(rows), V] that will hold them until the next call.
func (m *Model) Logits(w *Workspace, rows []int32) engine.Tensor {
	c, a, n := m.Config, w.last(), len(rows)
	b := a.b
	if n > w.OutRows {
		panic(fmt.Sprintf("model: logits of %d rows asked for, the workspace holds %d", n, w.OutRows))
	}
	h, y := a.h.Part(0, n), w.logits.Part(0, n)
	b.Gather(h, a.x, rows)
	m.normalise(b, h, h, m.norm, m.normB)
	b.Linear(y, h, m.out, engine.Tensor{})
	if c.LogitCap > 0 {
		b.SoftCap(y, y, c.LogitCap)
	}
	return y
}
