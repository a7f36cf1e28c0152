package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds the files of a tokenizer; the largest known have about 35 MB.
const maxFile = 512 << 20

// FromDir reads the tokenizer of a Hugging Face folder: tokenizer.json, or vocab.json with merges.txt, or a
// SentencePiece tokenizer.model, and what tokenizer_config.json, special_tokens_map.json, generation_config.json
// and config.json say of special tokens. A folder without any of these gives ErrNone.
func FromDir(dir string) (*Tokenizer, error) {
	var c configFiles
	for _, f := range []struct {
		name string
		read func([]byte) error
	}{
		{"tokenizer_config.json", c.readTokenizerConfig},
		{"special_tokens_map.json", c.readSpecialTokensMap},
		{"generation_config.json", c.readGenerationConfig},
		{"config.json", c.readModelConfig},
	} {
		data, err := readOptional(dir, f.name)
		if err != nil {
			return nil, err
		}
		if data == nil {
			continue
		}
		if err := f.read(data); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, f.name), err)
		}
	}
	for _, f := range []struct {
		name string
		read func(path string, data []byte) (*Tokenizer, error)
	}{
		{"tokenizer.json", func(path string, data []byte) (*Tokenizer, error) { return fromJSON(path, data, &c) }},
		{"tokenizer.model", func(path string, data []byte) (*Tokenizer, error) { return fromSentencePiece(path, data, &c) }},
		{"vocab.json", func(path string, data []byte) (*Tokenizer, error) { return fromVocabMerges(path, data, &c) }},
	} {
		data, err := readOptional(dir, f.name)
		if err != nil {
			return nil, err
		}
		if data != nil {
			return f.read(filepath.Join(dir, f.name), data)
		}
	}
	return nil, fmt.Errorf("%s: %w: there is no tokenizer.json, tokenizer.model or vocab.json", dir, ErrNone)
}

// readOptional returns nil if there is no such file.
func readOptional(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: this is not a file", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %d bytes; at most %d are read", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}
