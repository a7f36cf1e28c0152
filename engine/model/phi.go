package model

// phi3 is Abdin et al. 2024: Llama with q, k and v in one tensor, gate and up in
// another, and LongRoPE in the versions with a long context.
var phi3 = arch{
	name:       "phi3",
	modelTypes: []string{"phi3"},
	gguf: func(m *metadata, c *Config) {
		m.rmsEps(c)
		phi3Switches(c)
		c.Window = m.countOr("attention.sliding_window", 0)
		c.Windowed = everyLayer(c.Layers, func(int) bool { return true })
		s := &c.Rope.Scaling
		s.Long, s.Short = m.vector("rope_factors_long.weight", c.Rope.Dims/2), m.vector("rope_factors_short.weight", c.Rope.Dims/2)
		if s.Long != nil || s.Short != nil {
			s.Kind = "longrope"
			if s.Attn == 0 {
				s.Attn = 1 // the converter writes the factor where there is one
			}
		}
		c.RopeLocal = c.Rope
	},
	hf: func(j *settings, c *Config) {
		j.activation("hidden_act", "silu")
		phi3Switches(c)
		c.Window = j.countOr("sliding_window", 0)
		c.Windowed = everyLayer(c.Layers, func(int) bool { return true })
	},
	weights: func(*Config) hfNames {
		n := llamaNames()
		n.layer["attn_qkv"], n.layer["ffn_up"] = "self_attn.qkv_proj", "mlp.gate_up_proj"
		return n
	},
}

func phi3Switches(c *Config) {
	c.FusedQKV, c.FusedFFN = true, true
}
