package model

// llama is Touvron et al. 2023 and what followed it in shape: Llama 1 to 3, Mistral,
// TinyLlama, SmolLM2. RMSNorm, rotary positions, grouped queries, SwiGLU.
var llama = arch{
	name:       "llama",
	modelTypes: []string{"llama", "mistral"},
	gguf: func(m *metadata, c *Config) {
		m.rmsEps(c)
		// llama.cpp's converter reorders the rows of q and k so that pairs are neighbours.
		c.Rope.Interleaved, c.RopeLocal.Interleaved = true, true
		c.Window = m.countOr("attention.sliding_window", 0)
		c.Windowed = everyLayer(c.Layers, func(int) bool { return true })
	},
	hf: func(j *settings, c *Config) {
		j.activation("hidden_act", "silu")
		if j.str("model_type", "") == "mistral" {
			c.Window = j.countOr("sliding_window", 0)
			c.Windowed = everyLayer(c.Layers, func(int) bool { return true })
		}
	},
	weights: func(*Config) hfNames { return llamaNames() },
}

// llamaNames is how Llama names its tensors; Qwen, Gemma and Phi-3 follow it.
func llamaNames() hfNames {
	return hfNames{
		prefixes: []string{"model.", ""},
		global:   map[string]string{"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head"},
		layers:   "layers.%d.",
		layer: map[string]string{
			"attn_norm": "input_layernorm",
			"attn_q":    "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
			"attn_output": "self_attn.o_proj",
			"ffn_norm":    "post_attention_layernorm",
			"ffn_gate":    "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
		},
	}
}
