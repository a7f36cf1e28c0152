package tokenizer

import "slices"

// ggufName returns what GGUF calls this pre-tokenizer, or "".
func (p *pipeline) ggufName(ignoreMerges bool) string {
	for _, known := range []struct {
		name         string
		stages       []string
		ignoreMerges bool
	}{
		{"gpt-2", []string{patternGPT2}, false},
		{"llama-bpe", []string{patternLlama3}, true},
		{"smaug-bpe", []string{patternLlama3}, false},
		{"qwen2", []string{patternQwen2}, false},
		{"smollm", []string{"Digits true", patternGPT2}, false},
	} {
		if slices.Equal(p.names, known.stages) && ignoreMerges == known.ignoreMerges {
			return known.name
		}
	}
	return ""
}

// ggufObstacle says why GGUF cannot express this pipeline, or "".
func (p *pipeline) ggufObstacle(m *jsonModel) string {
	allowed := func(names []string, allowed ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(allowed, name) })
	}
	toMarks := "Replace   " + spaceMark
	switch {
	case p.byteLevel && p.ggufName(m.IgnoreMerges) == "":
		return "there is no name for its pre-tokenizer"
	case p.byteLevel && !allowed(p.norms, "NFC"), !p.byteLevel && !allowed(p.norms, "Prepend "+spaceMark, toMarks):
		return "there is no name for its normalizer"
	case p.byteLevel:
		return ""
	case !m.ByteFallback || m.IgnoreMerges:
		return "it is no SentencePiece vocabulary with byte fallback"
	case slices.Contains(p.norms, toMarks) && allowed(p.names, "Split  "):
		return "" // a split at spaces, of which none are left
	case len(p.norms) == 0 && len(p.names) == 1 && allowed(p.names, "Metaspace always", "Metaspace never"):
		return ""
	}
	return "there is no name for its pre-tokenizer"
}
