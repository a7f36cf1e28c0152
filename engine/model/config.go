// Package model is the decoder-only transformer: one forward pass with switches that
// cover every architecture Potion runs, and for each architecture one file that says
// which switches it sets, from a GGUF file's metadata or a Hugging Face config.json, and
// what its tensors are called there.
package model

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

// Config is everything about a model but its weights. Shape letters as in package engine.
type Config struct {
	Arch     string // as GGUF's general.architecture names it
	Name     string // what the file calls itself; may be empty
	Layers   int    // L
	Width    int    // C
	Heads    int    // H
	KVHeads  int    // G
	HeadDim  int    // D
	Hidden   int    // width of the feed-forward part
	Vocab    int    // V
	Context  int    // positions the model was trained for
	Norm     Norm
	NormEps  float32
	FFN      FFN
	Learned  bool    // positions are learned vectors added to the embedding (GPT-2)
	Embed    float32 // embeddings are multiplied by this
	FusedQKV bool    // q, k and v stand in one tensor, in this order
	FusedFFN bool    // gate and up stand in one tensor, in this order
	QKNorm   bool    // q and k are normalised head by head before rotation
	PostNorm bool    // what attention and feed-forward add is normalised first (Gemma)
	Biased   bool    // every projection must have a bias (GPT-2); else it is optional
	BiasQKV  bool    // q, k and v must have a bias (Qwen 2)

	Scale    float32 // of q.k
	AttnCap  float32 // soft cap of the attention scores; 0: none
	LogitCap float32 // soft cap of the logits; 0: none

	// Window is how many positions a windowed layer sees; 0: all. Windowed[i] says
	// whether layer i is one.
	Window   int
	Windowed []bool

	Rope      Rope // of layers that see everything
	RopeLocal Rope // of windowed layers
}

// Norm is the kind of normalisation.
type Norm uint8

// The kinds of normalisation.
const (
	RMSNorm Norm = iota
	LayerNorm
)

// FFN is the kind of feed-forward part.
type FFN uint8

// The kinds: GELU(x Wup) Wdown, and act(x Wgate) * (x Wup) Wdown.
const (
	SwiGLU FFN = iota
	GeGLU
	GELU
)

// limits on what a file may claim, far above any model that exists, so that sizes worked
// out from them cannot overflow.
const (
	maxLayers = 4096
	maxWidth  = 1 << 20
	maxVocab  = 1 << 24
)

// check says what is contradictory or unheard of in c.
func (c *Config) check() error {
	for _, v := range []struct {
		name     string
		n, limit int
	}{
		{"layers", c.Layers, maxLayers}, {"embedding length", c.Width, maxWidth}, {"heads", c.Heads, 1 << 14},
		{"key/value heads", c.KVHeads, 1 << 14}, {"head size", c.HeadDim, 1 << 14}, {"feed-forward length", c.Hidden, maxWidth * 8},
		{"vocabulary", c.Vocab, maxVocab}, {"context length", c.Context, 1 << 30},
	} {
		if v.n <= 0 || v.n > v.limit {
			return fmt.Errorf("%s is %d, want 1 to %d", v.name, v.n, v.limit)
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("%d heads do not share %d key/value heads evenly", c.Heads, c.KVHeads)
	}
	if !(c.NormEps >= 0) || c.NormEps > 1 {
		return fmt.Errorf("the norm's epsilon is %v", c.NormEps)
	}
	for _, v := range []struct {
		name string
		x    float32
	}{{"attention scale", c.Scale}, {"embedding scale", c.Embed}} {
		if !(v.x > 0) || math.IsInf(float64(v.x), 0) {
			return fmt.Errorf("%s is %v, want a positive number", v.name, v.x)
		}
	}
	if !(c.AttnCap >= 0) || !(c.LogitCap >= 0) {
		return fmt.Errorf("soft caps are %v and %v; neither may be negative", c.AttnCap, c.LogitCap)
	}
	if c.Window < 0 {
		return fmt.Errorf("the sliding window is %d positions", c.Window)
	}
	if c.Learned {
		return nil
	}
	for _, r := range []*Rope{&c.Rope, &c.RopeLocal} {
		if err := r.check(c.HeadDim); err != nil {
			return err
		}
	}
	return nil
}

// windowed says whether layer i sees only a window.
func (c *Config) windowed(i int) bool {
	return c.Window > 0 && i < len(c.Windowed) && c.Windowed[i]
}

// window is what AttendSpec.Window must be for layer i.
func (c *Config) window(i int) int {
	if c.windowed(i) {
		return c.Window
	}
	return 0
}

// everyLayer is a Windowed that marks each layer by f.
func everyLayer(layers int, f func(i int) bool) []bool {
	if layers <= 0 || layers > maxLayers {
		return nil // check will say so
	}
	w := make([]bool, layers)
	for i := range w {
		w[i] = f(i)
	}
	return w
}

// KVBytes is the memory that the keys and values of n positions take.
func (c *Config) KVBytes(n int, f format.Format) int64 {
	return 2 * int64(c.Layers) * int64(n) * int64(c.KVHeads) * int64(f.RowBytes(c.HeadDim))
}
