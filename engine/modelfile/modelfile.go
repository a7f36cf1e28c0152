// Package modelfile opens whatever a user may point at: a GGUF file (or the first of
// several parts), a Hugging Face model folder, a vocabulary alone, or nothing, which is
// the embedded demo model. It says what is inside without loading it.
package modelfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/potion-engine/potion/engine/demo"
	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// File is an opened model. Close it when nothing of it is in use any more: weights on the
// CPU stay in the file's memory.
type File struct {
	path string
	gguf *gguf.File // nil for a folder or a bare tokenizer.json
	dir  string     // "" for a file
	json string     // path of a bare tokenizer.json

	checkpoint model.Checkpoint
	why        error // why there is no checkpoint
}

// Open opens path, or the embedded demo model if path is empty. A model that is well formed
// but cannot be run opens as well: Checkpoint then says why.
func Open(path string) (*File, error) {
	if path == "" {
		g, err := demo.Open()
		if err != nil {
			return nil, err
		}
		return fromGGUF(g), nil
	}
	stat, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s: no such file or folder", path)
		}
		return nil, err
	}
	if stat.IsDir() {
		return openDir(path)
	}
	if !stat.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file or folder that can hold a model", path)
	}
	magic, err := begin(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(magic), []byte("{")) && strings.HasSuffix(path, ".json") {
		return &File{path: path, json: path, why: fmt.Errorf("%s: a vocabulary alone; there are no weights to run", path)}, nil
	}
	if strings.HasSuffix(path, ".safetensors") {
		return nil, fmt.Errorf("%s: weights alone; point at the folder that holds config.json as well", path)
	}
	g, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	return fromGGUF(g), nil
}

// begin is the first bytes of a file.
func begin(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return head[:n], nil
}

func fromGGUF(g *gguf.File) *File {
	f := &File{path: g.Name(), gguf: g}
	f.checkpoint, f.why = model.FromGGUF(g)
	return f
}

func openDir(dir string) (*File, error) {
	f := &File{path: dir, dir: dir}
	f.checkpoint, f.why = model.FromDir(dir)
	var unsupported *model.UnsupportedError
	if f.why == nil || errors.As(f.why, &unsupported) {
		return f, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		if files, _ := filepath.Glob(filepath.Join(dir, "*.gguf")); len(files) > 0 {
			return nil, fmt.Errorf("%s: a folder without config.json; point at a file in it, such as %s", dir, files[0])
		}
		if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); err == nil {
			return f, nil // a vocabulary alone
		}
	}
	return nil, f.why
}

// Path is what was opened, for messages.
func (f *File) Path() string { return f.path }

// GGUF is the file itself, or nil where the model is no GGUF file.
func (f *File) GGUF() *gguf.File { return f.gguf }

// Checkpoint is the weights and hyper-parameters, or the reason why the file cannot be run;
// an UnsupportedError if it is well formed all the same.
func (f *File) Checkpoint() (model.Checkpoint, error) { return f.checkpoint, f.why }

// Tokenizer is the model's tokenizer. Every call makes it anew.
func (f *File) Tokenizer() (*tokenizer.Tokenizer, error) {
	switch {
	case f.gguf != nil:
		t, err := tokenizer.FromGGUF(f.gguf)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		return t, nil
	case f.json != "":
		text, err := readLimited(f.json, maxTokenizer)
		if err != nil {
			return nil, err
		}
		return tokenizer.FromJSON(f.json, text, nil)
	}
	return tokenizer.FromDir(f.dir)
}

// Close closes the files.
func (f *File) Close() error {
	if f.checkpoint != nil {
		return f.checkpoint.Close()
	}
	if f.gguf != nil {
		return f.gguf.Close()
	}
	return nil
}

// The largest tokenizer.json known (Gemma 3) has 33 MB, the largest chat template 20 KB.
const (
	maxTokenizer = 256 << 20
	maxTemplate  = 1 << 20
	maxSettings  = 16 << 20
)

// readLimited reads a whole file of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s: longer than %d MB", path, limit>>20)
	}
	return text, nil
}
