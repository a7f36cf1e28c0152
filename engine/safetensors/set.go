package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/potion-engine/potion/engine/internal/mapfile"
)

// The names that Hugging Face gives to the weights of a model.
const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// Set is all weights of a model folder, in one file or in several shards.
type Set struct {
	files   []*File
	tensors []*Tensor
	byName  map[string]*Tensor
}

// OpenDir opens model.safetensors in dir or, where there is none, the shards that
// model.safetensors.index.json lists. A shard that is missing or lies outside dir,
// a listed tensor that its shard lacks, and a tensor in two shards are errors.
func OpenDir(dir string) (*Set, error) {
	single := filepath.Join(dir, singleName)
	_, err := os.Stat(single)
	if err == nil {
		return openShards(dir, map[string][]string{singleName: nil})
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	index := filepath.Join(dir, indexName)
	shards, err := readIndex(index)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: holds neither %s nor %s: %w", dir, singleName, indexName, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return openShards(dir, shards)
}

// readIndex lists the names of the tensors that the index puts in each shard.
func readIndex(path string) (map[string][]string, error) {
	m, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	shards, err := parseIndex(m.Bytes())
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return shards, errors.Join(err, m.Close())
}

func parseIndex(text []byte) (map[string][]string, error) {
	if len(text) > maxHeader {
		return nil, fmt.Errorf("%d bytes are over the limit of %d", len(text), maxHeader)
	}
	d, err := newObject(text)
	if err != nil {
		return nil, err
	}
	shards := map[string][]string{}
	err = d.object(func(key string) error {
		if key != "weight_map" {
			var skipped json.RawMessage
			return d.json.Decode(&skipped)
		}
		return d.object(func(tensor string) error {
			shard, err := d.string()
			if err == nil {
				err = checkShardName(shard)
			}
			shards[shard] = append(shards[shard], tensor)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if len(shards) == 0 {
		return nil, errors.New("weight_map is missing or empty")
	}
	return shards, d.atEnd()
}

// checkShardName keeps a shard's path inside the model's folder. Links are
// followed, because the Hugging Face cache is made of them.
func checkShardName(name string) error {
	if !filepath.IsLocal(name) || strings.ContainsAny(name, `\:`) {
		return fmt.Errorf("%s is not a path inside the model's folder", show(name))
	}
	if filepath.Ext(name) != ".safetensors" {
		return fmt.Errorf("%s is not a .safetensors file", show(name))
	}
	return nil
}

func openShards(dir string, shards map[string][]string) (_ *Set, err error) {
	s := &Set{byName: map[string]*Tensor{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(shards)) {
		f, err := Open(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
		for _, tensor := range shards[name] {
			if f.Tensor(tensor) == nil {
				return nil, fmt.Errorf("%s: tensor %s is missing, though the index lists it", f.name, show(tensor))
			}
		}
		for _, t := range f.tensors {
			if s.byName[t.Name] != nil {
				return nil, fmt.Errorf("%s: tensor %s is also in another shard", f.name, show(t.Name))
			}
			s.byName[t.Name] = t
		}
		s.tensors = append(s.tensors, f.tensors...)
	}
	return s, nil
}

// Files lists the open files, sorted by name.
func (s *Set) Files() []*File { return slices.Clone(s.files) }

// Tensors lists the tensors of all files in turn.
func (s *Set) Tensors() []*Tensor { return slices.Clone(s.tensors) }

// Tensor finds a tensor by its name in whichever file holds it; nil if none does.
func (s *Set) Tensor(name string) *Tensor { return s.byName[name] }

// Close closes all files; see File.Close.
func (s *Set) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	s.files, s.tensors, s.byName = nil, nil, nil
	return errors.Join(errs...)
}
