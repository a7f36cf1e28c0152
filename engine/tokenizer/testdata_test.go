package tokenizer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/potion-engine/potion/engine/gguf"
)

// testdata returns a path below the shared test data, or skips the test.
func testdata(t testing.TB, path string) string {
	t.Helper()
	root := os.Getenv("POTION_TESTDATA")
	if root == "" {
		t.Skip("POTION_TESTDATA is not set: the shared test data is not here")
	}
	return filepath.Join(root, filepath.FromSlash(path))
}

// readFile reads a file, unpacked if it ends in .gz.
func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// vocabs keeps the tokenizers that several tests use.
var vocabs sync.Map // path -> func() (*Tokenizer, error)

// load opens a tokenizer of the shared test data: a GGUF file or a tokenizer.json, either gzipped, or a folder.
func load(t testing.TB, path string) *Tokenizer {
	t.Helper()
	full := testdata(t, path)
	open, _ := vocabs.LoadOrStore(path, sync.OnceValues(func() (*Tokenizer, error) {
		switch name := strings.TrimSuffix(full, ".gz"); {
		case strings.HasSuffix(name, ".gguf"):
			f, err := gguf.OpenBytes(path, readFile(t, full))
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return FromGGUF(f)
		case strings.HasSuffix(name, ".json"):
			return FromJSON(path, readFile(t, full), nil)
		default:
			return FromDir(full)
		}
	}))
	tok, err := open.(func() (*Tokenizer, error))()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return tok
}

type tokenizerCase struct {
	Text            string
	Ids             []int32
	IdsParseSpecial []int32 `json:"ids_parse_special"`
	IdsAddSpecial   []int32 `json:"ids_add_special"`
	Decoded         *string
	Disagree        map[string][]int32
}

func loadCases(t testing.TB, name string) []tokenizerCase {
	t.Helper()
	var file struct{ Cases []tokenizerCase }
	if err := json.Unmarshal(readFile(t, testdata(t, "tokenizer_cases/"+name+".json")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatalf("%s: no cases", name)
	}
	return file.Cases
}
