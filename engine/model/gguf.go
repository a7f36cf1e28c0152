package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
)

// ggufCheckpoint is a Checkpoint in a GGUF file.
type ggufCheckpoint struct {
	file   *gguf.File
	config *Config
}

// FromGGUF reads the hyper-parameters of a GGUF file. The checkpoint takes the file over:
// closing it closes the file. Where the architecture is not supported, the error is an
// UnsupportedError.
func FromGGUF(f *gguf.File) (Checkpoint, error) {
	c, err := ggufConfig(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return &ggufCheckpoint{file: f, config: c}, nil
}

func ggufConfig(f *gguf.File) (*Config, error) {
	name, ok, err := f.Str("general.architecture")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("general.architecture is missing; this is no language model's file")
	}
	a, err := archNamed(name)
	if err != nil {
		return nil, err
	}
	m := &metadata{file: f, prefix: name + "."}
	c := &Config{Arch: name, Embed: 1}
	c.Name, _, _ = f.Str("general.name")
	c.Layers = m.count("block_count")
	c.Context = m.count("context_length")
	c.Width = m.count("embedding_length")
	c.Hidden = m.count("feed_forward_length")
	c.Heads = m.count("attention.head_count")
	c.KVHeads = m.countOr("attention.head_count_kv", c.Heads)
	c.Vocab = m.vocabulary()
	if m.err == nil && c.Heads > 0 {
		c.HeadDim = m.countOr("attention.key_length", c.Width/c.Heads)
	}
	if v := m.countOr("attention.value_length", c.HeadDim); m.err == nil && v != c.HeadDim {
		m.fail("attention.value_length is %d, attention.key_length %d; Potion runs models in which they agree", v, c.HeadDim)
	}
	if n := m.countOr("expert_count", 0); n > 0 {
		m.fail("%w", &UnsupportedError{What: fmt.Sprintf("%s with %d experts (mixture of experts)", name, n)})
	}
	c.Scale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	c.Rope = Rope{Base: m.floatOr("rope.freq_base", 10000), Dims: m.countOr("rope.dimension_count", c.HeadDim)}
	if m.err != nil {
		return nil, m.err
	}
	m.scaling(&c.Rope)
	c.RopeLocal = c.Rope
	a.gguf(m, c)
	c.Scale = float32(m.floatOr("attention.scale", float64(c.Scale)))
	if m.err != nil {
		return nil, m.err
	}
	return c, c.check()
}

func (g *ggufCheckpoint) Path() string    { return g.file.Name() }
func (g *ggufCheckpoint) Config() *Config { return g.config }
func (g *ggufCheckpoint) Close() error    { return g.file.Close() }

// File is the file itself: the tokenizer and the chat template are in its metadata.
func (g *ggufCheckpoint) File() *gguf.File { return g.file }

func (g *ggufCheckpoint) Tensor(name string) (*Data, error) {
	t := g.file.Tensor(name)
	if t == nil {
		return nil, nil
	}
	f, ok := t.Type.Format()
	if !ok {
		return nil, fmt.Errorf("%s: tensor %s: %w", g.Path(), name, &UnsupportedError{What: fmt.Sprintf("weight format %v", t.Type), Supported: formatNames()})
	}
	rows, cols := t.Rows(), t.Cols()
	if rows > math.MaxInt32 || cols > math.MaxInt32 {
		return nil, fmt.Errorf("%s: tensor %s is [%d %d]; neither may exceed %d", g.Path(), name, rows, cols, math.MaxInt32)
	}
	return &Data{Format: f, Rows: rows, Cols: cols, bytes: t.Bytes()}, nil
}

func formatNames() []string {
	var names []string
	for _, f := range format.All() {
		names = append(names, f.String())
	}
	return names
}

// metadata reads an architecture's hyper-parameters; the first failure stays in err and
// everything after it is zero.
type metadata struct {
	file   *gguf.File
	prefix string
	err    error
}

func (m *metadata) fail(form string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(form, args...)
	}
}

// uint is a whole number, or a list in which all are equal: some files give a number per
// layer.
func (m *metadata) uint(key string) (n uint64, ok bool) {
	if m.err != nil {
		return 0, false
	}
	key = m.prefix + key
	if list, isList, err := m.file.Ints(key); err == nil && isList {
		for _, v := range list {
			if v != list[0] || v < 0 {
				m.fail("%w", &UnsupportedError{What: key + " that differs from layer to layer"})
				return 0, false
			}
		}
		if len(list) == 0 {
			m.fail("%s is an empty list", key)
			return 0, false
		}
		return uint64(list[0]), true
	}
	n, ok, err := m.file.Uint(key)
	if err != nil {
		m.err = err
	}
	return n, ok
}

func (m *metadata) count(key string) int {
	n, ok := m.uint(key)
	if !ok {
		m.fail("%s%s is missing", m.prefix, key)
	}
	return m.int(key, n)
}

func (m *metadata) countOr(key string, otherwise int) int {
	n, ok := m.uint(key)
	if !ok {
		return otherwise
	}
	return m.int(key, n)
}

func (m *metadata) int(key string, n uint64) int {
	if n > math.MaxInt32 {
		m.fail("%s%s is %d, which no model has", m.prefix, key, n)
		return 0
	}
	return int(n)
}

func (m *metadata) float(key string) (x float64, ok bool) {
	if m.err != nil {
		return 0, false
	}
	x, ok, err := m.file.Float(m.prefix + key)
	if err != nil {
		m.err = err
	}
	return x, ok
}

func (m *metadata) floatOr(key string, otherwise float64) float64 {
	if x, ok := m.float(key); ok {
		return x
	}
	return otherwise
}

func (m *metadata) need(key string) float64 {
	x, ok := m.float(key)
	if !ok {
		m.fail("%s%s is missing", m.prefix, key)
	}
	return x
}

func (m *metadata) rmsEps(c *Config) {
	c.Norm, c.NormEps = RMSNorm, float32(m.need("attention.layer_norm_rms_epsilon"))
}

// vocabulary is the number of rows of the embedding table: files pad it past the
// tokenizer's list now and then.
func (m *metadata) vocabulary() int {
	if m.err != nil {
		return 0
	}
	t := m.file.Tensor("token_embd.weight")
	if t == nil {
		m.fail("tensor token_embd.weight is missing: the file holds a vocabulary but no model")
		return 0
	}
	if tokens, ok, err := m.file.Strings("tokenizer.ggml.tokens"); err == nil && ok && len(tokens) > t.Rows() {
		m.fail("tokenizer.ggml.tokens has %d entries, token_embd.weight only %d rows", len(tokens), t.Rows())
		return 0
	}
	return m.int(" rows of token_embd.weight", uint64(t.Rows()))
}

// scaling reads rope.scaling.*, which all architectures write alike.
func (m *metadata) scaling(r *Rope) {
	s := &r.Scaling
	if m.err != nil {
		return
	}
	kind, ok, err := m.file.Str(m.prefix + "rope.scaling.type")
	if err != nil {
		m.err = err
		return
	}
	s.Factor = m.floatOr("rope.scaling.factor", 1)
	s.Original = m.countOr("rope.scaling.original_context_length", 0)
	s.Attn = m.floatOr("rope.scaling.attn_factor", 0)
	old, hasOld := m.float("rope.scale_linear") // files of 2023
	switch {
	case ok && kind == "yarn":
		s.Kind = "yarn"
		s.BetaFast = m.floatOr("rope.scaling.yarn_beta_fast", 32)
		s.BetaSlow = m.floatOr("rope.scaling.yarn_beta_slow", 1)
		s.Attn *= yarnAttention(s.Factor) // the file's factor multiplies the rule's own
	case ok && kind == "linear":
		s.Kind = "linear"
	case ok && kind == "longrope": // its factors are tensors, read by the architecture
	case ok && kind != "none" && kind != "":
		m.fail("%w", &UnsupportedError{What: fmt.Sprintf("rotary scaling %q", kind), Supported: []string{"none", "linear", "yarn", "longrope"}})
	case !ok && s.Factor != 1: // llama.cpp takes a factor without a kind as linear
		s.Kind = "linear"
	case !ok && hasOld && old != 1:
		s.Kind, s.Factor = "linear", old
	}
	if t := m.vector("rope_freqs.weight", r.Dims/2); t != nil {
		s.Kind, s.Factors = "factors", t
	}
}

// vector is a small float tensor of exactly n numbers, or nil where there is none.
func (m *metadata) vector(name string, n int) []float32 {
	if m.err != nil {
		return nil
	}
	t := m.file.Tensor(name)
	if t == nil {
		return nil
	}
	f, ok := t.Type.Format()
	if !ok || t.Rows() != 1 || t.Cols() != n {
		m.fail("tensor %s is %v [%d %d], want %d numbers", name, t.Type, t.Rows(), t.Cols(), n)
		return nil
	}
	x := make([]float32, n)
	f.Dequantize(x, t.Bytes())
	return x
}
