package gguf

import (
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestModelFiles opens files that llama.cpp and its converters wrote and compares
// what they hold with what the Python package gguf 0.19.0 reads:
//
//	for path in sys.argv[1:]:
//	    r, crc = gguf.GGUFReader(path), 0
//	    for t in r.tensors:
//	        line = "%s %s %s " % (t.name, t.tensor_type.name, " ".join(map(str, t.shape)))
//	        crc = zlib.crc32(t.data.tobytes(), zlib.crc32(line.encode(), crc))
//	    tokens = r.fields["tokenizer.ggml.tokens"]
//	    strings = zlib.crc32(b"\n".join(bytes(tokens.parts[i]) for i in tokens.data))
//	    print(path, len(r.fields) - 3, len(r.tensors), hex(crc), len(tokens.data), hex(strings))
//
// For the split model crc ran on over the tensors of all three parts.
func TestModelFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path         string
		architecture string
		keys         int
		tensors      int
		tensorCRC    uint32
		tokens       int
		tokenCRC     uint32
	}{
		{"models/stories260K/stories260K-bf16.gguf", "llama", 22, 47, 0x73cfc7b8, 512, 0xee2106c6},
		{"models/stories260K/stories260K-f16.gguf", "llama", 22, 47, 0x8dd22e49, 512, 0xee2106c6},
		{"models/stories260K/stories260K-f32.gguf", "llama", 21, 47, 0xe18f18b5, 512, 0xee2106c6},
		{"models/stories260K/stories260K-iq4_nl.gguf", "llama", 22, 47, 0x6ebe593d, 512, 0xee2106c6},
		{"models/stories260K/stories260K-q4_0.gguf", "llama", 22, 47, 0x1fd9e278, 512, 0xee2106c6},
		{"models/stories260K/stories260K-q4_1.gguf", "llama", 22, 47, 0x05f86b75, 512, 0xee2106c6},
		{"models/stories260K/stories260K-q5_0.gguf", "llama", 22, 47, 0xeacb16f5, 512, 0xee2106c6},
		{"models/stories260K/stories260K-q5_1.gguf", "llama", 22, 47, 0xfca46275, 512, 0xee2106c6},
		{"models/stories260K/stories260K-q8_0.gguf", "llama", 22, 47, 0x4d2373de, 512, 0xee2106c6},
		{"numerics/tiny_archs/gemma2/model.gguf", "gemma2", 26, 24, 0x3914c391, 512, 0xee2106c6},
		{"numerics/tiny_archs/gpt2/model.gguf", "gpt2", 18, 28, 0xc69078db, 512, 0xee2106c6},
		{"numerics/tiny_archs/llama-gqa/model.gguf", "llama", 23, 21, 0x321d1e4f, 512, 0xee2106c6},
		{"numerics/tiny_archs/qwen2/model.gguf", "qwen2", 23, 26, 0x9a8836cc, 512, 0xee2106c6},
		{"numerics/tiny_archs/llama-gqa-split-gguf/llama-gqa-00001-of-00003.gguf", "llama", 26, 21, 0x321d1e4f, 512, 0xee2106c6},
		{"vocab/llamacpp/ggml-vocab-gpt-2.gguf", "gpt2", 16, 0, 0, 50257, 0x2290156c},
		{"vocab/llamacpp/ggml-vocab-llama-spm.gguf", "llama", 22, 0, 0, 32000, 0x897c3837},
		{"vocab/llamacpp/ggml-vocab-llama-bpe.gguf.gz", "llama", 20, 0, 0, 128256, 0xcd21ea7e},
		{"vocab/llamacpp/ggml-vocab-qwen2.gguf.gz", "qwen2", 20, 0, 0, 151936, 0xf52f80d4},
	}
	dir := testdata(t)
	for _, tt := range tests {
		t.Run(filepath.Base(tt.path), func(t *testing.T) {
			t.Parallel()
			f := openMaybeZipped(t, filepath.Join(dir, filepath.FromSlash(tt.path)))
			walk(t, f)
			arch, _, err := f.Str("general.architecture")
			if arch != tt.architecture || err != nil {
				t.Errorf("architecture %q (%v), want %q", arch, err, tt.architecture)
			}
			if len(f.Keys()) != tt.keys || len(f.Tensors()) != tt.tensors {
				t.Errorf("%d keys and %d tensors, want %d and %d", len(f.Keys()), len(f.Tensors()), tt.keys, tt.tensors)
			}
			if got := tensorCRC(f); got != tt.tensorCRC {
				t.Errorf("tensors have CRC %08x, want %08x", got, tt.tensorCRC)
			}
			tokens, _, err := f.Strings("tokenizer.ggml.tokens")
			if err != nil || len(tokens) != tt.tokens {
				t.Fatalf("%d tokens (%v), want %d", len(tokens), err, tt.tokens)
			}
			if got := crc32.ChecksumIEEE([]byte(strings.Join(tokens, "\n"))); got != tt.tokenCRC {
				t.Errorf("tokens have CRC %08x, want %08x", got, tt.tokenCRC)
			}
		})
	}
}

// tensorCRC is the crc of the script above.
func tensorCRC(f *File) uint32 {
	crc := crc32.NewIEEE()
	for _, t := range f.Tensors() {
		fmt.Fprintf(crc, "%s %v %s ", t.Name, t.Type, strings.Trim(fmt.Sprint(t.Dims), "[]"))
		crc.Write(t.Bytes())
	}
	return crc.Sum32()
}

func openMaybeZipped(t *testing.T, path string) *File {
	t.Helper()
	if filepath.Ext(path) != ".gz" {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		return f
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	f, err := OpenBytes(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
