package convert

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/potion-engine/potion/engine/chat"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/tokenizer"
)

const (
	keyName         = "general.name"
	keyFileType     = "general.file_type"
	keyQuantization = "general.quantization_version"

	// quantizationVersion is ggml's number for the present block layouts.
	quantizationVersion = 2
)

func (p *Plan) formatKeys() []model.KeyValue {
	return []model.KeyValue{{Key: keyFileType, Value: p.o.To.fileType}, {Key: keyQuantization, Value: uint32(quantizationVersion)}}
}

// describe puts together the metadata of a Hugging Face folder.
func (p *Plan) describe(file *modelfile.File, c *model.Config, arch []model.KeyValue) error {
	p.set("general.architecture", c.Arch)
	p.set("general.type", "model")
	name := p.o.Name
	if name == "" {
		name = modelName(c, file.Path())
	}
	p.set(keyName, name)
	p.set("general.size_label", sizeLabel(p.Parameters()))
	p.keys = append(p.keys, arch...)
	p.keys = append(p.keys, p.formatKeys()...)
	tok, err := file.Tokenizer()
	if errors.Is(err, tokenizer.ErrNone) {
		p.set("tokenizer.ggml.model", "none")
		if size := c.Arch + ".vocab_size"; !slices.ContainsFunc(arch, func(k model.KeyValue) bool { return k.Key == size }) {
			p.set(size, uint32(c.Vocab)) // llama.cpp counts the tokens where there are any
		}
		p.Warnings = append(p.Warnings, "the folder has no tokenizer: the file will take token ids only")
		return nil
	}
	if err != nil {
		return err
	}
	keys, err := tok.GGUF(c.Vocab)
	if err != nil {
		return err
	}
	for _, k := range keys {
		p.set(k.Key, k.Value)
	}
	text, err := file.ChatTemplate()
	if err != nil && !errors.Is(err, chat.ErrNoTemplate) {
		return err
	}
	if err == nil {
		p.set("tokenizer.chat_template", text)
	}
	return nil
}

func (p *Plan) set(key string, value any) {
	p.keys = append(p.keys, model.KeyValue{Key: key, Value: value})
}

// modelName is what the model's publisher calls it, or else the folder's name. Paths of the
// machine on which it was trained stand in config.json as well and say nothing.
func modelName(c *model.Config, dir string) string {
	if owner, name, ok := strings.Cut(c.Name, "/"); ok && owner != "" && owner != "." && owner != ".." && name != "" && !strings.ContainsAny(name, `/\`) {
		return name
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return filepath.Base(dir)
	}
	return filepath.Base(abs)
}

// sizeLabel is a number of parameters for people, with at least two digits: 5.9M, 135M.
func sizeLabel(n int64) string {
	x, unit := float64(n)/1e3, "K"
	for _, next := range []string{"M", "B", "T"} {
		if x < 1e3 {
			break
		}
		x, unit = x/1e3, next
	}
	if x < 9.5 {
		return fmt.Sprintf("%.1f%s", x, unit)
	}
	return fmt.Sprintf("%.0f%s", x, unit)
}
