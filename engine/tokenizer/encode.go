package tokenizer

import "fmt"

// Encode returns the ids of text. Bytes that are not valid UTF-8 are encoded as they are where the vocabulary
// can express single bytes. It fails on texts of more than a gibibyte and on a pre-tokenizer of the file that
// takes too long.
func (t *Tokenizer) Encode(text string, o Options) ([]int32, error) {
	if len(text) > maxTextBytes {
		return nil, fmt.Errorf("%s: text of %d bytes; at most %d can be encoded at once", t.name, len(text), maxTextBytes)
	}
	out := make([]int32, 0, len(text)/4+len(t.template.before)+len(t.template.after)+1)
	if o.AddSpecial {
		out = append(out, t.template.before...)
	}
	s, _ := t.scratch.Get().(*scratch)
	if s == nil {
		s = newScratch()
	}
	out, err := t.encodeText(out, text, o.ParseSpecial, s)
	s.trim()
	t.scratch.Put(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if o.AddSpecial {
		out = append(out, t.template.after...)
	}
	return out, nil
}

// encodeText puts the ids of added tokens between those of the text round them.
func (t *Tokenizer) encodeText(out []int32, text string, parseSpecial bool, s *scratch) ([]int32, error) {
	which := 0
	if parseSpecial {
		which = 1
	}
	var err error
	at := 0
	for _, m := range t.added.find(t.added.raw[which], text) {
		if out, err = t.encodeSegment(out, text[at:m.start], at == 0, which, s); err != nil {
			return nil, err
		}
		out = append(out, m.id)
		at = m.end
	}
	return t.encodeSegment(out, text[at:], at == 0, which, s)
}

// encodeSegment encodes text that holds no more added tokens, but those that are looked for after normalizing.
// first says that it begins the text.
func (t *Tokenizer) encodeSegment(out []int32, text string, first bool, which int, s *scratch) ([]int32, error) {
	if text == "" {
		return out, nil
	}
	var err error
	if t.norm != nil {
		if text, err = t.norm.normalize(text); err != nil {
			return nil, err
		}
	}
	at := 0
	for _, m := range t.added.find(t.added.normalized[which], text) {
		if out, err = t.encodePlain(out, text[at:m.start], first && at == 0, s); err != nil {
			return nil, err
		}
		out = append(out, m.id)
		at = m.end
	}
	return t.encodePlain(out, text[at:], first && at == 0, s)
}

// encodePlain splits normalized text into words and encodes each.
func (t *Tokenizer) encodePlain(out []int32, text string, first bool, s *scratch) ([]int32, error) {
	if text == "" {
		return out, nil
	}
	words := append(s.words[:0], text)
	next := s.spare[:0]
	for _, split := range t.splits {
		var err error
		for i, w := range words {
			if next, err = split.split(next, w, first && i == 0); err != nil {
				return nil, err
			}
		}
		words, next = next, words[:0]
	}
	s.words, s.spare = words, next
	for _, w := range words {
		out = s.encodeWord(t.model, out, w)
	}
	return out, nil
}
