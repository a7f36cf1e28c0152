package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode"
)

// pipeline collects the stages of a tokenizer.json, which names each by its type in Hugging Face's library
// (https://huggingface.co/docs/tokenizers/components).
type pipeline struct {
	splits    []splitter
	names     []string // of the splitters, to recognize a whole pre-tokenizer
	norms     []string // of the normalizers
	byteLevel bool
	mapped    bool // words are in the byte alphabet at this point

	stripSpace bool // the decoder takes a leading space away
	marks      bool // the decoder turns U+2581 into spaces
}

// stage has the members of all stages that are supported.
type stage struct {
	Type string `json:"type"`

	Normalizers   []json.RawMessage `json:"normalizers"`
	Pretokenizers []json.RawMessage `json:"pretokenizers"`
	Decoders      []json.RawMessage `json:"decoders"`
	Processors    []json.RawMessage `json:"processors"`

	Prepend    string       `json:"prepend"`
	Pattern    *jsonPattern `json:"pattern"`
	Content    string       `json:"content"`
	StripLeft  bool         `json:"strip_left"`
	StripRight bool         `json:"strip_right"`
	Start      int          `json:"start"`
	Stop       int          `json:"stop"`

	Behavior         string `json:"behavior"`
	Invert           bool   `json:"invert"`
	AddPrefixSpace   *bool  `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"`
	IndividualDigits bool   `json:"individual_digits"`
	Replacement      string `json:"replacement"`
	PrependScheme    string `json:"prepend_scheme"`
	Split            *bool  `json:"split"`
	Delimiter        string `json:"delimiter"`
}

// jsonPattern is {"String": s}, {"Regex": s} or, in old files, a plain string.
type jsonPattern struct{ String, Regex *string }

func (p *jsonPattern) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &p.String)
	}
	type plain jsonPattern
	return json.Unmarshal(data, (*plain)(p))
}

func (p *jsonPattern) compile() (*pattern, error) {
	switch {
	case p != nil && p.Regex != nil:
		return regexPattern(*p.Regex)
	case p != nil && p.String != nil:
		return literalPattern(*p.String)
	}
	return nil, fmt.Errorf("pattern (a String or a Regex) is missing")
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func parseStage(raw json.RawMessage) (stage, error) {
	var s stage
	err := json.Unmarshal(raw, &s)
	return s, err
}

func unknownStage(what, name, known string) error {
	return fmt.Errorf("unknown %s %s; known are %s", what, quote(name), known)
}

// normalizer returns nil if there is nothing to do.
func (p *pipeline) normalizer(raw json.RawMessage) (normalizer, error) {
	if isNull(raw) {
		return nil, nil
	}
	s, err := parseStage(raw)
	if err != nil {
		return nil, err
	}
	switch s.Type {
	case "Sequence":
		var all normalizers
		for i, raw := range s.Normalizers {
			n, err := p.normalizer(raw)
			if err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
			if n != nil {
				all = append(all, n)
			}
		}
		if len(all) == 0 {
			return nil, nil
		}
		return all, nil
	}
	p.norms = append(p.norms, s.Type)
	switch s.Type {
	case "NFC", "NFD", "NFKC", "NFKD":
		return mapping(unicodeForms[s.Type].String), nil
	case "Prepend":
		p.norms[len(p.norms)-1] += " " + s.Prepend
		return prepend(s.Prepend), nil
	case "Replace":
		pat, err := s.Pattern.compile()
		if err != nil {
			return nil, fmt.Errorf("Replace: %w", err)
		}
		p.norms[len(p.norms)-1] += " " + pat.literal + " " + s.Content
		return replacement{pat, s.Content}, nil
	case "Lowercase":
		return mapping(lowercase), nil
	case "StripAccents":
		return mapping(stripAccents), nil
	case "Strip":
		return strip(s.StripLeft, s.StripRight), nil
	}
	return nil, unknownStage("normalizer", s.Type,
		"Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip, StripAccents")
}

// preTokenizer appends the splitters of a stage.
func (p *pipeline) preTokenizer(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	s, err := parseStage(raw)
	if err != nil {
		return err
	}
	switch s.Type {
	case "Sequence":
		for i, raw := range s.Pretokenizers {
			if err := p.preTokenizer(raw); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "Split":
		return within("Split", p.addSplit(&s))
	case "ByteLevel":
		return within("ByteLevel", p.addByteLevel(&s))
	case "Digits":
		b := contiguous
		if s.IndividualDigits {
			b = isolated
		}
		p.add("Digits "+fmt.Sprint(s.IndividualDigits), runeSplit{unicode.IsNumber, b})
	case "Punctuation":
		b, ok := behaviors[s.Behavior]
		if !ok && s.Behavior != "" {
			return unknownStage("behavior", s.Behavior, knownBehaviors)
		} else if !ok {
			b = isolated
		}
		p.add(s.Type, runeSplit{isPunctuation, b})
	case "WhitespaceSplit":
		p.add(s.Type, runeSplit{unicode.IsSpace, removed})
	case "Whitespace":
		pat, err := regexPattern(`\w+|[^\w\s]+`)
		if err != nil {
			return err
		}
		p.add(s.Type, patternSplit{pat, removed, true})
	case "CharDelimiterSplit":
		pat, err := literalPattern(s.Delimiter)
		if err != nil {
			return within(s.Type, err)
		}
		p.add(s.Type, patternSplit{pat, removed, false})
	case "Metaspace":
		return p.addMetaspace(&s)
	default:
		return unknownStage("pre-tokenizer", s.Type,
			"ByteLevel, CharDelimiterSplit, Digits, Metaspace, Punctuation, Sequence, Split, Whitespace, WhitespaceSplit")
	}
	return nil
}

const knownBehaviors = "Contiguous, Isolated, MergedWithNext, MergedWithPrevious, Removed"

// add appends a stage. If words are to be in the byte alphabet by then, they are put into it first.
func (p *pipeline) add(name string, s splitter) {
	if p.byteLevel && !p.mapped {
		p.splits = append(p.splits, toAlphabet{})
		p.mapped = true
	}
	p.splits, p.names = append(p.splits, s), append(p.names, name)
}

// finish returns the splitters; the words they give are raw bytes.
func (p *pipeline) finish() []splitter {
	if p.mapped {
		return append(p.splits, fromAlphabet{})
	}
	return p.splits
}

// scanners are the patterns that have a scanner of their own.
var scanners = map[string]scanner{patternGPT2: scanGPT2, patternLlama3: scanLlama3, patternQwen2: scanQwen2}

func (p *pipeline) addSplit(s *stage) error {
	b, ok := behaviors[s.Behavior]
	if !ok {
		return unknownStage("behavior", s.Behavior, knownBehaviors)
	}
	if s.Pattern != nil && s.Pattern.Regex != nil {
		// These match every character, so inverting or removing would leave nothing; only this use occurs.
		if scan, ok := scanners[*s.Pattern.Regex]; ok && b == isolated && !s.Invert {
			p.add(*s.Pattern.Regex, scan)
			return nil
		}
	}
	pat, err := s.Pattern.compile()
	if err != nil {
		return err
	}
	p.add("Split "+pat.literal, patternSplit{pat, b, s.Invert})
	return nil
}

func (p *pipeline) addByteLevel(s *stage) error {
	if p.byteLevel {
		return fmt.Errorf("occurs twice")
	}
	if s.AddPrefixSpace == nil || *s.AddPrefixSpace {
		p.add("prefix", prefixSpace{})
	}
	if s.UseRegex == nil || *s.UseRegex {
		p.add(patternGPT2, scanner(scanGPT2))
	}
	p.byteLevel = true
	return nil
}

func (p *pipeline) addMetaspace(s *stage) error {
	m := metaspace{mark: s.Replacement, prepend: s.PrependScheme, cut: s.Split == nil || *s.Split}
	if m.mark == "" {
		m.mark = spaceMark
	}
	if m.mark != spaceMark {
		return fmt.Errorf("Metaspace: replacement %s is not supported, only %s", quote(m.mark), spaceMark)
	}
	switch m.prepend {
	case "":
		m.prepend = "always"
		if s.AddPrefixSpace != nil && !*s.AddPrefixSpace {
			m.prepend = "never"
		}
	case "always", "first", "never":
	default:
		return unknownStage("prepend_scheme", m.prepend, "always, first, never")
	}
	p.add("Metaspace "+m.prepend, m)
	return nil
}

// decoder reads how tokens are put together. Of its stages only those are looked at that change bytes.
func (p *pipeline) decoder(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	s, err := parseStage(raw)
	if err != nil {
		return err
	}
	switch s.Type {
	case "Sequence":
		for i, raw := range s.Decoders {
			if err := p.decoder(raw); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "ByteLevel":
		if !p.byteLevel {
			return fmt.Errorf("ByteLevel needs a ByteLevel pre-tokenizer")
		}
	case "ByteFallback", "Fuse":
	case "Replace":
		if s.Pattern == nil || s.Pattern.String == nil || *s.Pattern.String != spaceMark || s.Content != " " {
			return fmt.Errorf("Replace: only %s by a space is supported", quote(spaceMark))
		}
		p.marks = true
	case "Strip":
		if s.Content != " " || s.Start > 1 || s.Stop > 0 {
			return fmt.Errorf("Strip: only one leading space is supported")
		}
		p.stripSpace = p.stripSpace || s.Start == 1
	case "Metaspace":
		p.marks = true
		p.stripSpace = p.stripSpace || s.PrependScheme != "never" && (s.AddPrefixSpace == nil || *s.AddPrefixSpace)
	default:
		return unknownStage("decoder", s.Type, "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip")
	}
	return nil
}

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

// templateItem is one piece of a TemplateProcessing template.
type templateItem struct {
	SpecialToken *struct{ ID string }
	Sequence     *struct{ ID string }
}

// readTemplate finds what a post-processor puts round a single text.
func readTemplate(raw json.RawMessage, t *Tokenizer) error {
	if isNull(raw) {
		return nil
	}
	var s struct {
		Type          string            `json:"type"`
		Processors    []json.RawMessage `json:"processors"`
		Single        []templateItem    `json:"single"`
		SpecialTokens map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	switch s.Type {
	case "Sequence":
		for i, raw := range s.Processors {
			if err := readTemplate(raw, t); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "ByteLevel":
	case "TemplateProcessing":
		place := &t.template.before
		for _, item := range s.Single {
			switch {
			case item.Sequence != nil && place == &t.template.before:
				place = &t.template.after
			case item.SpecialToken != nil:
				ids := s.SpecialTokens[item.SpecialToken.ID].IDs
				if len(ids) == 0 {
					return fmt.Errorf("TemplateProcessing: special token %s has no ids", quote(item.SpecialToken.ID))
				}
				*place = append(*place, ids...)
			default:
				return fmt.Errorf("TemplateProcessing: the template for a single text is not one")
			}
		}
	default:
		return unknownStage("post-processor", s.Type, "ByteLevel, Sequence, TemplateProcessing")
	}
	for _, id := range slices.Concat(t.template.before, t.template.after) {
		if !t.vocab.has(id) {
			return fmt.Errorf("TemplateProcessing: id %d is outside the vocabulary of %d tokens", id, t.Size())
		}
	}
	return nil
}
