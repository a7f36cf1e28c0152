package model

import "math"

// gpt2 is Radford et al. 2019: learned positions, LayerNorm before each part, one tensor
// for q, k and v, GELU, biases everywhere, the output tied to the embedding.
var gpt2 = arch{
	name:       "gpt2",
	modelTypes: []string{"gpt2"},
	gguf: func(m *metadata, c *Config) {
		c.NormEps = float32(m.need("attention.layer_norm_epsilon"))
		gpt2Switches(c)
	},
	hf: func(j *settings, c *Config) {
		c.Layers, c.Width, c.Heads = j.count("n_layer"), j.count("n_embd"), j.count("n_head")
		c.Context, c.Vocab = j.countOr("n_positions", j.countOr("n_ctx", 0)), j.count("vocab_size")
		c.Hidden = j.countOr("n_inner", 4*c.Width)
		c.KVHeads = c.Heads
		if c.Heads > 0 {
			c.HeadDim = c.Width / c.Heads
		}
		c.NormEps = float32(j.floatOr("layer_norm_epsilon", 1e-5))
		j.activation("activation_function", "gelu_new", "gelu_pytorch_tanh")
		if j.boolOr("scale_attn_by_inverse_layer_idx", false) {
			j.fail("%w", &UnsupportedError{What: "scale_attn_by_inverse_layer_idx"})
		}
		c.Scale = 1
		if j.boolOr("scale_attn_weights", true) {
			c.Scale = float32(1 / math.Sqrt(float64(c.HeadDim)))
		}
		gpt2Switches(c)
	},
	weights: func(*Config) hfNames {
		return hfNames{
			prefixes:  []string{"transformer.", ""},
			global:    map[string]string{"token_embd": "wte", "position_embd": "wpe", "output_norm": "ln_f", "output": "lm_head"},
			layers:    "h.%d.",
			transpose: true,
			layer: map[string]string{
				"attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj",
				"ffn_norm": "ln_2", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
			},
		}
	},
}

func gpt2Switches(c *Config) {
	c.Norm, c.FFN, c.Learned, c.FusedQKV, c.Biased = LayerNorm, GELU, true, true, true
}
