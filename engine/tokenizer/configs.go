package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// configFiles is what the files beside a tokenizer.json say of special tokens. Earlier files come first: the
// tokenizer's own, then those of the model.
type configFiles struct {
	Class    string // tokenizer_class
	addBOS   *bool
	addEOS   *bool
	prefix   *bool // add_prefix_space
	texts    map[string]string
	added    map[string]configToken // by id: added_tokens_decoder
	bosIDs   []int64
	eosIDs   []int64 // of generation_config.json: all of them end a generation
	modelEOS []int64 // of config.json
	modelBOS []int64
}

// configToken is a token written as its text or as an object.
type configToken struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

func (c *configToken) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &c.Content)
	}
	type plain configToken
	return json.Unmarshal(data, (*plain)(c))
}

// idList is an id or a list of ids.
type idList []int64

func (l *idList) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]int64)(l))
	}
	var id *int64
	if err := json.Unmarshal(data, &id); err != nil || id == nil {
		return err
	}
	*l = idList{*id}
	return nil
}

// specialTexts are the members of tokenizer_config.json and special_tokens_map.json that name tokens.
type specialTexts struct {
	BOS *configToken `json:"bos_token"`
	EOS *configToken `json:"eos_token"`
	UNK *configToken `json:"unk_token"`
	PAD *configToken `json:"pad_token"`
}

func (c *configFiles) setTexts(s specialTexts) {
	if c.texts == nil {
		c.texts = make(map[string]string)
	}
	for role, tok := range map[string]*configToken{"bos": s.BOS, "eos": s.EOS, "unk": s.UNK, "pad": s.PAD} {
		if tok != nil && c.texts[role] == "" {
			c.texts[role] = tok.Content
		}
	}
}

func (c *configFiles) readTokenizerConfig(data []byte) error {
	var f struct {
		specialTexts
		Class  string                 `json:"tokenizer_class"`
		AddBOS *bool                  `json:"add_bos_token"`
		AddEOS *bool                  `json:"add_eos_token"`
		Prefix *bool                  `json:"add_prefix_space"`
		Added  map[string]configToken `json:"added_tokens_decoder"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	c.setTexts(f.specialTexts)
	c.Class, c.addBOS, c.addEOS, c.prefix, c.added = f.Class, f.AddBOS, f.AddEOS, f.Prefix, f.Added
	return nil
}

func (c *configFiles) readSpecialTokensMap(data []byte) error {
	var s specialTexts
	err := json.Unmarshal(data, &s)
	c.setTexts(s)
	return err
}

// modelIDs are the members of generation_config.json and config.json that name ids.
type modelIDs struct {
	BOS idList `json:"bos_token_id"`
	EOS idList `json:"eos_token_id"`
}

func (c *configFiles) readGenerationConfig(data []byte) error {
	var ids modelIDs
	err := json.Unmarshal(data, &ids)
	c.bosIDs, c.eosIDs = ids.BOS, ids.EOS
	return err
}

func (c *configFiles) readModelConfig(data []byte) error {
	var ids modelIDs
	err := json.Unmarshal(data, &ids)
	c.modelBOS, c.modelEOS = ids.BOS, ids.EOS
	return err
}

// apply settles the special tokens of t. A token that the tokenizer's own files name by its text counts more than
// an id in the model's files.
func (c *configFiles) apply(t *Tokenizer, added []addedToken) error {
	sp := &t.special
	for role, o := range map[string]*optionalID{"bos": &sp.bos, "eos": &sp.eos, "unk": &sp.unk, "pad": &sp.pad} {
		if id, ok := t.vocab.ids[c.texts[role]]; ok {
			*o = someID(id)
		}
	}
	first := func(o *optionalID, lists ...[]int64) {
		for _, id := range slices.Concat(lists...) {
			if *o == 0 && id >= 0 && id < int64(t.Size()) {
				*o = someID(int32(id))
			}
		}
	}
	first(&sp.bos, c.bosIDs, c.modelBOS)
	first(&sp.eos, c.eosIDs, c.modelEOS)
	// A bare tokenizer.json names neither, but one token before a text or after it can be nothing else.
	if ids := t.template.before; sp.bos == 0 && len(ids) == 1 {
		sp.bos = someID(ids[0])
	}
	if ids := t.template.after; sp.eos == 0 && len(ids) == 1 {
		sp.eos = someID(ids[0])
	}
	for _, id := range c.eosIDs {
		if id >= 0 && id < int64(t.Size()) {
			sp.eog = append(sp.eog, int32(id))
		}
	}
	isAdded := make(map[int32]bool, len(added))
	for _, a := range added {
		isAdded[a.id] = true
	}
	for _, text := range []string{"</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"} {
		if id, ok := t.vocab.ids[text]; ok && sp.eos == 0 && isAdded[id] {
			sp.eos = someID(id)
		}
	}
	sp.findEOG(t.vocab, func(id int32) bool { return isAdded[id] })
	if err := override(&t.template.before, c.addBOS, sp.bos); err != nil {
		return fmt.Errorf("tokenizer_config.json: add_bos_token: %w", err)
	}
	if err := override(&t.template.after, c.addEOS, sp.eos); err != nil {
		return fmt.Errorf("tokenizer_config.json: add_eos_token: %w", err)
	}
	return nil
}

// override makes ids hold the special token or not, as a configuration says; nil leaves them.
func override(ids *[]int32, add *bool, special optionalID) error {
	if add == nil {
		return nil
	}
	id, ok := special.get()
	at := slices.Index(*ids, id)
	switch {
	case !*add && ok && at >= 0:
		*ids = slices.Delete(slices.Clone(*ids), at, at+1)
	case *add && !ok:
		return errors.New("the token to add is not named")
	case *add && at < 0:
		*ids = append([]int32{id}, *ids...)
	}
	return nil
}
