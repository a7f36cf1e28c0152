package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// KeyValue is one entry of a GGUF file's metadata. Value is a string, bool, uint32, []string, []float32 or []int32.
type KeyValue struct {
	Key   string
	Value any
}

// GGUF returns the tokenizer.ggml.* metadata that makes FromGGUF, and llama.cpp, encode as t does. vocabSize is the
// number of rows of the model's embedding: missing tokens are filled up with unused ones, added tokens beyond it are
// left out; 0 takes the vocabulary as it is. It fails where GGUF has no way to say how t works. GGUF cannot say
// that a text is to be normalized to NFC, as Qwen's tokenizer.json does; that is left out.
func (t *Tokenizer) GGUF(vocabSize int) ([]KeyValue, error) {
	kv, err := t.gguf(vocabSize)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be written as GGUF: %w", t.name, err)
	}
	return kv, nil
}

func (t *Tokenizer) gguf(vocabSize int) ([]KeyValue, error) {
	if t.noGGUF != "" {
		return nil, errors.New(t.noGGUF)
	}
	texts, types, err := t.ggufTokens(vocabSize)
	if err != nil {
		return nil, err
	}
	var kv []KeyValue
	add := func(key string, value any) { kv = append(kv, KeyValue{key, value}) }
	switch m := t.model.(type) {
	case *byteBPE:
		add(keyModel, "gpt2")
		add(keyPre, t.pre)
		add(keyTokens, texts)
		add(keyTypes, types)
		add(keyMerges, mergeTexts(t.vocab, m.pairs))
	case *spm:
		t.addSPM(add, texts, types, t.vocab.scores)
	case *charBPE:
		scores, err := mergeScores(t.vocab, m.pairs)
		if err != nil {
			return nil, err
		}
		t.addSPM(add, texts, types, scores)
	}
	for _, s := range []struct {
		key string
		id  optionalID
	}{
		{keyBOS, t.special.bos}, {keyEOS, t.special.eos}, {keyEOT, t.special.eot},
		{keyUNK, t.special.unk}, {keyPAD, t.special.pad},
	} {
		if id, ok := s.id.get(); ok && int(id) < len(texts) {
			add(s.key, uint32(id))
		}
	}
	for _, s := range []struct {
		key string
		id  optionalID
		ids []int32
	}{{keyAddBOS, t.special.bos, t.template.before}, {keyAddEOS, t.special.eos, t.template.after}} {
		id, ok := s.id.get()
		if len(s.ids) > 1 || len(s.ids) == 1 && (!ok || s.ids[0] != id) {
			return nil, fmt.Errorf("it puts the tokens %v round a text, which are not BOS and EOS", s.ids)
		}
		add(s.key, len(s.ids) == 1)
	}
	return kv, nil
}

func (t *Tokenizer) addSPM(add func(string, any), texts []string, types []int32, scores []float32) {
	scores = slices.Clone(scores[:min(len(scores), len(texts))])
	scores = append(scores, make([]float32, len(texts)-len(scores))...)
	add(keyModel, "llama")
	add(keyPre, "default")
	add(keyTokens, texts)
	add(keyScores, scores)
	add(keyTypes, types)
	add(keyAddSpace, t.prefixesSpace())
}

// prefixesSpace tells whether a space is put before a text.
func (t *Tokenizer) prefixesSpace() bool {
	words := []string{"x"}
	if t.norm != nil {
		// The normalizers that GGUF can express do not fail.
		words[0], _ = t.norm.normalize(words[0])
	}
	for _, s := range t.splits {
		words, _ = s.split(nil, words[0], true)
	}
	return strings.HasPrefix(words[0], spaceMark)
}

// ggufTokens returns texts and types of vocabSize tokens.
func (t *Tokenizer) ggufTokens(vocabSize int) (texts []string, types []int32, err error) {
	v := t.vocab
	if vocabSize < 0 || vocabSize > maxTokens {
		return nil, nil, fmt.Errorf("a vocabulary of %d tokens is not possible", vocabSize)
	}
	if vocabSize == 0 {
		vocabSize = t.Size()
	}
	_, byteLevel := t.model.(*byteBPE)
	for id := range min(vocabSize, t.Size()) {
		text, c := v.texts[id], v.classes[id]
		if c == classUser && !byteLevel && strings.Contains(text, spaceMark) {
			c = classNormal // user-defined tokens are printed as they are stored
		}
		texts, types = append(texts, text), append(types, int32(c))
	}
	for id := vocabSize; id < t.Size(); id++ {
		if c := v.classes[id]; c == classNormal || c == classByte {
			return nil, nil, fmt.Errorf("the vocabulary has %d tokens, the model's embedding %d", t.Size(), vocabSize)
		}
	}
	for id := t.Size(); id < vocabSize; id++ {
		if _, ok := v.ids[padName(id)]; ok {
			return nil, nil, fmt.Errorf("%s, the name of an unused token, is a token", padName(id))
		}
		texts, types = append(texts, padName(id)), append(types, int32(classUnused))
	}
	return texts, types, nil
}

// ranked returns the merges in the order of their ranks.
func (t *pairTable) ranked() []pairSlot {
	var merges []pairSlot
	for _, s := range t.slots {
		if s.key != 0 {
			merges = append(merges, s)
		}
	}
	slices.SortFunc(merges, func(a, b pairSlot) int { return int(a.rank) - int(b.rank) })
	return merges
}

// pair returns the two ids of a key.
func (s pairSlot) pair() (left, right int32) { return int32(s.key>>32) - 1, int32(uint32(s.key)) - 1 }

func mergeTexts(v *vocabulary, pairs *pairTable) []string {
	merges := pairs.ranked()
	texts := make([]string, len(merges))
	for i, m := range merges {
		left, right := m.pair()
		texts[i] = v.texts[left] + " " + v.texts[right]
	}
	return texts
}

// mergeScores gives each token the score, minus the rank of its first merge, by which SentencePiece's rule joins the
// same pairs as the merges do. That needs all merges of a token to follow one another, as they do where a
// tokenizer.json was made from a SentencePiece model. Runs of one character are exempt: Gemma ranks their merges by
// the length of the parts, but either way a run only ever grows at its first token.
func mergeScores(v *vocabulary, pairs *pairTable) ([]float32, error) {
	merges := pairs.ranked()
	scores := make([]float32, len(v.texts))
	for id := range scores {
		scores[id] = -float32(len(merges) + 1)
	}
	made := make([]bool, len(v.texts))
	for i, m := range merges {
		if i > 0 && merges[i-1].id == m.id {
			continue
		}
		if made[m.id] && !oneRune(v.texts[m.id]) {
			return nil, fmt.Errorf("the merges that make %s do not follow one another", quote(v.texts[m.id]))
		}
		if !made[m.id] {
			made[m.id], scores[m.id] = true, -float32(m.rank)
		}
	}
	return scores, nil
}

// oneRune tells whether s is one character again and again.
func oneRune(s string) bool {
	_, n := utf8.DecodeRuneInString(s)
	return strings.Count(s, s[:n])*n == len(s)
}
