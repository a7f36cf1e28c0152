package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files of this Writer were read back with the Python package gguf 0.19.0 once:
// small.gguf was small(t) without a.nested, an array that the reader lacks, and
// v.unicode, which Python cannot print;
//
//	python3 -c 'import gguf; r = gguf.GGUFReader("small.gguf")
//	for f in r.fields.values(): print(f.name, f.contents())
//	for t in r.tensors: print(t.name, t.tensor_type.name, t.shape, t.data.tobytes())'
//
// printed the keys, values, tensors and bytes of everyValue and counting.

func TestCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "model.gguf")
	for round := range 2 { // the second replaces the first
		w, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Set("round", uint32(round)); err != nil {
			t.Fatal(err)
		}
		if err := w.Add("t", F32, 4, 2); err != nil {
			t.Fatal(err)
		}
		err = w.Write(func(tensor *Tensor, dst io.Writer) error {
			for row := range tensor.Rows() {
				if _, err := dst.Write(counting(row, 16)); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if v, _, err := f.Uint("round"); v != uint64(round) || err != nil {
			t.Errorf("round %d: %d, %v", round, v, err)
		}
		if want := append(counting(0, 16), counting(1, 16)...); !bytes.Equal(f.Tensor("t").Bytes(), want) {
			t.Errorf("round %d: bytes %v", round, f.Tensor("t").Bytes())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	wantFiles(t, dir, "model.gguf")
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	fills := map[string]struct {
		fill func(*Tensor, io.Writer) error
		want string
	}{
		"too few bytes": {func(_ *Tensor, dst io.Writer) error { _, err := dst.Write(make([]byte, 31)); return err },
			"tensor t: 1 of its 32 bytes were not written"},
		"too many bytes": {func(_ *Tensor, dst io.Writer) error { _, err := dst.Write(make([]byte, 33)); return err },
			"tensor t: 1 bytes too many"},
		"failing source": {func(*Tensor, io.Writer) error { return errors.New("source failed") },
			"tensor t: source failed"},
	}
	for name, tt := range fills {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "model.gguf")
			if err := os.WriteFile(path, []byte("older"), 0o600); err != nil {
				t.Fatal(err)
			}
			w, err := Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add("t", F32, 8); err != nil {
				t.Fatal(err)
			}
			wantError(t, w.Write(tt.fill), path, tt.want)
			wantError(t, w.Write(tt.fill), "already")
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			wantFiles(t, dir, "model.gguf")
			if kept, err := os.ReadFile(path); err != nil || string(kept) != "older" {
				t.Errorf("the older file became %q (%v)", kept, err)
			}
		})
	}
	t.Run("closed before Write", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		w, err := Create(filepath.Join(dir, "model.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		wantError(t, w.Set("k", true), "after the file was written or closed")
		wantFiles(t, dir)
	})
	t.Run("path of a folder", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		_, err := Create(dir)
		wantError(t, err, dir, "not a regular file")
		_, err = Create(filepath.Join(dir, "absent", "model.gguf"))
		wantError(t, err, "absent")
	})
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %v, want %v", got, want)
	}
}

// full is a writer that runs out of space.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestWriterOutOfSpace(t *testing.T) {
	t.Parallel()
	declare := func(out io.Writer) *Writer {
		w := NewWriter(out)
		if err := errors.Join(w.Set("k", "v"), w.Add("a", F32, 9), w.Add("b", I8, 3<<20)); err != nil {
			t.Fatal(err)
		}
		return w
	}
	var whole bytes.Buffer
	w := declare(&whole)
	if err := w.Write(fillCounting(w)); err != nil {
		t.Fatal(err)
	}
	for _, space := range []int{0, 1, 100, 2 << 20, whole.Len() - 1} {
		w := declare(&full{left: space})
		if err := w.Write(fillCounting(w)); !errors.Is(err, errFull) {
			t.Errorf("with space for %d of %d bytes: %v", space, whole.Len(), err)
		}
	}
}

func TestWriterErrors(t *testing.T) {
	t.Parallel()
	deep := any([]any{})
	for range maxDepth {
		deep = []any{deep}
	}
	w := NewWriter(io.Discard)
	if err := errors.Join(w.Set("k", true), w.Add("t", F32, 1)); err != nil {
		t.Fatal(err)
	}
	wantError(t, w.Set("k", true), "key k: is set twice")
	wantError(t, w.Set("", true), "name is empty")
	wantError(t, w.Set("\xff", true), "not UTF-8")
	wantError(t, w.Set(strings.Repeat("k", 1<<16), true), "at most 65535")
	wantError(t, w.Set("int", 1), "key int: a int cannot be stored")
	wantError(t, w.Set("nil", nil), "cannot be stored")
	wantError(t, w.Set("any", []any{1}), "may hold slices only")
	wantError(t, w.Set("deep", deep), "nested more than 8 deep")
	wantError(t, w.Set("general.alignment", uint32(48)), "power of two")
	wantError(t, w.Set("general.alignment", uint64(64)), "must be a uint32")
	wantError(t, w.Add("t", F32, 1), "tensor t: is added twice")
	wantError(t, w.Add("", F32, 1), "name is empty")
	wantError(t, w.Add(strings.Repeat("n", 64), F32, 1), "at most 63")
	wantError(t, w.Add("u", F32), "0 dimensions")
	wantError(t, w.Add("u", F32, 1, 1, 1, 1, 1), "5 dimensions")
	wantError(t, w.Add("u", Q4_0, 33), "rows of 33 numbers")
	wantError(t, w.Add("u", 4, 32), "was removed")
	wantError(t, w.Add("u", F32, -1), "too large")

	huge := NewWriter(io.Discard)
	for i := range 3 {
		if err := huge.Add(fmt.Sprint(i), F32, 1<<60-8); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, huge.Write(nil), "larger than any file can be")
}
