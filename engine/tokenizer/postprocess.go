package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

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
			return errors.New("the stage ByteLevel needs a ByteLevel pre-tokenizer")
		}
	case "ByteFallback", "Fuse":
	case "Replace":
		if s.Pattern == nil || s.Pattern.String == nil || *s.Pattern.String != spaceMark || s.Content != " " {
			return fmt.Errorf("the stage Replace: only %s by a space is supported", quote(spaceMark))
		}
		p.marks = true
	case "Strip":
		if s.Content != " " || s.Start > 1 || s.Stop > 0 {
			return errors.New("the stage Strip: only one leading space is supported")
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
				return errors.New("TemplateProcessing: the template for a single text is not one")
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
