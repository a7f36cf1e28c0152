package tokenizer

import (
	"fmt"
	"strings"
)

// Metadata is the metadata of a model file. Values have Go's natural types: string, bool, integers of any width,
// and slices of these.
type Metadata interface {
	Get(key string) (any, bool)
}

// Names of the metadata, from the GGUF specification
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer).
const (
	keyModel    = "tokenizer.ggml.model"
	keyPre      = "tokenizer.ggml.pre"
	keyTokens   = "tokenizer.ggml.tokens"
	keyScores   = "tokenizer.ggml.scores"
	keyTypes    = "tokenizer.ggml.token_type"
	keyMerges   = "tokenizer.ggml.merges"
	keyBOS      = "tokenizer.ggml.bos_token_id"
	keyEOS      = "tokenizer.ggml.eos_token_id"
	keyEOT      = "tokenizer.ggml.eot_token_id"
	keyEOM      = "tokenizer.ggml.eom_token_id"
	keyUNK      = "tokenizer.ggml.unknown_token_id"
	keyPAD      = "tokenizer.ggml.padding_token_id"
	keyAddBOS   = "tokenizer.ggml.add_bos_token"
	keyAddEOS   = "tokenizer.ggml.add_eos_token"
	keyAddSpace = "tokenizer.ggml.add_space_prefix"
)

// FromGGUF reads the tokenizer of a GGUF file and follows llama.cpp in what the file leaves open. A file without a
// tokenizer gives ErrNone.
func FromGGUF(meta Metadata) (*Tokenizer, error) {
	g := &ggufReader{meta: meta, t: &Tokenizer{name: "tokenizer.ggml"}}
	if err := g.read(); err != nil {
		return nil, err
	}
	return g.t, nil
}

type ggufReader struct {
	meta Metadata
	t    *Tokenizer
}

func (g *ggufReader) read() error {
	family, ok, err := metaString(g.meta, keyModel)
	switch {
	case err != nil:
		return err
	case !ok, family == "none", family == "no_vocab":
		return fmt.Errorf("%s: %w in this file", keyModel, ErrNone)
	case family != "gpt2" && family != "llama":
		return fmt.Errorf("%s: unknown tokenizer %s; known are gpt2 (byte-level BPE) and llama (SentencePiece)", keyModel, quote(family))
	}
	if err := g.readTokens(family == "llama"); err != nil {
		return err
	}
	addsBOS := true // unless the file says otherwise
	if family == "gpt2" {
		addsBOS, err = g.readBPE()
	} else {
		err = g.readSPM()
	}
	if err != nil {
		return err
	}
	if err := g.readSpecials(family == "llama"); err != nil {
		return err
	}
	if err := g.readTemplate(addsBOS); err != nil {
		return err
	}
	return g.finish(family)
}

// readTemplate reads which tokens are put round a text.
func (g *ggufReader) readTemplate(addsBOS bool) error {
	t := g.t
	for _, k := range []struct {
		key       string
		otherwise bool
		id        optionalID
		place     *[]int32
	}{{keyAddBOS, addsBOS, t.special.bos, &t.template.before}, {keyAddEOS, false, t.special.eos, &t.template.after}} {
		add, err := metaBool(g.meta, k.key, k.otherwise)
		if err != nil {
			return err
		}
		if !add {
			continue
		}
		if id, ok := k.id.get(); ok {
			*k.place = []int32{id}
			continue
		}
		t.warnings = append(t.warnings, k.key+": there is no such token in this file, so none is added")
	}
	return nil
}

// readTokens reads what both families share.
func (g *ggufReader) readTokens(spm bool) error {
	texts, err := metaStrings(g.meta, keyTokens)
	if err != nil {
		return err
	}
	if len(texts) == 0 || len(texts) > maxTokens {
		return fmt.Errorf("%s: %d tokens; between 1 and %d are possible", keyTokens, len(texts), maxTokens)
	}
	types, err := metaInts(g.meta, keyTypes)
	if err != nil {
		return err
	}
	if types != nil && len(types) != len(texts) {
		return fmt.Errorf("%s: %d entries for %d tokens", keyTypes, len(types), len(texts))
	}
	v := newVocabulary(len(texts))
	for id, text := range texts {
		if text == "" {
			text = fmt.Sprintf("[EMPTY_%d]", id)
		}
		c := classNormal
		if types == nil {
			if _, ok := byteToken(text); ok && spm {
				c = classByte
			}
		} else if types[id] >= int64(classNormal) && types[id] <= int64(classByte) {
			c = class(types[id])
		}
		if err := v.put(int32(id), text, c); err != nil {
			return fmt.Errorf("%s: %w", keyTokens, err)
		}
	}
	if v.scores, err = metaFloats(g.meta, keyScores); err != nil {
		return err
	}
	if v.scores != nil && len(v.scores) != len(texts) {
		return fmt.Errorf("%s: %d entries for %d tokens", keyScores, len(v.scores), len(texts))
	}
	g.t.vocab = v
	return nil
}

// readBPE reads merges and the pre-tokenizer; addBOS is the pre-tokenizer's habit.
func (g *ggufReader) readBPE() (addBOS bool, err error) {
	t := g.t
	name, ok, err := metaString(g.meta, keyPre)
	if err != nil {
		return false, err
	}
	if !ok || name == "" {
		name = "default"
		t.warnings = append(t.warnings, keyPre+" is missing: words are split as llama.cpp does by default, which may not be how the model was trained")
	}
	pre, err := preTokenizerNamed(name)
	if err != nil {
		return false, err
	}
	merges, err := metaStrings(g.meta, keyMerges)
	if err != nil {
		return false, err
	}
	var list mergeList
	for i, m := range merges {
		// The first character of a token may itself be a space.
		at := strings.IndexByte(m[min(1, len(m)):], ' ') + 1
		if at == 0 {
			return false, fmt.Errorf("%s: merge %d: %s is not two tokens with a space between", keyMerges, i, quote(m))
		}
		list.add(m[:at], m[at+1:])
	}
	resolved, err := list.resolve(t.vocab.ids)
	if err != nil {
		return false, fmt.Errorf("%s: %w", keyMerges, err)
	}
	m := newByteBPE(t.vocab, newPairs(resolved, false))
	m.wholeWords = pre.wholeWords
	t.model, t.splits, t.pre, t.kind = m, pre.splits, name, "gpt2/"+name
	t.dec.byteLevel = true
	return pre.addBOS, nil
}

func (g *ggufReader) readSPM() error {
	t := g.t
	if t.vocab.scores == nil {
		t.vocab.scores = make([]float32, len(t.vocab.texts))
	}
	if err := t.vocab.checkScores(); err != nil {
		return fmt.Errorf("%s: %w", keyScores, err)
	}
	prefix, err := metaBool(g.meta, keyAddSpace, true)
	if err != nil {
		return err
	}
	t.setSentencePiece(prefix)
	return nil
}

// setSentencePiece sets what all SentencePiece vocabularies share; prefix says that a space is put before a text.
func (t *Tokenizer) setSentencePiece(prefix bool) {
	t.kind = "llama (SentencePiece)"
	t.dec.stripSpace = prefix
	t.norm = mapping(escapeSpaces)
	if prefix {
		t.norm = normalizers{prepend(spaceMark), mapping(escapeSpaces)}
	}
}

// readSpecials reads the ids of special tokens. An id outside the vocabulary counts as missing, with a warning.
func (g *ggufReader) readSpecials(spm bool) error {
	t, sp := g.t, &g.t.special
	if spm {
		// SentencePiece's usual places, where the file does not say.
		for id, o := range []*optionalID{&sp.unk, &sp.bos, &sp.eos} {
			if id < t.Size() {
				*o = someID(int32(id))
			}
		}
	}
	for _, k := range []struct {
		key string
		id  *optionalID
	}{{keyBOS, &sp.bos}, {keyEOS, &sp.eos}, {keyEOT, &sp.eot}, {keyEOM, &sp.eom}, {keyUNK, &sp.unk}, {keyPAD, &sp.pad}} {
		n, ok, err := metaInt(g.meta, k.key)
		switch {
		case err != nil:
			return err
		case !ok:
		case n < 0 || n >= int64(t.Size()):
			t.warnings = append(t.warnings, fmt.Sprintf("%s: id %d is outside the vocabulary of %d tokens and is ignored", k.key, n, t.Size()))
		default:
			*k.id = someID(int32(n))
		}
	}
	sp.findEOG(t.vocab, func(int32) bool { return true })
	return nil
}

// finish builds what depends on the tokens' classes.
func (g *ggufReader) finish(family string) error {
	t := g.t
	if family == "gpt2" {
		t.vocab.setByteLevel()
	} else {
		t.vocab.setSentencePiece(func(c class) bool { return c != classNormal && c != classUnused })
		t.model = newSPM(t.vocab, t.special.unk)
	}
	name, _, err := metaString(g.meta, "general.name")
	if err != nil {
		return err
	}
	t.added, err = newAddedTokens(ggufAdded(t.vocab, strings.ToLower(name)), nil, true)
	return err
}

// ggufAdded lists the tokens to look for in a text. GGUF does not record that Phi 3's tokens take the white space
// after them; llama.cpp goes by the model's name.
func ggufAdded(v *vocabulary, modelName string) []addedToken {
	phi3 := strings.Contains(modelName, "phi-3") || strings.Contains(modelName, "phi3")
	var added []addedToken
	for id, c := range v.classes {
		if !c.special() && c != classUser {
			continue
		}
		text := v.texts[id]
		rstrip := phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>"
		added = append(added, addedToken{id: int32(id), text: text, special: c.special(), rstrip: rstrip})
	}
	return added
}
