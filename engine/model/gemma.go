package model

import (
	"encoding/json"
	"math"
	"strings"
)

// gemma2 is Gemma Team 2024: embeddings scaled by sqrt(C), norms before and after each
// part, GeGLU, soft caps on scores and logits, every other layer windowed.
var gemma2 = arch{
	name:       "gemma2",
	modelTypes: []string{"gemma2"},
	gguf: func(m *metadata, c *Config) {
		gemmaSwitches(m, c)
		c.AttnCap = float32(m.floatOr("attn_logit_softcapping", 50))
		c.LogitCap = float32(m.floatOr("final_logit_softcapping", 30))
		c.Window = m.countOr("attention.sliding_window", 4096)
		c.Windowed = everyLayer(c.Layers, func(i int) bool { return i%2 == 0 })
		if c.Layers == 46 { // 27B divides by its width per head; the file does not say so
			c.Scale = float32(1 / math.Sqrt(float64(c.Width)/float64(c.Heads)))
		}
	},
	hf: func(j *settings, c *Config) {
		gemmaSettings(j, c)
		c.AttnCap = float32(j.floatOr("attn_logit_softcapping", 0))
		c.LogitCap = float32(j.floatOr("final_logit_softcapping", 0))
		c.Windowed = j.layerTypes(c, func(i int) bool { return i%2 == 0 })
	},
	weights: func(*Config) hfNames { return gemmaNames() },
}

// gemma3 is Gemma Team 2025, text only: q and k normalised head by head in place of the
// soft caps, five windowed layers to one that sees everything, each kind with its own
// rotary base.
var gemma3 = arch{
	name:       "gemma3",
	modelTypes: []string{"gemma3_text"},
	gguf: func(m *metadata, c *Config) {
		gemmaSwitches(m, c)
		c.QKNorm = true
		c.LogitCap = float32(m.floatOr("final_logit_softcapping", 0))
		c.Window = m.count("attention.sliding_window")
		c.Windowed = m.windowedLayers(c, 6)
		c.RopeLocal = Rope{Dims: c.Rope.Dims, Base: m.floatOr("rope.freq_base_swa", 10000)}
		if c.Layers == 62 { // 27B, as above
			c.Scale = float32(1 / math.Sqrt(float64(c.Width)/float64(c.Heads)))
		}
	},
	defaults: map[string]int{ // of transformers' Gemma3TextConfig; published files leave them out
		"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "max_position_embeddings": 131072,
	},
	hf: func(j *settings, c *Config) {
		gemmaSettings(j, c)
		c.QKNorm = true
		c.LogitCap = float32(j.floatOr("final_logit_softcapping", 0))
		every := j.countOr("sliding_window_pattern", j.countOr("_sliding_window_pattern", 6))
		c.Windowed = j.layerTypes(c, func(i int) bool { return every > 0 && (i+1)%every != 0 })
		c.RopeLocal = Rope{Dims: c.HeadDim, Base: j.floatOr("rope_local_base_freq", 10000)}
		if _, ok := j.fields["rope_theta"]; !ok {
			c.Rope.Base = 1e6
		}
		j.ropeByLayer(c)
	},
	weights: func(*Config) hfNames {
		n := gemmaNames()
		n.prefixes = append(n.prefixes, "model.language_model.", "language_model.model.") // multimodal files
		n.layer["attn_q_norm"], n.layer["attn_k_norm"] = "self_attn.q_norm", "self_attn.k_norm"
		return n
	},
}

// windowedLayers reads attention.sliding_window_pattern: a flag for each layer, or a number n
// that says that every n-th layer sees everything.
func (m *metadata) windowedLayers(c *Config, every int) []bool {
	const key = "attention.sliding_window_pattern"
	if flags, ok, err := m.file.Bools(m.prefix + key); err == nil && ok {
		if len(flags) != c.Layers {
			m.fail("%s%s has %d entries for %d layers", m.prefix, key, len(flags), c.Layers)
		}
		return flags
	}
	every = m.countOr(key, every)
	return everyLayer(c.Layers, func(i int) bool { return every > 0 && (i+1)%every != 0 })
}

func gemmaSwitches(m *metadata, c *Config) {
	if m != nil {
		m.rmsEps(c)
	}
	c.FFN, c.PostNorm = GeGLU, true
	c.Embed = float32(math.Sqrt(float64(c.Width)))
}

func gemmaSettings(j *settings, c *Config) {
	gemmaSwitches(nil, c)
	c.HeadDim = j.countOr("head_dim", 256)
	c.Scale = float32(1 / math.Sqrt(j.floatOr("query_pre_attn_scalar", 256)))
	c.Window = j.countOr("sliding_window", 4096)
	j.activation("hidden_activation", "gelu_pytorch_tanh")
}

// layerTypes reads which layers are windowed; old files leave it to the architecture.
func (j *settings) layerTypes(c *Config, otherwise func(i int) bool) []bool {
	var kinds []string
	if !j.get("layer_types", &kinds) {
		return everyLayer(c.Layers, otherwise)
	}
	if len(kinds) != c.Layers {
		j.fail("layer_types names %d layers, num_hidden_layers is %d", len(kinds), c.Layers)
		return nil
	}
	for _, k := range kinds {
		if k != "sliding_attention" && k != "full_attention" {
			j.fail("%w", &UnsupportedError{What: "layer type " + k, Supported: []string{"sliding_attention", "full_attention"}})
		}
	}
	return everyLayer(c.Layers, func(i int) bool { return kinds[i] == "sliding_attention" })
}

// ropeByLayer reads transformers 5's rope_parameters with one object per kind of layer.
func (j *settings) ropeByLayer(c *Config) {
	var kinds map[string]json.RawMessage
	if !j.get("rope_parameters", &kinds) {
		return
	}
	in := &settings{fields: kinds}
	for _, k := range []struct {
		name string
		rope *Rope
	}{{"full_attention", &c.Rope}, {"sliding_attention", &c.RopeLocal}} {
		var fields map[string]json.RawMessage
		if !in.get(k.name, &fields) {
			continue
		}
		if s := j.rope(k.rope, fields, c.Context); s.err != nil {
			j.fail("rope_parameters.%s: %w", k.name, s.err)
		}
	}
	if in.err != nil {
		j.fail("rope_parameters: %w", in.err)
	}
}

func gemmaNames() hfNames {
	n := llamaNames()
	n.layer["post_attention_norm"] = "post_attention_layernorm"
	n.layer["ffn_norm"] = "pre_feedforward_layernorm"
	n.layer["post_ffw_norm"] = "post_feedforward_layernorm"
	// The files hold gain - 1.
	n.plusOne = func(name string) bool { return strings.HasSuffix(name, "norm.weight") }
	return n
}
