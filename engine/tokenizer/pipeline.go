package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
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
	return nil, errors.New("pattern (a String or a Regex) is missing")
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
			return nil, within("Replace", err)
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
		return errors.New("occurs twice")
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
		return fmt.Errorf("the stage Metaspace: replacement %s is not supported, only %s", quote(m.mark), spaceMark)
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
