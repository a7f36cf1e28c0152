package modelfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/potion-engine/potion/engine/chat"
)

// ChatTemplate is the source of the model's own Jinja template, or chat.ErrNoTemplate. It is in
// GGUF's tokenizer.chat_template; in a Hugging Face folder in chat_template.jinja or in
// tokenizer_config.json, there as a string or as a list of which "default" is taken.
func (f *File) ChatTemplate() (string, error) {
	switch {
	case f.gguf != nil:
		text, ok, err := f.gguf.Str("tokenizer.chat_template")
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.path, err)
		}
		if !ok || text == "" {
			return "", fmt.Errorf("%s: %w", f.path, chat.ErrNoTemplate)
		}
		return text, nil
	case f.dir == "":
		return "", fmt.Errorf("%s: %w", f.path, chat.ErrNoTemplate)
	}
	text, err := readLimited(filepath.Join(f.dir, "chat_template.jinja"), maxTemplate)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return string(text), err
	}
	path := filepath.Join(f.dir, "tokenizer_config.json")
	text, err = readLimited(path, maxSettings)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", f.path, chat.ErrNoTemplate)
	}
	if err != nil {
		return "", err
	}
	return templateOf(path, text)
}

func templateOf(path string, config []byte) (string, error) {
	var fields struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(config, &fields); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if len(fields.Template) == 0 || string(fields.Template) == "null" {
		return "", fmt.Errorf("%s: %w", path, chat.ErrNoTemplate)
	}
	var one string
	if json.Unmarshal(fields.Template, &one) == nil {
		return one, nil
	}
	var several []struct{ Name, Template string }
	if err := json.Unmarshal(fields.Template, &several); err != nil {
		return "", fmt.Errorf("%s: chat_template is neither a text nor a list of named texts", path)
	}
	for _, t := range several {
		if t.Name == "default" {
			return t.Template, nil
		}
	}
	return "", fmt.Errorf("%s: none of the %d chat templates is called default: %w", path, len(several), chat.ErrNoTemplate)
}
