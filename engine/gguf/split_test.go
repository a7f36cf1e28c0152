package gguf

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// part describes one part of a split model to write.
type part struct {
	no, count uint16
	total     int32
	tensors   []string
}

// writeParts writes parts beside each other and returns their paths.
func writeParts(t *testing.T, parts []part) []string {
	t.Helper()
	dir := t.TempDir()
	paths := make([]string, len(parts))
	for i, p := range parts {
		data := write(t, func(w *Writer) error {
			if i == 0 {
				if err := w.Set("general.architecture", "llama"); err != nil {
					return err
				}
			}
			for _, kv := range []struct {
				key   string
				value any
			}{{"split.no", p.no}, {"split.count", p.count}, {"split.tensors.count", p.total}} {
				if err := w.Set(kv.key, kv.value); err != nil {
					return err
				}
			}
			for _, name := range p.tensors {
				if err := w.Add(name, I8, int64(10*i+len(name))); err != nil {
					return err
				}
			}
			return nil
		})
		paths[i] = filepath.Join(dir, fmt.Sprintf("model-%05d-of-%05d.gguf", i+1, len(parts)))
		if err := os.WriteFile(paths[i], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func TestSplit(t *testing.T) {
	t.Parallel()
	paths := writeParts(t, []part{{0, 3, 3, nil}, {1, 3, 3, []string{"a", "b"}}, {2, 3, 3, []string{"c"}}})
	for _, path := range paths {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() != paths[0] {
			t.Errorf("the name is %s, want that of the first part", f.Name())
		}
		if arch, _, err := f.Str("general.architecture"); arch != "llama" || err != nil {
			t.Errorf("architecture %q, %v", arch, err)
		}
		names := ""
		for _, tensor := range f.Tensors() {
			names += tensor.Name
		}
		if names != "abc" {
			t.Errorf("tensors %s, want abc", names)
		}
		if !bytes.Equal(f.Tensor("c").Bytes(), counting(0, 21)) {
			t.Error("wrong bytes of a tensor in the last part")
		}
		walk(t, f)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSplitErrors(t *testing.T) {
	t.Parallel()
	good := []part{{0, 3, 3, []string{"a"}}, {1, 3, 3, []string{"b"}}, {2, 3, 3, []string{"c"}}}
	tests := []struct {
		name   string
		change func(parts []part)
		spoil  func(paths []string) error
		want   []string
	}{
		{"missing part", nil, func(paths []string) error { return os.Remove(paths[1]) }, []string{"part 2 of 3", "model-00002-of-00003.gguf"}},
		{"cut part", nil, func(paths []string) error { return os.Truncate(paths[2], 100) }, []string{"part 3 of 3", "the file ends too early"}},
		{"renamed part", nil, func(paths []string) error { return os.Rename(paths[1], paths[2]) }, []string{"part"}},
		{"another number", func(p []part) { p[2].no = 1 }, nil, []string{"model-00003-of-00003.gguf: says it is part 2 of 3"}},
		{"another count", func(p []part) { p[1].count = 4 }, nil, []string{"says it is part 2 of 4"}},
		{"never split", func(p []part) { p[1] = part{} }, nil, []string{"part 1 of 0"}},
		{"another total", func(p []part) { p[1].total = 9 }, nil, []string{"with 9 tensors in all"}},
		{"too few tensors", func(p []part) { p[1].tensors = nil }, nil, []string{"hold 2 tensors, but split.tensors.count says 3"}},
		{"tensor twice", func(p []part) { p[2].tensors = []string{"a"} }, nil, []string{"tensor a: is also in another part"}},
		{"number past the count", func(p []part) { p[0].no = 3 }, nil, []string{"3 (counted from 0) of 3 parts cannot be"}},
		{"negative total", func(p []part) { p[0].total = -1 }, nil, []string{"split.tensors.count", "not negative"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			parts := append([]part(nil), good...)
			if tt.change != nil {
				tt.change(parts)
			}
			paths := writeParts(t, parts)
			if tt.spoil != nil {
				if err := tt.spoil(paths); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(paths[0])
			wantError(t, err, tt.want...)
		})
	}
	t.Run("unusual name", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "renamed.gguf")
		if err := os.Rename(writeParts(t, good)[0], path); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		wantError(t, err, "its name must end in -00001-of-00003.gguf")
	})
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		data, err := os.ReadFile(writeParts(t, good)[1])
		if err != nil {
			t.Fatal(err)
		}
		_, err = OpenBytes("embedded", data)
		wantError(t, err, "embedded: part 2 of 3")
	})
}
