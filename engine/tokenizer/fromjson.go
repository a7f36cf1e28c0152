package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// jsonFile is the part of a tokenizer.json beside the model.
type jsonFile struct {
	AddedTokens   []addedJSON     `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`

	model *jsonModel
}

// addedJSON is an added token; configToken's own unmarshalling would hide the id.
type addedJSON struct {
	ID int64
	configToken
}

func (a *addedJSON) UnmarshalJSON(data []byte) error {
	var id struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(data, &id); err != nil {
		return err
	}
	a.ID = id.ID
	return json.Unmarshal(data, &a.configToken)
}

// FromJSON reads a Hugging Face tokenizer.json and, unless it is nil, its tokenizer_config.json. The name stands in
// messages.
func FromJSON(name string, tokenizerJSON, configJSON []byte) (*Tokenizer, error) {
	var configs configFiles
	if configJSON != nil {
		if err := configs.readTokenizerConfig(configJSON); err != nil {
			return nil, fmt.Errorf("%s: tokenizer_config.json: %w", name, err)
		}
	}
	return fromJSON(name, tokenizerJSON, &configs)
}

func fromJSON(name string, data []byte, configs *configFiles) (*Tokenizer, error) {
	f, err := readJSONFile(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t, err := f.build(name, configs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// readJSONFile reads the model by hand and everything else with encoding/json.
func readJSONFile(data []byte) (*jsonFile, error) {
	f := &jsonFile{}
	r := &jsonReader{data: data}
	small := []byte{'{'}
	err := r.object(func(key []byte) error {
		if string(key) == "model" {
			if f.model != nil {
				return r.errorf("model occurs twice")
			}
			var err error
			f.model, err = readModel(r)
			return within("model", err)
		}
		name, err := json.Marshal(string(key))
		if err != nil {
			return err
		}
		value, err := r.skip()
		if len(small) > 1 {
			small = append(small, ',')
		}
		small = append(append(append(small, name...), ':'), value...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(append(small, '}'), f); err != nil {
		return nil, err
	}
	if f.model == nil {
		return nil, errors.New("model is missing: this is no tokenizer.json")
	}
	return f, nil
}

// build puts the tokenizer together.
func (f *jsonFile) build(name string, configs *configFiles) (*Tokenizer, error) {
	t := &Tokenizer{name: name, vocab: f.model.vocab}
	added, err := f.readAdded(t)
	if err != nil {
		return nil, within("added_tokens", err)
	}
	var p pipeline
	if t.norm, err = p.normalizer(f.Normalizer); err != nil {
		return nil, within("normalizer", err)
	}
	if err := p.preTokenizer(f.PreTokenizer); err != nil {
		return nil, within("pre_tokenizer", err)
	}
	t.splits = p.finish()
	if err := p.decoder(f.Decoder); err != nil {
		return nil, within("decoder", err)
	}
	t.dec = decoding{byteLevel: p.byteLevel, stripSpace: p.stripSpace}
	if err := f.buildModel(t, &p); err != nil {
		return nil, within("model", err)
	}
	t.noGGUF = p.ggufObstacle(f.model)
	if err := readTemplate(f.PostProcessor, t); err != nil {
		return nil, within("post_processor", err)
	}
	if err := configs.apply(t, added); err != nil {
		return nil, err
	}
	for i := range added {
		added[i].special = t.vocab.classes[added[i].id].special()
	}
	t.added, err = newAddedTokens(added, t.norm, false)
	return t, within("added_tokens", err)
}

// readAdded enters the added tokens into the vocabulary and lists them.
func (f *jsonFile) readAdded(t *Tokenizer) ([]addedToken, error) {
	v := t.vocab
	var added []addedToken
	for _, a := range f.AddedTokens {
		c := classUser
		if a.Special {
			c = classControl
		}
		known, ok := v.ids[a.Content]
		switch {
		case a.Content == "":
			t.warnings = append(t.warnings, fmt.Sprintf("added token %d is empty and is ignored", a.ID))
			continue
		case a.ID < 0 || a.ID >= maxTokens:
			return nil, fmt.Errorf("token %s: id %d is outside 0..%d", quote(a.Content), a.ID, maxTokens-1)
		case ok && int64(known) != a.ID:
			t.warnings = append(t.warnings, fmt.Sprintf("added token %s has id %d, the vocabulary says %d, which is used", quote(a.Content), a.ID, known))
		case !ok:
			if err := checkGap(int32(a.ID), len(v.texts)+len(f.AddedTokens)); err != nil {
				return nil, err
			}
			v.grow(int(a.ID) + 1)
			known = int32(a.ID)
			if err := v.put(known, a.Content, c); err != nil {
				return nil, err
			}
		}
		v.classes[known] = c
		added = append(added, addedToken{
			id: known, text: a.Content, normalized: a.Normalized,
			lstrip: a.LStrip, rstrip: a.RStrip, singleWord: a.SingleWord,
		})
	}
	return added, v.fillHoles()
}

// buildModel picks the model by what the pre-tokenizer makes of the text.
func (f *jsonFile) buildModel(t *Tokenizer, p *pipeline) error {
	m, v := f.model, t.vocab
	var unk optionalID
	if m.UnkToken != nil {
		id, ok := v.ids[*m.UnkToken]
		if !ok {
			return fmt.Errorf("unk_token %s is not in the vocabulary", quote(*m.UnkToken))
		}
		unk = someID(id)
		t.special.unk = unk
		if v.classes[id] == classControl {
			v.classes[id] = classUnknown
		}
	}
	pairs := newPairs(m.merges, true)
	if p.byteLevel {
		b := newByteBPE(v, pairs)
		b.wholeWords, b.skipMissing, b.unk = m.IgnoreMerges, true, unk
		t.model = b
		t.pre = p.ggufName(m.IgnoreMerges)
		t.kind = "gpt2/" + t.pre
		if t.pre == "" {
			t.kind = "gpt2/tokenizer.json"
		}
		v.setByteLevel()
		return nil
	}
	c := &charBPE{vocab: v, pairs: pairs, fallback: m.ByteFallback, unk: unk, fuseUnk: m.FuseUnk, wholeWords: m.IgnoreMerges}
	bytes, complete := v.byteIDs()
	c.bytes = bytes
	if m.mayCut(c, complete) {
		c.cuts = newCutter(v.texts)
	}
	t.model, t.kind = c, "BPE/tokenizer.json"
	if m.ByteFallback {
		t.kind = "llama (tokenizer.json)"
		for _, id := range bytes {
			if id >= 0 {
				v.classes[id] = classByte
			}
		}
	}
	v.setSentencePiece(func(class) bool { return !p.marks })
	return nil
}

// mayCut tells whether words may be cut where no token has the two characters side by side. That is so if every
// character becomes symbols of its own, and those that are not its text take part in no merge.
func (m *jsonModel) mayCut(c *charBPE, bytesComplete bool) bool {
	part := make([]bool, len(c.vocab.texts))
	for _, merge := range m.merges {
		part[merge.left], part[merge.right] = true, true
	}
	inMerge := func(id int32) bool { return id >= 0 && part[id] }
	unk, hasUnk := c.unk.get()
	switch {
	case m.IgnoreMerges:
		return false
	case m.ByteFallback && bytesComplete:
		return !slices.ContainsFunc(c.bytes[:], inMerge)
	}
	return !m.ByteFallback && hasUnk && !m.FuseUnk && !inMerge(unk)
}
