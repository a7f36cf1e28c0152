package model

import (
	"context"
	"fmt"

	"github.com/potion-engine/potion/engine"
)

// layer is the weights of one transformer block on its backend.
type layer struct {
	attnNorm, attnNormBias engine.Tensor
	q, k, v, o             engine.Weight
	qBias, kBias, vBias    engine.Tensor
	oBias                  engine.Tensor
	qNorm, kNorm           engine.Tensor
	postAttn               engine.Tensor

	ffnNorm, ffnNormBias     engine.Tensor
	gate, up, down           engine.Weight
	gateBias, upBias, dnBias engine.Tensor
	postFFN                  engine.Tensor
}

// Model is a model whose weights are on a backend. It does not change and has no state of
// a conversation; several sessions may share it, one at a time.
type Model struct {
	Config  *Config
	Backend engine.Backend

	embed   engine.Weight
	pos     engine.Weight
	layers  []layer
	norm    engine.Tensor
	normB   engine.Tensor
	out     engine.Weight
	tensors []engine.Tensor
	weights []engine.Weight
	read    int64
}

// Progress is told how many of a model's bytes are in place.
type Progress func(done, total int64)

// Load puts the weights of a checkpoint on a backend. The checkpoint must stay open as
// long as the model is used: the CPU reads weights from the file's own memory.
func Load(ctx context.Context, b engine.Backend, ck Checkpoint, progress Progress) (*Model, error) {
	l := &loader{ctx: ctx, ck: ck, c: ck.Config(), progress: progress, m: &Model{Config: ck.Config(), Backend: b}}
	l.total = Bytes(l.c, ck)
	if err := l.model(); err != nil {
		l.m.Close()
		return nil, err
	}
	if err := b.Sync(); err != nil {
		l.m.Close()
		return nil, fmt.Errorf("%s: placing the weights: %w", ck.Path(), err)
	}
	return l.m, nil
}

// Close gives the weights' memory back to the backend.
func (m *Model) Close() {
	for _, w := range m.weights {
		w.Free()
	}
	for _, t := range m.tensors {
		m.Backend.Release(t)
	}
	m.weights, m.tensors, m.layers = nil, nil, nil
}

// ReadBytes is how many bytes of weights one decoded token reads: everything but the
// embedding tables, of which it reads a row (unless the output layer is the same table).
func (m *Model) ReadBytes() int64 { return m.read }

// Bytes is the size of all tensors of a checkpoint that a model of this configuration uses.
func Bytes(c *Config, ck Checkpoint) int64 {
	var n int64
	for _, name := range TensorNames(c) {
		if d, err := ck.Tensor(name); err == nil && d != nil {
			n += int64(len(d.Bytes))
		}
	}
	return n
}

// TensorNames lists every tensor, by GGUF's names, that a model of this configuration may
// have, in the order of a GGUF file.
func TensorNames(c *Config) []string {
	names := []string{"token_embd.weight"}
	if c.Learned {
		names = append(names, "position_embd.weight")
	}
	for i := range c.Layers {
		for _, n := range layerTensors(c) {
			names = append(names, fmt.Sprintf("blk.%d.%s", i, n))
		}
	}
	names = append(names, "output_norm.weight")
	if c.Norm == LayerNorm {
		names = append(names, "output_norm.bias")
	}
	return append(names, "output.weight")
}

// layerTensors is the tensors of one layer, without its prefix.
func layerTensors(c *Config) []string {
	var names []string
	norm := func(n string) {
		names = append(names, n+".weight")
		if c.Norm == LayerNorm {
			names = append(names, n+".bias")
		}
	}
	linear := func(ns ...string) {
		for _, n := range ns {
			names = append(names, n+".weight", n+".bias")
		}
	}
	norm("attn_norm")
	if c.FusedQKV {
		linear("attn_qkv")
	} else {
		linear("attn_q", "attn_k", "attn_v")
	}
	if c.QKNorm {
		names = append(names, "attn_q_norm.weight", "attn_k_norm.weight")
	}
	linear("attn_output")
	if c.PostNorm {
		names = append(names, "post_attention_norm.weight")
	}
	norm("ffn_norm")
	if c.FFN != GELU && !c.FusedFFN {
		linear("ffn_gate")
	}
	linear("ffn_up", "ffn_down")
	if c.PostNorm {
		names = append(names, "post_ffw_norm.weight")
	}
	return names
}

// loader carries what loading needs from call to call; err is the first failure.
type loader struct {
	ctx         context.Context
	ck          Checkpoint
	c           *Config
	m           *Model
	progress    Progress
	done, total int64
	err         error
}

func (l *loader) model() error {
	c, m := l.c, l.m
	m.embed = l.weight("token_embd.weight", c.Vocab, c.Width)
	if c.Learned {
		m.pos = l.weight("position_embd.weight", c.Context, c.Width)
	}
	for i := range c.Layers {
		l.layer(i)
		if l.err != nil {
			return l.err
		}
	}
	m.norm, m.normB = l.norm("output_norm")
	out := l.data("output.weight", c.Vocab, c.Width, false)
	if l.err != nil {
		return l.err
	}
	if out == nil {
		m.out = m.embed
	} else {
		m.out = l.place("output.weight", out)
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
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	y.attnNorm, y.attnNormBias = l.norm(p + "attn_norm")
	if c.FusedQKV {
		ws, bs := l.fused(p+"attn_qkv", c.Width, q, kv, kv)
		y.q, y.k, y.v = ws[0], ws[1], ws[2]
		y.qBias, y.kBias, y.vBias = bs[0], bs[1], bs[2]
	} else {
		must := c.Biased || c.BiasQKV
		y.q, y.qBias = l.linear(p+"attn_q", q, c.Width, must)
		y.k, y.kBias = l.linear(p+"attn_k", kv, c.Width, must)
		y.v, y.vBias = l.linear(p+"attn_v", kv, c.Width, must)
	}
	if c.QKNorm {
		y.qNorm = l.vector(p+"attn_q_norm.weight", c.HeadDim, true)
		y.kNorm = l.vector(p+"attn_k_norm.weight", c.HeadDim, true)
	}
	y.o, y.oBias = l.linear(p+"attn_output", c.Width, q, c.Biased)
	y.ffnNorm, y.ffnNormBias = l.norm(p + "ffn_norm")
	switch {
	case c.FFN == GELU:
		y.up, y.upBias = l.linear(p+"ffn_up", c.Hidden, c.Width, c.Biased)
	case c.FusedFFN:
		ws, bs := l.fused(p+"ffn_up", c.Width, c.Hidden, c.Hidden)
		y.gate, y.up = ws[0], ws[1]
		y.gateBias, y.upBias = bs[0], bs[1]
	default:
		y.gate, y.gateBias = l.linear(p+"ffn_gate", c.Hidden, c.Width, c.Biased)
		y.up, y.upBias = l.linear(p+"ffn_up", c.Hidden, c.Width, c.Biased)
	}
	y.down, y.dnBias = l.linear(p+"ffn_down", c.Width, c.Hidden, c.Biased)
	if c.PostNorm {
		y.postAttn = l.vector(p+"post_attention_norm.weight", c.Width, true)
		y.postFFN = l.vector(p+"post_ffw_norm.weight", c.Width, true)
	}
	l.m.layers = append(l.m.layers, y)
}

// data fetches a tensor, checked for its shape; nil after a failure or where an optional
// one is absent.
func (l *loader) data(name string, rows, cols int, must bool) *Data {
	if l.err == nil {
		l.err = l.ctx.Err()
	}
	if l.err != nil {
		return nil
	}
	get := optional
	if must {
		get = need
	}
	var d *Data
	d, l.err = get(l.ck, name, rows, cols)
	return d
}

// place puts a matrix on the backend.
func (l *loader) place(name string, d *Data) engine.Weight {
	if d == nil {
		return nil
	}
	w, err := l.m.Backend.NewWeight(d.Format, d.Rows, d.Cols, d.Bytes)
	if err != nil {
		l.err = fmt.Errorf("%s: tensor %s: %w", l.ck.Path(), name, err)
		return nil
	}
	l.m.weights = append(l.m.weights, w)
	l.m.read += w.Bytes()
	l.count(len(d.Bytes))
	return w
}

func (l *loader) count(bytes int) {
	l.done += int64(bytes)
	if l.progress != nil {
		l.progress(l.done, l.total)
	}
}

func (l *loader) weight(name string, rows, cols int) engine.Weight {
	return l.place(name, l.data(name, rows, cols, true))
}

// vector puts a vector on the backend as float32.
func (l *loader) vector(name string, n int, must bool) engine.Tensor {
	d := l.data(name, 1, n, must)
	if d == nil {
		return engine.Tensor{}
	}
	return l.floats(name, d.floats(), len(d.Bytes))
}

func (l *loader) floats(name string, x []float32, packed int) engine.Tensor {
	t, err := l.m.Backend.NewTensor(engine.Float32, 1, len(x))
	if err != nil {
		l.err = fmt.Errorf("%s: tensor %s: %w", l.ck.Path(), name, err)
		return engine.Tensor{}
	}
	l.m.Backend.Write(t, x)
	l.m.tensors = append(l.m.tensors, t)
	l.count(packed)
	return t
}

func (l *loader) norm(name string) (gain, bias engine.Tensor) {
	gain = l.vector(name+".weight", l.c.Width, true)
	if l.c.Norm == LayerNorm {
		bias = l.vector(name+".bias", l.c.Width, true)
	}
	return gain, bias
}

func (l *loader) linear(name string, n, k int, mustBias bool) (engine.Weight, engine.Tensor) {
	return l.weight(name+".weight", n, k), l.vector(name+".bias", n, mustBias)
}

// fused takes a tensor whose rows are several projections' apart, without a copy.
func (l *loader) fused(name string, k int, ns ...int) ([]engine.Weight, []engine.Tensor) {
	ws, bs := make([]engine.Weight, len(ns)), make([]engine.Tensor, len(ns))
	sum := 0
	for _, n := range ns {
		sum += n
	}
	d := l.data(name+".weight", sum, k, true)
	b := l.data(name+".bias", 1, sum, l.c.Biased)
	if l.err != nil {
		return ws, bs
	}
	var bias []float32
	if b != nil {
		bias = b.floats()
	}
	at := 0
	for i, n := range ns {
		ws[i] = l.place(name+".weight", d.part(at, n))
		if bias != nil {
			bs[i] = l.floats(name+".bias", bias[at:at+n], len(b.Bytes)/len(ns))
		}
		at += n
	}
	return ws, bs
}
