package gguf

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// write makes a file with the Writer. Tensor bytes count up from the tensor's number.
func write(t testing.TB, declare func(w *Writer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	if err := declare(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(fillCounting(w)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fillCounting(w *Writer) func(*Tensor, io.Writer) error {
	return func(t *Tensor, dst io.Writer) error {
		_, err := dst.Write(counting(slices.Index(w.tensors, t), t.Size()))
		return err
	}
}

func counting(from int, size int64) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(from + i)
	}
	return data
}

// small is a file with every type of value and a few tensors.
func small(t testing.TB) []byte {
	return write(t, func(w *Writer) error {
		for _, kv := range everyValue {
			if err := w.Set(kv.key, kv.value); err != nil {
				return err
			}
		}
		if err := w.Add("token_embd.weight", Q8_0, 64, 3); err != nil {
			return err
		}
		if err := w.Add("blk.0.attn_norm.weight", F32, 5); err != nil {
			return err
		}
		return w.Add("output.weight", F16, 2, 3, 1, 2)
	})
}

// walk reads everything of a file that was accepted, which must not panic.
func walk(t testing.TB, f *File) {
	t.Helper()
	for _, key := range f.Keys() {
		if _, ok := f.Get(key); !ok {
			t.Errorf("key %q is listed but absent", key)
		}
	}
	var sum byte
	for _, tensor := range f.Tensors() {
		if f.Tensor(tensor.Name) != tensor {
			t.Errorf("tensor %q is not found by its name", tensor.Name)
		}
		if int64(len(tensor.Bytes())) != tensor.Size() || tensor.Size() < 0 || tensor.Rows() < 0 || tensor.Cols() < 0 {
			t.Errorf("tensor %q: %d bytes, size %d, %d rows, %d cols", tensor.Name, len(tensor.Bytes()), tensor.Size(), tensor.Rows(), tensor.Cols())
		}
		for _, b := range tensor.Bytes() {
			sum += b
		}
	}
	_ = sum
}

// raw builds files that the Writer refuses to write.
type raw []byte

func (r raw) u32(v uint32) raw    { return binary.LittleEndian.AppendUint32(r, v) }
func (r raw) u64(v uint64) raw    { return binary.LittleEndian.AppendUint64(r, v) }
func (r raw) bytes(v ...byte) raw { return append(r, v...) }
func (r raw) str(s string) raw    { return append(r.u64(uint64(len(s))), s...) }
func (r raw) pad(n int) raw       { return append(r, make([]byte, n)...) }

func rawHeader(tensors, keys uint64) raw {
	return raw("GGUF").u32(3).u64(tensors).u64(keys)
}

func (r raw) tensor(name string, typ Type, offset uint64, dims ...uint64) raw {
	r = r.str(name).u32(uint32(len(dims)))
	for _, d := range dims {
		r = r.u64(d)
	}
	return r.u32(uint32(typ)).u64(offset)
}

// align pads to where the data section starts.
func (r raw) align() raw { return r.pad((32 - len(r)%32) % 32) }

// testdata is the folder of files made by other programs.
func testdata(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("POTION_TESTDATA")
	if dir == "" {
		t.Skip("POTION_TESTDATA is not set: no files made by other programs to read")
	}
	return dir
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}
