package safetensors

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shardA and shardB are two shards of one model.
func shardA() []byte {
	return build("", entry{"a", "U8", []int64{2}, 2}, entry{"b", "U8", []int64{1}, 1})
}
func shardB() []byte { return build("", entry{"c", "U8", []int64{3}, 3}) }

func TestOpenDirSingle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save(t, small(), dir, singleName)
	save(t, []byte("not read"), dir, indexName)
	s, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tensors()) != 6 || s.Tensor("flags") == nil || s.Files()[0].Metadata()["format"] != "pt" {
		t.Errorf("%d tensors", len(s.Tensors()))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenDirSharded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save(t, shardA(), dir, "model-00001-of-00002.safetensors")
	save(t, shardB(), dir, "model-00002-of-00002.safetensors")
	save(t, []byte(`{"metadata":{"total_size":6,"more":[{}]},"weight_map":{"c":"model-00002-of-00002.safetensors",
		"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}}`), dir, indexName)
	s, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tensor := range s.Tensors() {
		names = append(names, tensor.Name)
	}
	if strings.Join(names, "") != "abc" || len(s.Files()) != 2 {
		t.Errorf("tensors %v in %d files", names, len(s.Files()))
	}
	c := s.Tensor("c")
	if string(c.Bytes()) != "\x00\x01\x02" || s.Tensor("absent") != nil {
		t.Errorf("%+v", c)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if s.Tensor("c") != nil || c.Bytes() != nil {
		t.Error("a closed set still hands out views of its mappings")
	}
}

func TestOpenDirErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, index, want string }{
		{"not JSON", `{"weight_map":`, "index.json: \"weight_map\": unexpected EOF"},
		{"no object", `[]`, "must begin with {"},
		{"no map", `{"metadata":{}}`, "weight_map is missing or empty"},
		{"map twice", `{"weight_map":{"a":"1.safetensors"},"weight_map":{}}`, `"weight_map": appears twice`},
		{"tensor listed twice", `{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}`, `"weight_map": "a": appears twice`},
		{"not text", `{"weight_map":{"a":1}}`, "a string expected"},
		{"text after", `{"weight_map":{"a":"1.safetensors"}} x`, "after the closing }"},
		{"deep", `{"metadata":` + strings.Repeat("[", 20000) + `}`, "exceeded max depth"},
		{"parent", `{"weight_map":{"a":"../1.safetensors"}}`, "not a path inside the model's folder"},
		{"hidden parent", `{"weight_map":{"a":"x/../../1.safetensors"}}`, "not a path inside"},
		{"absolute", `{"weight_map":{"a":"/etc/1.safetensors"}}`, "not a path inside"},
		{"backslash", `{"weight_map":{"a":"..\\1.safetensors"}}`, "not a path inside"},
		{"drive", `{"weight_map":{"a":"C:1.safetensors"}}`, "not a path inside"},
		{"empty", `{"weight_map":{"a":""}}`, "not a path inside"},
		{"pickle", `{"weight_map":{"a":"pytorch_model.bin"}}`, "not a .safetensors file"},
		{"missing shard", `{"weight_map":{"a":"1.safetensors","d":"9.safetensors"}}`, "9.safetensors"},
		{"missing tensor", `{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`, `2.safetensors: tensor "b" is missing, though the index lists it`},
		{"tensor in two shards", `{"weight_map":{"a":"1.safetensors","c":"copy.safetensors"}}`, `tensor "a" is also in another shard`},
		{"broken shard", `{"weight_map":{"a":"broken.safetensors"}}`, "broken.safetensors: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			save(t, shardA(), dir, "1.safetensors")
			save(t, shardB(), dir, "2.safetensors")
			save(t, build("", entry{"a", "U8", []int64{2}, 2}, entry{"c", "U8", []int64{1}, 1}), dir, "copy.safetensors")
			save(t, []byte("broken"), dir, "broken.safetensors")
			save(t, []byte(tt.index), dir, indexName)
			_, err := OpenDir(dir)
			wantError(t, err, dir, tt.want)
		})
	}
	t.Run("no weights", func(t *testing.T) {
		t.Parallel()
		_, err := OpenDir(t.TempDir())
		wantError(t, err, "holds neither model.safetensors nor model.safetensors.index.json")
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not fs.ErrNotExist", err)
		}
	})
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, singleName), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := OpenDir(dir)
		wantError(t, err, "is a directory")
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":6},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"x/y.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../1.safetensors"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		shards, err := parseIndex(text)
		if err != nil {
			return
		}
		for name := range shards {
			if path := filepath.Join("models", "m", name); !strings.HasPrefix(path, filepath.Join("models", "m")+string(filepath.Separator)) {
				t.Errorf("shard %q lies outside the folder, at %s", name, path)
			}
		}
	})
}

// TestModelFolders opens folders of Hugging Face models and compares what they
// hold with what the Python package safetensors 0.8.0 reads:
//
//	for dir in sys.argv[1:]:
//	    tensors = {}
//	    for path in glob.glob(dir + "/*.safetensors"):
//	        for name, t in safetensors.deserialize(open(path, "rb").read()): tensors[name] = t
//	    crc = 0
//	    for name, t in sorted(tensors.items()):
//	        line = "%s %s %s " % (name, t["dtype"], " ".join(map(str, t["shape"])))
//	        crc = zlib.crc32(t["data"], zlib.crc32(line.encode(), crc))
//	    print(dir, len(tensors), hex(crc))
func TestModelFolders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dir     string
		files   int
		tensors int
		crc     uint32
	}{
		{"numerics/tiny_archs/gemma2", 1, 24, 0xced42fa6},
		{"numerics/tiny_archs/gpt2", 1, 28, 0xaf437f79},
		{"numerics/tiny_archs/llama-gqa", 1, 21, 0xe60b8c9e},
		{"numerics/tiny_archs/llama-gqa-bf16", 1, 21, 0x7748824a},
		{"numerics/tiny_archs/llama-gqa-f16", 1, 21, 0x35e1f0b1},
		{"numerics/tiny_archs/llama-gqa-sharded", 3, 21, 0xe60b8c9e},
		{"numerics/tiny_archs/qwen2", 1, 26, 0x5a4dda54},
		{"models/hf-tiny-random-gpt2", 1, 64, 0x711aeb52},
	}
	root := testdata(t)
	for _, tt := range tests {
		t.Run(filepath.Base(tt.dir), func(t *testing.T) {
			t.Parallel()
			s, err := OpenDir(filepath.Join(root, filepath.FromSlash(tt.dir)))
			if err != nil {
				t.Fatal(err)
			}
			tensors := s.Tensors()
			slices.SortFunc(tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
			crc := crc32.NewIEEE()
			for _, tensor := range tensors {
				fmt.Fprintf(crc, "%s %s %s ", tensor.Name, tensor.Dtype, strings.Trim(fmt.Sprint(tensor.Shape), "[]"))
				crc.Write(tensor.Bytes())
			}
			if len(s.Files()) != tt.files || len(tensors) != tt.tensors || crc.Sum32() != tt.crc {
				t.Errorf("%d files, %d tensors, CRC %08x, want %d, %d, %08x", len(s.Files()), len(tensors), crc.Sum32(), tt.files, tt.tensors, tt.crc)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
