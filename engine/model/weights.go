package model

import (
	"context"
	"fmt"

	"github.com/potion-engine/potion/engine"
)

// layer is the weights of one transformer block on its backend.
type layer struct {
	attnNorm, ffnNorm *engine.Norm
	q, k, v, o, down  linear
	qNorm, kNorm      engine.Tensor // none but where c.QKNorm
	gate              engine.GateSpec
	postAttn, postFFN *engine.Norm // nil but where c.PostNorm
}

// linear is a matrix and its bias, which may be none.
type linear struct {
	w    engine.Weight
	bias engine.Tensor
}

// Model is a model whose weights are on a backend. It does not change and has no state of
// a conversation; several sessions may share it, one at a time.
type Model struct {
	Config  *Config
	Backend engine.Backend // of the output layer, and of all others unless LoadParts says else

	embed   engine.Weight
	pos     engine.Weight
	layers  []layer
	norm    *engine.Norm
	out     engine.Weight
	parts   []Part
	tensors []placed
	weights []engine.Weight
	read    int64
}

// Part is consecutive layers on one backend.
type Part struct {
	Backend engine.Backend
	Layers  int
}

// placed is a tensor with the backend that holds it.
type placed struct {
	b engine.Backend
	t engine.Tensor
}

// Progress is told how many of a model's bytes are in place.
type Progress func(done, total int64)

// Load puts the weights of a checkpoint on a backend. The checkpoint must stay open as
// long as the model is used: the CPU reads weights from the file's own memory.
func Load(ctx context.Context, b engine.Backend, ck Checkpoint, progress Progress) (*Model, error) {
	return LoadParts(ctx, []Part{{b, ck.Config().Layers}}, ck, progress)
}

// LoadParts is Load with the layers shared out among backends, in order: the embedding goes
// to the first of them, the output layer to the last. A step carries the residual stream
// from part to part through the CPU's memory.
func LoadParts(ctx context.Context, parts []Part, ck Checkpoint, progress Progress) (*Model, error) {
	sum := 0
	for _, p := range parts {
		sum += p.Layers
	}
	if sum != ck.Config().Layers || len(parts) == 0 {
		return nil, fmt.Errorf("%s: %d parts of %d layers together; the model has %d", ck.Path(), len(parts), sum, ck.Config().Layers)
	}
	l := &loader{ctx: ctx, ck: ck, c: ck.Config(), progress: progress, want: map[string]TensorSpec{}}
	l.m = &Model{Config: l.c, Backend: parts[len(parts)-1].Backend, parts: parts}
	for _, w := range l.c.Tensors() {
		l.want[w.Name] = w
	}
	l.total = Bytes(ck)
	if err := l.model(); err != nil {
		l.m.Close()
		return nil, err
	}
	for _, p := range parts {
		if err := p.Backend.Sync(); err != nil {
			l.m.Close()
			return nil, fmt.Errorf("%s: placing the weights: %w", ck.Path(), err)
		}
	}
	return l.m, nil
}

// Close gives the weights' memory back to the backend.
func (m *Model) Close() {
	for _, w := range m.weights {
		w.Free()
	}
	for _, p := range m.tensors {
		p.b.Release(p.t)
	}
	m.weights, m.tensors, m.layers = nil, nil, nil
}

// LayerBackend is the backend that holds layer i, and must hold its keys and values.
func (m *Model) LayerBackend(i int) engine.Backend {
	for _, p := range m.parts {
		if i < p.Layers {
			return p.Backend
		}
		i -= p.Layers
	}
	panic("model: no such layer")
}

// ReadBytes is how many bytes of weights one decoded token reads: everything but the
// embedding tables, of which it reads a row (unless the output layer is the same table).
func (m *Model) ReadBytes() int64 { return m.read }

// loader carries what loading needs from call to call; err is the first failure.
type loader struct {
	ctx         context.Context
	ck          Checkpoint
	c           *Config
	m           *Model
	b           engine.Backend // where things are placed now
	want        map[string]TensorSpec
	progress    Progress
	done, total int64
	err         error
}

func (l *loader) model() error {
	c, m := l.c, l.m
	first := m.parts[0].Backend
	l.b = first
	m.embed = l.weight("token_embd.weight")
	if c.Learned {
		m.pos = l.weight("position_embd.weight")
	}
	for _, p := range m.parts {
		l.b = p.Backend
		for range p.Layers {
			l.layer(len(m.layers))
			if l.err != nil {
				return l.err
			}
		}
	}
	m.norm = l.norm("output_norm")
	out := l.data("output.weight")
	if l.err != nil {
		return l.err
	}
	switch {
	case out != nil:
		m.out = l.place("output.weight", out)
	case l.b == first:
		m.out = m.embed
	default:
		m.out = l.weight("token_embd.weight")
	}
	if l.err != nil {
		return l.err
	}
	if m.out != m.embed {
		m.read -= m.embed.Bytes()
	}
	if m.pos != nil {
		m.read -= m.pos.Bytes()
	}
	return l.err
}

func (l *loader) layer(i int) {
	c := l.c
	p := fmt.Sprintf("blk.%d.", i)
	var y layer
	y.attnNorm = l.norm(p + "attn_norm")
	if c.FusedQKV {
		q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
		parts := l.fused(p+"attn_qkv", q, kv, kv)
		y.q, y.k, y.v = parts[0], parts[1], parts[2]
	} else {
		y.q, y.k, y.v = l.linear(p+"attn_q"), l.linear(p+"attn_k"), l.linear(p+"attn_v")
	}
	if c.QKNorm {
		y.qNorm, y.kNorm = l.vector(p+"attn_q_norm.weight"), l.vector(p+"attn_k_norm.weight")
	}
	y.o = l.linear(p + "attn_output")
	y.ffnNorm = l.norm(p + "ffn_norm")
	y.gate = l.gate(p)
	y.down = l.linear(p + "ffn_down")
	if c.PostNorm {
		y.postAttn = l.rmsNorm(p + "post_attention_norm")
		y.postFFN = l.rmsNorm(p + "post_ffw_norm")
	}
	l.m.layers = append(l.m.layers, y)
}

// gate takes what a layer's feed-forward part multiplies with first.
func (l *loader) gate(p string) engine.GateSpec {
	var gate, up linear
	switch {
	case l.c.FFN == GELU:
		up = l.linear(p + "ffn_up")
	case l.c.FusedFFN:
		parts := l.fused(p+"ffn_up", l.c.Hidden, l.c.Hidden)
		gate, up = parts[0], parts[1]
	default:
		gate, up = l.linear(p+"ffn_gate"), l.linear(p+"ffn_up")
	}
	return engine.GateSpec{
		Act:  [...]engine.Activation{SwiGLU: engine.ActSwiGLU, GeGLU: engine.ActGeGLU, GELU: engine.ActGELU}[l.c.FFN],
		Gate: gate.w, GateBias: gate.bias, Up: up.w, UpBias: up.bias,
	}
}

// data fetches a tensor, checked for its shape; nil after a failure or where an optional
// one is absent.
func (l *loader) data(name string) *Data {
	if l.err == nil {
		l.err = l.ctx.Err()
	}
	if l.err != nil {
		return nil
	}
	var d *Data
	d, l.err = l.want[name].fetch(l.ck)
	return d
}

// place puts a matrix on the backend.
func (l *loader) place(name string, d *Data) engine.Weight {
	if d == nil {
		return nil
	}
	w, err := l.b.NewWeight(d.Format, d.Rows, d.Cols, d.Bytes())
	if err != nil {
		l.err = fmt.Errorf("%s: tensor %s: %w", l.ck.Path(), name, err)
		return nil
	}
	l.m.weights = append(l.m.weights, w)
	l.m.read += w.Bytes()
	l.count(d.Size())
	return w
}

func (l *loader) count(bytes int) {
	l.done += int64(bytes)
	if l.progress != nil {
		l.progress(l.done, l.total)
	}
}

func (l *loader) weight(name string) engine.Weight { return l.place(name, l.data(name)) }

// vector puts a vector on the backend as float32.
func (l *loader) vector(name string) engine.Tensor {
	d := l.data(name)
	if d == nil {
		return engine.Tensor{}
	}
	return l.floats(name, d.floats(), d.Size())
}

func (l *loader) floats(name string, x []float32, packed int) engine.Tensor {
	t, err := l.b.NewTensor(engine.Float32, 1, len(x))
	if err != nil {
		l.err = fmt.Errorf("%s: tensor %s: %w", l.ck.Path(), name, err)
		return engine.Tensor{}
	}
	l.b.Write(t, x)
	l.m.tensors = append(l.m.tensors, placed{l.b, t})
	l.count(packed)
	return t
}

// norm takes a norm of the model's own kind.
func (l *loader) norm(name string) *engine.Norm {
	n := l.rmsNorm(name)
	if l.c.Norm == LayerNorm {
		n.Kind, n.Bias = engine.NormLayer, l.vector(name+".bias")
	}
	return n
}

func (l *loader) rmsNorm(name string) *engine.Norm {
	return &engine.Norm{Kind: engine.NormRMS, Gain: l.vector(name + ".weight"), Eps: l.c.NormEps}
}

func (l *loader) linear(name string) linear {
	return linear{l.weight(name + ".weight"), l.vector(name + ".bias")}
}

// fused takes a tensor whose rows are several projections' apart, without a copy. ns are
// the numbers of rows.
func (l *loader) fused(name string, ns ...int) []linear {
	parts := make([]linear, len(ns))
	d, b := l.data(name+".weight"), l.data(name+".bias")
	if l.err != nil {
		return parts
	}
	var bias []float32
	if b != nil {
		bias = b.floats()
	}
	at := 0
	d = &Data{Format: d.Format, Rows: d.Rows, Cols: d.Cols, bytes: d.Bytes()} // made once
	for i, n := range ns {
		parts[i].w = l.place(name+".weight", d.part(at, n))
		if bias != nil {
			parts[i].bias = l.floats(name+".bias", bias[at:at+n], b.Size()/len(ns))
		}
		at += n
	}
	return parts
}
