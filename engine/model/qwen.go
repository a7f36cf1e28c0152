package model

// qwen2 is Qwen 2 and 2.5: Llama with biases on q, k and v.
var qwen2 = arch{
	name:       "qwen2",
	modelTypes: []string{"qwen2"},
	gguf: func(m *metadata, c *Config) {
		m.rmsEps(c)
		c.BiasQKV = true
	},
	hf: func(j *settings, c *Config) {
		qwenSettings(j, c)
		c.BiasQKV = true
	},
	weights: func(*Config) hfNames { return llamaNames() },
}

// qwen3 is Qwen 3 (dense): no biases, q and k normalised head by head.
var qwen3 = arch{
	name:       "qwen3",
	modelTypes: []string{"qwen3"},
	gguf: func(m *metadata, c *Config) {
		m.rmsEps(c)
		c.QKNorm = true
	},
	hf: func(j *settings, c *Config) {
		qwenSettings(j, c)
		c.HeadDim = j.countOr("head_dim", 128)
		c.QKNorm = true
	},
	weights: func(*Config) hfNames {
		n := llamaNames()
		n.layer["attn_q_norm"], n.layer["attn_k_norm"] = "self_attn.q_norm", "self_attn.k_norm"
		return n
	},
}

func qwenSettings(j *settings, c *Config) {
	j.activation("hidden_act", "silu")
	if !j.boolOr("use_sliding_window", false) {
		return
	}
	c.Window = j.countOr("sliding_window", 0)
	first := j.countOr("max_window_layers", 0)
	c.Windowed = everyLayer(c.Layers, func(i int) bool { return i >= first })
}
