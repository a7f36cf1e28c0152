package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// slowClasses are the tokenizer classes that come as vocab.json and merges.txt, with what their tokenizer.json
// would say.
var slowClasses = map[string]struct{ pattern, normalizer string }{
	"":               {"", "null"},
	"GPT2Tokenizer":  {"", "null"},
	"Qwen2Tokenizer": {patternQwen2, `{"type":"NFC"}`},
}

// preTokenizerJSON describes a ByteLevel stage, after a Split by pattern unless that is "".
func preTokenizerJSON(pattern string, prefixSpace bool) (json.RawMessage, error) {
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": prefixSpace, "use_regex": pattern == ""}
	if pattern == "" {
		return json.Marshal(byteLevel)
	}
	split := map[string]any{"type": "Split", "pattern": map[string]string{"Regex": pattern}, "behavior": "Isolated"}
	return json.Marshal(map[string]any{"type": "Sequence", "pretokenizers": []any{split, byteLevel}})
}

// fromVocabMerges reads GPT-2's own files. They say neither how words are split nor which tokens are added: the first
// goes by the class, the second by tokenizer_config.json and added_tokens.json.
func fromVocabMerges(path string, vocabJSON []byte, c *configFiles) (*Tokenizer, error) {
	t, err := buildVocabMerges(path, vocabJSON, c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func buildVocabMerges(path string, vocabJSON []byte, c *configFiles) (*Tokenizer, error) {
	class, ok := slowClasses[strings.TrimSuffix(c.Class, "Fast")]
	if !ok {
		known := slices.Sorted(maps.Keys(slowClasses))
		return nil, fmt.Errorf("how words are split is not known for tokenizer_class %s without a tokenizer.json; it is for %s",
			quote(c.Class), strings.Join(known[1:], ", "))
	}
	dir := filepath.Dir(path)
	mergesTXT, err := readOptional(dir, "merges.txt")
	if err != nil {
		return nil, err
	}
	if mergesTXT == nil {
		return nil, errors.New("there is no merges.txt beside it")
	}
	f := &jsonFile{model: &jsonModel{}, Normalizer: json.RawMessage(class.normalizer)}
	r := &jsonReader{data: vocabJSON}
	if err := f.model.readVocab(r); err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if err := f.model.readMergesTXT(string(mergesTXT)); err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	if f.PreTokenizer, err = preTokenizerJSON(class.pattern, c.prefix != nil && *c.prefix); err != nil {
		return nil, err
	}
	if err := f.addedFromConfigs(dir, c); err != nil {
		return nil, err
	}
	return f.build(path, c)
}

// readMergesTXT reads lines of two tokens, after an optional line that begins with #version.
func (m *jsonModel) readMergesTXT(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("the text is not valid UTF-8")
	}
	var list mergeList
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || i == 0 && strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return fmt.Errorf("line %d: %s is not two tokens with a space between", i+1, quote(line))
		}
		list.add(left, right)
	}
	var err error
	m.merges, err = list.resolve(m.vocab.ids)
	return err
}

// addedFromConfigs lists the added tokens as a tokenizer.json would.
func (f *jsonFile) addedFromConfigs(dir string, c *configFiles) error {
	data, err := readOptional(dir, "added_tokens.json")
	if err != nil {
		return err
	}
	extra := make(map[string]int64)
	if data != nil {
		if err := json.Unmarshal(data, &extra); err != nil {
			return fmt.Errorf("added_tokens.json: %w", err)
		}
	}
	tokens := make(map[int64]configToken)
	for text, id := range extra {
		tokens[id] = configToken{Content: text, Normalized: true}
	}
	for key, tok := range c.added {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return fmt.Errorf("tokenizer_config.json: added_tokens_decoder: %s is no id", quote(key))
		}
		tokens[id] = tok
	}
	for _, text := range c.texts {
		id, ok := f.model.vocab.ids[text]
		if !ok {
			if id, ok := extra[text]; ok {
				tokens[id] = configToken{Content: text, Special: true}
			}
			continue
		}
		if _, ok := tokens[int64(id)]; !ok {
			tokens[int64(id)] = configToken{Content: text, Special: true}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tokens)) {
		f.AddedTokens = append(f.AddedTokens, addedJSON{ID: id, configToken: tokens[id]})
	}
	return nil
}
