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
	// Logits within it are those that the output layer makes of the stream at that point.
	Probe func(layer int, x engine.Tensor)
	// Attention, if not nil, receives the attention weights of chosen rows.
	Attention *AttentionProbe

	b                engine.Backend
	x, h, q, k, v, a engine.Tensor // residual stream, normed, projections, attention's result
	gate, up         engine.Tensor
	logits           engine.Tensor
	rope, ropeLocal  engine.RopeSpec
	attend           engine.AttendSpec
	all              []engine.Tensor
}

// AttentionProbe receives the attention weights of some rows of each step, layer by layer.
type AttentionProbe struct {
	// Rows of the step, and Weights [len(Rows)*H, P] on the model's backend, with row i*H+h
	// for head h of Rows[i] and a column for each position up to the greatest: see
	// engine.AttendSpec.
	Rows    []int32
	Weights engine.Tensor
	// Visit is called once the weights of a layer are queued; Weights holds them until the
	// next layer. It may Read.
	Visit func(layer int)
}

// NewWorkspace makes the memory for steps of up to rows rows in a session of the given
// context, and for the logits of up to outRows rows at a time.
func (m *Model) NewWorkspace(rows, outRows, context int) (*Workspace, error) {
	c := m.Config
	w := &Workspace{Rows: rows, OutRows: outRows, b: m.Backend}
	for _, t := range []struct {
		dst        *engine.Tensor
		rows, cols int
	}{
		{&w.x, rows, c.Width}, {&w.h, rows, c.Width},
		{&w.q, rows, c.Heads * c.HeadDim}, {&w.a, rows, c.Heads * c.HeadDim},
		{&w.k, rows, c.KVHeads * c.HeadDim}, {&w.v, rows, c.KVHeads * c.HeadDim},
		{&w.gate, rows, c.Hidden}, {&w.up, rows, c.Hidden},
		{&w.logits, outRows, c.Vocab},
	} {
		var err error
		if *t.dst, err = w.tensor(t.rows, t.cols); err != nil {
			w.Close()
			return nil, err
		}
	}
	w.attend = engine.AttendSpec{Heads: c.Heads, Scale: c.Scale, SoftCap: c.AttnCap}
	if c.Learned {
		return w, nil
	}
	for _, r := range []struct {
		spec *engine.RopeSpec
		rope *Rope
	}{{&w.rope, &c.Rope}, {&w.ropeLocal, &c.RopeLocal}} {
		f, scale := r.rope.Table(context)
		t, err := w.tensor(1, len(f))
		if err != nil {
			w.Close()
			return nil, err
		}
		m.Backend.Write(t, f)
		*r.spec = engine.RopeSpec{HeadDim: c.HeadDim, Interleaved: r.rope.Interleaved, InvFreq: t, Scale: scale}
	}
	return w, nil
}

func (w *Workspace) tensor(rows, cols int) (engine.Tensor, error) {
	t, err := w.b.NewTensor(engine.Float32, rows, cols)
	if err != nil {
		return t, fmt.Errorf("memory for %d rows of %d numbers: %w", rows, cols, err)
	}
	w.all = append(w.all, t)
	return t, nil
}

// Close gives the memory back.
func (w *Workspace) Close() {
	for _, t := range w.all {
		w.b.Release(t)
	}
	w.all = nil
}

// WorkspaceBytes is the memory that NewWorkspace takes.
func (c *Config) WorkspaceBytes(rows, outRows int) int64 {
	perRow := 2*c.Width + 2*c.Heads*c.HeadDim + 2*c.KVHeads*c.HeadDim + 2*c.Hidden
	return 4 * (int64(rows)*int64(perRow) + int64(outRows)*int64(c.Vocab))
}

// Forward queues the layers for a step: its keys and values go to kv (one per layer), and
// the residual stream after the last layer stays in w for Logits.
func (m *Model) Forward(w *Workspace, kv []engine.KV, step *engine.Step) {
	c, b, t := m.Config, m.Backend, step.T()
	x := w.x.Part(0, t)
	b.Embed(x, step, engine.ByID, m.embed, c.Embed)
	if c.Learned {
		h := w.h.Part(0, t)
		b.Embed(h, step, engine.ByPos, m.pos, 1)
		b.Residual(x, x, h)
	}
	w.probe(-1, x)
	for i := range m.layers {
		m.attention(w, i, kv[i], step)
		m.feedForward(w, &m.layers[i], t)
		w.probe(i, x)
	}
}

func (w *Workspace) probe(layer int, x engine.Tensor) {
	if w.Probe != nil {
		w.Probe(layer, x)
	}
}

// attention adds what layer i's heads gather from earlier positions to the residual
// stream.
func (m *Model) attention(w *Workspace, i int, kv engine.KV, step *engine.Step) {
	c, b, t, l := m.Config, m.Backend, step.T(), &m.layers[i]
	x, h := w.x.Part(0, t), w.h.Part(0, t)
	q, k, v, a := w.q.Part(0, t), w.k.Part(0, t), w.v.Part(0, t), w.a.Part(0, t)
	m.normalise(h, x, l.attnNorm, l.attnNormBias)
	b.Linear(q, h, l.q, l.qBias)
	b.Linear(k, h, l.k, l.kBias)
	b.Linear(v, h, l.v, l.vBias)
	if c.QKNorm {
		qh, kh := q.Reshape(t*c.Heads, c.HeadDim), k.Reshape(t*c.KVHeads, c.HeadDim)
		b.RMSNorm(qh, qh, l.qNorm, c.NormEps)
		b.RMSNorm(kh, kh, l.kNorm, c.NormEps)
	}
	if !c.Learned {
		rope := &w.rope
		if c.windowed(i) {
			rope = &w.ropeLocal
		}
		b.Rope(q, step, rope)
		b.Rope(k, step, rope)
	}
	b.Store(kv, k, v, step)
	w.attend.Window = c.window(i)
	w.attend.Weights, w.attend.WeightRows = engine.Tensor{}, nil
	if p := w.Attention; p != nil {
		w.attend.Weights, w.attend.WeightRows = p.Weights, p.Rows
	}
	b.Attend(a, q, kv, step, &w.attend)
	if w.Attention != nil {
		w.Attention.Visit(i)
	}
	b.Linear(h, a, l.o, l.oBias)
	if c.PostNorm {
		b.RMSNorm(h, h, l.postAttn, c.NormEps)
	}
	b.Residual(x, x, h)
}

// feedForward adds what the layer makes of each position by itself.
func (m *Model) feedForward(w *Workspace, l *layer, t int) {
	c, b := m.Config, m.Backend
	x, h := w.x.Part(0, t), w.h.Part(0, t)
	gate, up := w.gate.Part(0, t), w.up.Part(0, t)
	m.normalise(h, x, l.ffnNorm, l.ffnNormBias)
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

func (m *Model) normalise(y, x, gain, bias engine.Tensor) {
	if m.Config.Norm == LayerNorm {
		m.Backend.LayerNorm(y, x, gain, bias, m.Config.NormEps)
	} else {
		m.Backend.RMSNorm(y, x, gain, m.Config.NormEps)
	}
}

// Logits queues the output layer for rows of the step that Forward did last, at most
// w.OutRows, and returns the tensor [len(rows), V] that will hold them until the next call.
func (m *Model) Logits(w *Workspace, rows []int32) engine.Tensor {
	c, b, n := m.Config, m.Backend, len(rows)
	if n > w.OutRows {
		panic(fmt.Sprintf("model: logits of %d rows asked for, the workspace holds %d", n, w.OutRows))
	}
	h, y := w.h.Part(0, n), w.logits.Part(0, n)
	b.Gather(h, w.x, rows)
	m.normalise(h, h, m.norm, m.normB)
	b.Linear(y, h, m.out, engine.Tensor{})
	if c.LogitCap > 0 {
		b.SoftCap(y, y, c.LogitCap)
	}
	return y
}
