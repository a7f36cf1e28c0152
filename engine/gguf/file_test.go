package gguf

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

func TestTensors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "small.gguf")
	if err := os.WriteFile(path, small(t), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Name() != path || f.Version() != 3 || f.Alignment() != 32 {
		t.Errorf("name %s, version %d, alignment %d", f.Name(), f.Version(), f.Alignment())
	}
	want := []struct {
		name       string
		typ        Type
		dims       []int64
		rows, cols int
		size       int64
	}{
		{"token_embd.weight", Q8_0, []int64{64, 3}, 3, 64, 3 * 2 * 34},
		{"blk.0.attn_norm.weight", F32, []int64{5}, 1, 5, 20},
		{"output.weight", F16, []int64{2, 3, 1, 2}, 6, 2, 24},
	}
	if len(f.Tensors()) != len(want) {
		t.Fatalf("%d tensors, want %d", len(f.Tensors()), len(want))
	}
	for i, got := range f.Tensors() {
		w := want[i]
		if got.Name != w.name || got.Type != w.typ || !reflect.DeepEqual(got.Dims, w.dims) ||
			got.Rows() != w.rows || got.Cols() != w.cols || got.Size() != w.size {
			t.Errorf("tensor %d: %+v, want %+v", i, got, w)
		}
		if !bytes.Equal(got.Bytes(), counting(i, w.size)) {
			t.Errorf("tensor %s: wrong bytes", w.name)
		}
	}
	if f.Tensor("absent") != nil {
		t.Error("an absent tensor is found")
	}
	walk(t, f)
	closed := f.Tensor("output.weight")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if closed.Bytes() != nil || f.Tensor("output.weight") != nil || len(f.Keys()) != 0 {
		t.Error("a closed file still hands out views of its mapping")
	}
	if err := f.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestTypes compares the table with GGML_QUANT_SIZES of the Python package gguf
// 0.19.0, printed by
//
//	python3 -c 'from gguf.constants import *
//	for t, (n, b) in GGML_QUANT_SIZES.items(): print("{%d, \"%s\", %d, %d}," % (t, t.name, n, b))'
//
// but for Q8_1, which that table still gives 40 bytes: in ggml-common.h its scale
// and sum have become halves (2 + 2 + 32 bytes), and files of llama.cpp's own tests
// lay it out so.
func TestTypes(t *testing.T) {
	t.Parallel()
	want := []struct {
		typ        Type
		name       string
		blockLen   int
		blockBytes int
	}{
		{0, "F32", 1, 4},
		{1, "F16", 1, 2},
		{2, "Q4_0", 32, 18},
		{3, "Q4_1", 32, 20},
		{6, "Q5_0", 32, 22},
		{7, "Q5_1", 32, 24},
		{8, "Q8_0", 32, 34},
		{9, "Q8_1", 32, 36},
		{10, "Q2_K", 256, 84},
		{11, "Q3_K", 256, 110},
		{12, "Q4_K", 256, 144},
		{13, "Q5_K", 256, 176},
		{14, "Q6_K", 256, 210},
		{15, "Q8_K", 256, 292},
		{16, "IQ2_XXS", 256, 66},
		{17, "IQ2_XS", 256, 74},
		{18, "IQ3_XXS", 256, 98},
		{19, "IQ1_S", 256, 50},
		{20, "IQ4_NL", 32, 18},
		{21, "IQ3_S", 256, 110},
		{22, "IQ2_S", 256, 82},
		{23, "IQ4_XS", 256, 136},
		{24, "I8", 1, 1},
		{25, "I16", 1, 2},
		{26, "I32", 1, 4},
		{27, "I64", 1, 8},
		{28, "F64", 1, 8},
		{29, "IQ1_M", 256, 56},
		{30, "BF16", 1, 2},
		{34, "TQ1_0", 256, 54},
		{35, "TQ2_0", 256, 66},
		{39, "MXFP4", 32, 17},
		{40, "NVFP4", 64, 36},
		{41, "Q1_0", 128, 18},
	}
	known := 0
	for typ := range Type(len(packings)) {
		if typ.Valid() {
			known++
		}
	}
	if known != len(want) {
		t.Errorf("%d types known, want %d", known, len(want))
	}
	for _, w := range want {
		if w.typ.String() != w.name || w.typ.BlockLen() != w.blockLen || w.typ.BlockBytes() != w.blockBytes {
			t.Errorf("%v (%d): blocks of %d in %d bytes, want %+v", w.typ, w.typ, w.typ.BlockLen(), w.typ.BlockBytes(), w)
		}
	}
	for _, f := range format.All() {
		typ := TypeOf(f)
		back, ok := typ.Format()
		if back != f || !ok || typ.String() != f.String() || typ.BlockLen() != f.BlockLen() || typ.BlockBytes() != f.BlockBytes() {
			t.Errorf("%v and %v disagree", typ, f)
		}
	}
	for _, typ := range []Type{IQ4_XS, I32, 4, 33, 1000} {
		if f, ok := typ.Format(); ok {
			t.Errorf("%v is said to be %v", typ, f)
		}
	}
	for _, typ := range []Type{4, 38, 42, 1 << 31} {
		if typ.Valid() || typ.BlockLen() != 0 || typ.BlockBytes() != 0 {
			t.Errorf("type %d is valid", uint32(typ))
		}
	}
}

func TestAlignment(t *testing.T) {
	t.Parallel()
	for _, align := range []uint32{1, 8, 32, 4096} {
		t.Run(fmt.Sprint(align), func(t *testing.T) {
			t.Parallel()
			data := write(t, func(w *Writer) error {
				if err := w.Set("general.alignment", align); err != nil {
					return err
				}
				if err := w.Add("a", I8, 3); err != nil {
					return err
				}
				return w.Add("b", I8, 5)
			})
			f, err := OpenBytes("aligned.gguf", data)
			if err != nil {
				t.Fatal(err)
			}
			if f.Alignment() != int(align) || len(data)%int(align) != 0 {
				t.Errorf("alignment %d, %d bytes in all", f.Alignment(), len(data))
			}
			for i, tensor := range f.Tensors() {
				if !bytes.Equal(tensor.Bytes(), counting(i, tensor.Size())) {
					t.Errorf("tensor %s: wrong bytes", tensor.Name)
				}
			}
		})
	}
}

// BenchmarkOpen opens a file with the vocabulary of a Llama 3 model: 128,256
// tokens, scores and types and 280,147 merges.
func BenchmarkOpen(b *testing.B) {
	tokens, merges := make([]string, 128256), make([]string, 280147)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("token%d", i)
	}
	for i := range merges {
		merges[i] = fmt.Sprintf("left%d right%d", i, i)
	}
	data := write(b, func(w *Writer) error {
		for _, kv := range []struct {
			key   string
			value any
		}{
			{"tokenizer.ggml.tokens", tokens}, {"tokenizer.ggml.merges", merges},
			{"tokenizer.ggml.scores", make([]float32, len(tokens))},
			{"tokenizer.ggml.token_type", make([]int32, len(tokens))},
		} {
			if err := w.Set(kv.key, kv.value); err != nil {
				return err
			}
		}
		return nil
	})
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := OpenBytes("vocabulary.gguf", data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Strings", func(b *testing.B) {
		b.ReportAllocs()
		f, err := OpenBytes("vocabulary.gguf", data)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if v, _, err := f.Strings("tokenizer.ggml.merges"); err != nil || len(v) != len(merges) {
				b.Fatal(len(v), err)
			}
		}
	})
}
