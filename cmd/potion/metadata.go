package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/potion-engine/potion/engine/gguf"
)

// shownElements is how many elements of an array potion info shows.
const shownElements = 8

// metadataEntry is one key of a GGUF file or of a config.json.
type metadataEntry struct {
	Key    string `json:"key"`
	Type   string `json:"type"`
	Length *int   `json:"length,omitempty"` // of an array
	Value  any    `json:"value"`
}

func ggufMetadata(g *gguf.File) []metadataEntry {
	list := []metadataEntry{}
	for _, key := range g.Keys() {
		v, _ := g.Get(key)
		list = append(list, entryOf(key, v))
	}
	return list
}

// entryOf shortens arrays and makes of values what JSON can say.
func entryOf(key string, v any) metadataEntry {
	e := metadataEntry{Key: key, Type: typeName(v), Value: plain(v)}
	if a := reflect.ValueOf(v); a.Kind() == reflect.Slice {
		n := a.Len()
		short := make([]any, min(n, shownElements))
		for i := range short {
			short[i] = plain(a.Index(i).Interface())
		}
		e.Length, e.Value = &n, short
	}
	return e
}

// typeName is GGUF's name of a value's type.
func typeName(v any) string {
	if _, nested := v.([]any); nested {
		return "array of arrays"
	}
	if elem, ok := strings.CutPrefix(fmt.Sprintf("%T", v), "[]"); ok {
		return "array of " + elem
	}
	return fmt.Sprintf("%T", v)
}

// plain replaces what JSON has no way to write: numbers that are none, and arrays in arrays.
func plain(v any) any {
	switch v := v.(type) {
	case float32:
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Sprint(v)
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case string:
		return strings.ToValidUTF8(v, "\uFFFD")
	}
	if a := reflect.ValueOf(v); a.Kind() == reflect.Slice {
		return fmt.Sprintf("%d elements", a.Len())
	}
	return v
}

// maxConfig bounds what is read of a config.json.
const maxConfig = 4 << 20

// configMetadata lists the members of config.json in a folder, by their names; nil where
// there is no such file.
func configMetadata(dir string) ([]metadataEntry, error) {
	path := filepath.Join(dir, "config.json")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || err != nil && filepath.Ext(dir) == ".json" { // dir is a file
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	list := []metadataEntry{}
	for key, v := range members {
		e := metadataEntry{Key: key, Type: jsonType(v), Value: v}
		if a, ok := v.([]any); ok {
			n := len(a)
			e.Length, e.Value = &n, a[:min(n, shownElements)]
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b metadataEntry) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}
