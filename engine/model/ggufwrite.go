package model

import (
	"fmt"
	"math"
	"strings"
)

// KeyValue is one entry of a GGUF file's metadata; Value is one of the types that a
// gguf.Writer takes.
type KeyValue struct {
	Key   string
	Value any
}

// Vector is a small float32 tensor that belongs to the hyper-parameters.
type Vector struct {
	Name   string
	Values []float32
}

// GGUF is the configuration as FromGGUF reads it and as llama.cpp's converter writes it: the
// architecture's keys, and the tensors of rotary factors that go with them. The keys are
// those of ggufConfig and of the architectures' gguf functions. It fails where no key of a
// GGUF file can say what the configuration says, since such a file would be another model.
func (c *Config) GGUF() ([]KeyValue, []Vector, error) {
	w := &keyWriter{c: c}
	w.shape()
	w.attention()
	switch {
	case c.Arch == "gpt2":
	case c.Arch == "gemma3" && c.RopeLocal.Scaling.Kind != "":
		w.fail("rotary scaling of the windowed layers")
	default:
		w.rope()
	}
	w.windows()
	return w.keys, w.vectors, w.err
}

type keyWriter struct {
	c       *Config
	keys    []KeyValue
	vectors []Vector
	err     error
}

func (w *keyWriter) fail(what string) {
	if w.err == nil {
		w.err = &UnsupportedError{What: fmt.Sprintf("%s in a GGUF file of architecture %s", what, w.c.Arch)}
	}
}

func (w *keyWriter) set(key string, value any) {
	w.keys = append(w.keys, KeyValue{w.c.Arch + "." + key, value})
}

func (w *keyWriter) count(key string, n int)     { w.set(key, uint32(n)) } // check has bounded n
func (w *keyWriter) float(key string, x float64) { w.set(key, float32(x)) }

func (w *keyWriter) shape() {
	c := w.c
	w.count("block_count", c.Layers)
	w.count("context_length", c.Context)
	w.count("embedding_length", c.Width)
	w.count("feed_forward_length", c.Hidden)
	w.count("attention.head_count", c.Heads)
	if c.Arch == "llama" {
		w.count("vocab_size", c.Vocab)
	}
	if c.Norm == LayerNorm {
		w.set("attention.layer_norm_epsilon", c.NormEps)
	} else {
		w.count("attention.head_count_kv", c.KVHeads)
		w.set("attention.layer_norm_rms_epsilon", c.NormEps)
	}
	implied := c.Arch == "gpt2" || c.Arch == "qwen2" || c.Arch == "phi3"
	if !implied || c.HeadDim*c.Heads != c.Width {
		w.count("attention.key_length", c.HeadDim)
		w.count("attention.value_length", c.HeadDim)
	}
}

func (w *keyWriter) attention() {
	c := w.c
	// Gemma's files leave the scale to the number of layers, which is a guess; here it is said.
	if gemma := strings.HasPrefix(c.Arch, "gemma"); gemma || c.Scale != float32(1/math.Sqrt(float64(c.HeadDim))) {
		w.set("attention.scale", c.Scale)
	}
	switch {
	case c.Arch == "gemma2":
		w.set("attn_logit_softcapping", c.AttnCap)
		w.set("final_logit_softcapping", c.LogitCap)
	case c.Arch == "gemma3" && c.LogitCap > 0:
		w.set("final_logit_softcapping", c.LogitCap)
	}
}

func (w *keyWriter) rope() {
	c := w.c
	r, s := &c.Rope, &c.Rope.Scaling
	w.float("rope.freq_base", r.Base)
	if c.Arch == "gemma3" {
		w.float("rope.freq_base_swa", c.RopeLocal.Base)
	}
	if c.Arch == "llama" || c.Arch == "phi3" || r.Dims != c.HeadDim {
		w.count("rope.dimension_count", r.Dims)
	}
	if c.Arch == "phi3" && s.Kind != "longrope" { // llama.cpp's loader wants it always
		w.count("rope.scaling.original_context_length", c.Context)
	}
	switch s.Kind {
	case "":
	case "linear":
		w.set("rope.scaling.type", "linear")
		w.float("rope.scaling.factor", s.Factor)
	case "yarn":
		w.yarn()
	case "llama3":
		w.vectors = append(w.vectors, Vector{"rope_freqs.weight", r.llama3Factors()})
	case "longrope":
		if c.Arch != "phi3" {
			w.fail("rotary scaling longrope")
			return
		}
		_, attn := r.Table(c.Context)
		w.count("rope.scaling.original_context_length", s.Original)
		w.set("rope.scaling.attn_factor", attn)
		w.vectors = append(w.vectors, Vector{"rope_factors_long.weight", s.Long}, Vector{"rope_factors_short.weight", s.Short})
	default:
		w.fail(fmt.Sprintf("rotary scaling %q", s.Kind))
	}
}

func (w *keyWriter) yarn() {
	s := &w.c.Rope.Scaling
	if own := yarnAttention(s.Factor); s.Attn != 0 && math.Abs(s.Attn-own) > 1e-6 {
		w.float("rope.scaling.attn_factor", s.Attn/own)
	}
	w.set("rope.scaling.type", "yarn")
	w.float("rope.scaling.factor", s.Factor)
	w.count("rope.scaling.original_context_length", s.Original)
	if s.BetaFast != 32 || s.BetaSlow != 1 {
		w.float("rope.scaling.yarn_beta_fast", s.BetaFast)
		w.float("rope.scaling.yarn_beta_slow", s.BetaSlow)
	}
}

// llama3Factors is what each pair's frequency is divided by.
func (r *Rope) llama3Factors() []float32 {
	n := r.Dims / 2
	base, scaled := make([]float64, n), make([]float64, n)
	for i := range base {
		base[i] = math.Pow(r.Base, -float64(i)/float64(n))
		scaled[i] = base[i]
	}
	r.Scaling.llama3(scaled)
	factors := make([]float32, n)
	for i := range factors {
		factors[i] = float32(base[i] / scaled[i])
	}
	return factors
}

// windows writes the sliding window. Which layers it holds for follows from the
// architecture; only Gemma 3 has a key for another pattern.
func (w *keyWriter) windows() {
	c := w.c
	follows := func(f func(i int) bool) bool {
		for i := range c.Layers {
			if c.windowed(i) != (c.Window > 0 && f(i)) {
				return false
			}
		}
		return true
	}
	ok := false
	switch c.Arch {
	case "llama":
		ok = follows(func(int) bool { return true })
		if c.Window > 0 { // llama.cpp does not read it
			w.count("attention.sliding_window", c.Window)
		}
	case "phi3":
		ok = follows(func(int) bool { return true })
		w.count("attention.sliding_window", c.Window)
	case "gemma2":
		ok = follows(func(i int) bool { return i%2 == 0 })
		w.count("attention.sliding_window", c.Window)
	case "gemma3":
		ok = true
		w.count("attention.sliding_window", c.Window)
		if c.Window > 0 && !follows(func(i int) bool { return (i+1)%6 != 0 }) {
			w.set("attention.sliding_window_pattern", c.Windowed)
		}
	default:
		ok = follows(func(int) bool { return false })
	}
	if !ok {
		w.fail("a sliding window on these layers")
	}
}

// GGUFRow says where row r of a tensor of a GGUF file stands in a checkpoint of this
// configuration: llama.cpp's converter puts the two numbers that a rotation turns together
// side by side in the rows of q and k of the architecture llama. It is nil for tensors
// whose rows stay where they are.
func (c *Config) GGUFRow(tensor string) func(r int) int {
	_, name, _ := strings.Cut(strings.TrimPrefix(tensor, "blk."), ".")
	base, _, _ := strings.Cut(name, ".")
	if c.Arch != "llama" || c.Rope.Interleaved || base != "attn_q" && base != "attn_k" {
		return nil
	}
	half := c.Rope.Dims / 2
	return func(r int) int {
		head, i := r/c.HeadDim*c.HeadDim, r%c.HeadDim
		if i >= 2*half { // not rotated
			return r
		}
		return head + i%2*half + i/2
	}
}
