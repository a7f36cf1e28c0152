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
	// Check, if not nil, is asked before each layer: an error ends the pass with it.
	Check func() error
	// Attention, if not nil, receives the attention weights of chosen rows.
	Attention *AttentionProbe

	parts  []*activations
	chosen engine.Tensor // rows of the residual stream that logits are asked of
	logits engine.Tensor
	work   engine.Scratch
	host   []float32 // carries the residual stream from part to part
}

// activations is the memory of one part of a model.
type activations struct {
	b             engine.Backend
	fused         engine.Fused
	embedder      engine.Embedder
	x, q, k, v, a engine.Tensor // residual stream, projections, attention's result
	up            engine.Tensor // the feed-forward part, activated
	scratch       engine.Scratch

	// What the verbs are told, kept here so that no call allocates.
	rope, ropeLocal engine.RopeSpec
	attend          engine.AttendSpec
	roped           engine.RopeStoreSpec
	to              [3]engine.Projection
	work            engine.Scratch // as many rows of scratch as the step has

	all []engine.Tensor
}

// NewWorkspace makes the memory for steps of up to rows rows in a session of the given
// context, and for the logits of up to outRows rows at a time.
func (m *Model) NewWorkspace(rows, outRows, context int) (*Workspace, error) {
	w := &Workspace{Rows: rows, OutRows: outRows}
	for _, p := range m.parts {
		a := &activations{b: p.Backend, fused: engine.FusedOf(p.Backend), embedder: engine.EmbedderOf(p.Backend)}
		w.parts = append(w.parts, a)
		if err := a.make(m.Config, rows, context); err != nil {
			w.Close()
			return nil, err
		}
	}
	for _, t := range []struct {
		dst  *engine.Tensor
		cols int
	}{{&w.chosen, m.Config.Width}, {&w.logits, m.Config.Vocab}} {
		var err error
		if *t.dst, err = w.last().tensor(outRows, t.cols); err != nil {
			w.Close()
			return nil, err
		}
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
		{&a.x, c.Width}, {&a.scratch.Row, c.Width},
		{&a.q, c.Heads * c.HeadDim}, {&a.a, c.Heads * c.HeadDim},
		{&a.k, c.KVHeads * c.HeadDim}, {&a.v, c.KVHeads * c.HeadDim},
		{&a.scratch.Gate, c.Hidden}, {&a.up, c.Hidden},
	} {
		if *t.dst, err = a.tensor(rows, t.cols); err != nil {
			return err
		}
	}
	a.attend = engine.AttendSpec{Heads: c.Heads, Scale: c.Scale, SoftCap: c.AttnCap}
	a.roped.Eps = c.NormEps
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

// part is the first n rows of scratch.
func (a *activations) part(n int) engine.Scratch {
	return engine.Scratch{Row: a.scratch.Row.Part(0, n), Gate: a.scratch.Gate.Part(0, n)}
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
	return 4 * (int64(rows)*int64(perRow) + int64(outRows)*int64(c.Width+c.Vocab))
}

// Forward queues the layers for a step: its keys and values go to kv (one per layer), and
// the residual stream after the last layer stays in w for Logits. Where the model is in
// parts it waits for each but the last, and returns what failed there, or what w.Check says;
// the step's positions then hold nothing of use.
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
		a.work = a.part(t)
		for range part.Layers {
			if err := w.check(); err != nil {
				return err
			}
			m.attention(w, a, i, kv[i], step)
			a.feedForward(&m.layers[i], t)
			w.probe(i, a.x.Part(0, t))
			i++
		}
	}
	return nil
}

func (m *Model) embedding(a *activations, step *engine.Step) {
	c, t := m.Config, step.T()
	x := a.x.Part(0, t)
	if c.Learned {
		a.work = a.part(t)
		a.embedder.EmbedBoth(x, step, m.embed, c.Embed, m.pos, &a.work)
		return
	}
	a.b.Embed(x, step, engine.ByID, m.embed, c.Embed)
}

func (w *Workspace) check() error {
	if w.Check == nil {
		return nil
	}
	return w.Check()
}

func (w *Workspace) probe(layer int, x engine.Tensor) {
	if w.Probe != nil {
		w.Probe(layer, x)
	}
}

// attention adds what layer i's heads gather from earlier positions to the residual
// stream.
func (m *Model) attention(w *Workspace, a *activations, i int, kv engine.KV, step *engine.Step) {
	c, t, l := m.Config, step.T(), &m.layers[i]
	x, mixed := a.x.Part(0, t), a.a.Part(0, t)
	q, k, v := a.q.Part(0, t), a.k.Part(0, t), a.v.Part(0, t)
	a.to = [3]engine.Projection{{Y: q, W: l.q.w, Bias: l.q.bias}, {Y: k, W: l.k.w, Bias: l.k.bias}, {Y: v, W: l.v.w, Bias: l.v.bias}}
	a.fused.Project(x, l.attnNorm, a.to[:], &a.work)

	a.roped.QNorm, a.roped.KNorm = l.qNorm, l.kNorm
	switch {
	case c.Learned:
		a.roped.Rope = nil
	case c.windowed(i):
		a.roped.Rope = &a.ropeLocal
	default:
		a.roped.Rope = &a.rope
	}
	a.fused.RopeStore(kv, q, k, v, step, &a.roped)

	a.attend.Window = c.window(i)
	a.attend.Weights, a.attend.WeightRows = engine.Tensor{}, nil
	if p := w.Attention; p != nil {
		a.attend.Weights, a.attend.WeightRows = p.Weights(i), p.Rows
	}
	a.b.Attend(mixed, q, kv, step, &a.attend)
	if w.Attention != nil {
		w.Attention.Visit(i)
	}
	a.fused.Accumulate(x, mixed, l.o.w, l.o.bias, l.postAttn, &a.work)
}

// feedForward adds what the layer makes of each position by itself.
func (a *activations) feedForward(l *layer, t int) {
	x, up := a.x.Part(0, t), a.up.Part(0, t)
	a.fused.Gate(up, x, l.ffnNorm, &l.gate, &a.work)
	a.fused.Accumulate(x, up, l.down.w, l.down.bias, l.postFFN, &a.work)
}

// Logits queues the output layer for rows of the step that Forward did last, at most
// w.OutRows, and returns the tensor [len(rows), V] that will hold them until the next call.
func (m *Model) Logits(w *Workspace, rows []int32) engine.Tensor {
	c, a, n := m.Config, w.last(), len(rows)
	if n > w.OutRows {
		panic(fmt.Sprintf("model: logits of %d rows asked for, the workspace holds %d", n, w.OutRows))
	}
	y := w.logits.Part(0, n)
	a.to[0] = engine.Projection{Y: y, W: m.out}
	w.work = a.part(n) // not a's own: Lens comes between two layers
	a.fused.Project(w.choose(rows), m.norm, a.to[:1], &w.work)
	if c.LogitCap > 0 {
		a.b.SoftCap(y, y, c.LogitCap)
	}
	return y
}

// choose is rows of the residual stream: where they are neighbours (the only row, the last
// one, all of them) as they lie there, else a copy.
func (w *Workspace) choose(rows []int32) engine.Tensor {
	a, n := w.last(), len(rows)
	if n > 0 && int(rows[0])+n <= a.x.Rows() && neighbours(rows) {
		return a.x.Part(int(rows[0]), int(rows[0])+n)
	}
	x := w.chosen.Part(0, n)
	a.b.Gather(x, a.x, rows)
	return x
}

func neighbours(rows []int32) bool {
	for i, r := range rows {
		if r < 0 || int(r) != int(rows[0])+i {
			return false
		}
	}
	return true
}
