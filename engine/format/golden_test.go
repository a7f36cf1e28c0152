package format_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

// The golden bytes were made by ggml itself: llama.cpp v0.5.0, libggml-base of the
// npm package node-llama-cpp 3.22.1, ggml_quantize_chunk without an importance
// matrix and the type's to_float. testdata/ggml holds rows 0 (normal), 7 (outliers),
// 8 (evenly spaced) and 11 (half zeros) of the 16 rows of 1024 numbers that
// $POTION_TESTDATA/numerics/ggml_quant has.

type goldenType struct {
	Type        string `json:"type"`
	Quantized   string `json:"quantized"`
	Dequantized string `json:"dequantized"`
	// SHA256 is the digest of the little-endian floats where there is no file.
	SHA256 string `json:"dequantized_sha256"`
	// Random is a file of random bytes: every scale and code that can be stored.
	Random       string `json:"random"`
	RandomSHA256 string `json:"random_dequantized_sha256"`
}

type goldenIndex struct {
	Rows       int          `json:"rows"`
	Cols       int          `json:"cols"`
	Input      string       `json:"input"`
	Types      []goldenType `json:"types"`
	SourceRows []int        `json:"source_rows"`
}

func readFile(t *testing.T, parts ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readIndex(t *testing.T, dir string) goldenIndex {
	t.Helper()
	var index goldenIndex
	if err := json.Unmarshal(readFile(t, dir, "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	return index
}

func floats(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

func fullGolden(t *testing.T) string {
	t.Helper()
	root := os.Getenv("POTION_TESTDATA")
	if root == "" {
		t.Skip("POTION_TESTDATA is not set: the 16-row golden files of ggml are not in the repository")
	}
	return filepath.Join(root, "numerics", "ggml_quant")
}

// TestGolden holds every format to ggml's bytes and floats, bit for bit.
func TestGolden(t *testing.T) {
	t.Parallel()
	testGolden(t, filepath.Join("testdata", "ggml"))
}

func TestGoldenAllRows(t *testing.T) {
	t.Parallel()
	testGolden(t, fullGolden(t))
}

func testGolden(t *testing.T, dir string) {
	index := readIndex(t, dir)
	input := floats(readFile(t, dir, index.Input))
	if len(input) != index.Rows*index.Cols {
		t.Fatalf("%d numbers in %s, want %d x %d", len(input), index.Input, index.Rows, index.Cols)
	}
	tested := 0
	for _, g := range index.Types {
		f, err := format.Parse(g.Type)
		if err != nil {
			continue // ggml has types that are none of ours
		}
		tested++
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			packed := readFile(t, dir, g.Quantized)
			got := make([]byte, f.RowBytes(len(input)))
			f.Quantize(got, input)
			compareBlocks(t, f, got, packed, index.Cols)

			values := make([]float32, len(input))
			f.Dequantize(values, packed)
			if g.Dequantized == "" {
				if digest := digestOf(values); digest != g.SHA256 {
					t.Errorf("dequantised floats have SHA-256 %s, want %s", digest, g.SHA256)
				}
				return
			}
			for i, want := range floats(readFile(t, dir, g.Dequantized)) {
				if math.Float32bits(values[i]) != math.Float32bits(want) {
					t.Fatalf("row %d, number %d: dequantised to %v, want %v", i/index.Cols, i%index.Cols, values[i], want)
				}
			}
		})
	}
	if tested != len(format.All())-1 { // all but F32, which ggml copies
		t.Errorf("golden data for %d formats, want all %d but F32", tested, len(format.All()))
	}
}

func compareBlocks(t *testing.T, f format.Format, got, want []byte, cols int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	size, different, first := f.BlockBytes(), 0, -1
	for i := 0; i < len(want); i += size {
		if string(got[i:i+size]) != string(want[i:i+size]) {
			if different++; first < 0 {
				first = i / size
			}
		}
	}
	if different > 0 {
		perRow := cols / f.BlockLen()
		t.Errorf("%d of %d blocks differ, first row %d block %d:\n got %x\nwant %x", different, len(want)/size,
			first/perRow, first%perRow, got[first*size:][:size], want[first*size:][:size])
	}
}

// TestGoldenRandomBytes dequantises random bytes, which reach all that a file may
// hold and a quantiser never writes.
func TestGoldenRandomBytes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "ggml")
	for _, g := range readIndex(t, dir).Types {
		f, err := format.Parse(g.Type)
		if err != nil {
			t.Fatal(err)
		}
		packed := readFile(t, dir, g.Random)
		values := make([]float32, len(packed)/f.BlockBytes()*f.BlockLen())
		f.Dequantize(values, packed)
		if digest := digestOf(values); digest != g.RandomSHA256 {
			t.Errorf("%v: dequantised floats have SHA-256 %s, want %s", f, digest, g.RandomSHA256)
		}
	}
}

// digestOf is the SHA-256 of the little-endian floats. Which NaN an operation gives
// differs between machines, so all count as one.
func digestOf(x []float32) string {
	h := sha256.New()
	var b [4]byte
	for _, v := range x {
		bits := math.Float32bits(v)
		if v != v {
			bits = 0x7fc00000
		}
		binary.LittleEndian.PutUint32(b[:], bits)
		h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestGoldenExcerpt holds testdata/ggml to the files that it is an excerpt of.
func TestGoldenExcerpt(t *testing.T) {
	t.Parallel()
	full, part := fullGolden(t), filepath.Join("testdata", "ggml")
	whole, index := readIndex(t, full), readIndex(t, part)
	excerpt := func(name string) []byte {
		b := readFile(t, full, name)
		rowBytes := len(b) / whole.Rows
		var rows []byte
		for _, r := range index.SourceRows {
			rows = append(rows, b[r*rowBytes:][:rowBytes]...)
		}
		return rows
	}
	if string(excerpt(whole.Input)) != string(readFile(t, part, index.Input)) {
		t.Errorf("%s is not rows %v of the original", index.Input, index.SourceRows)
	}
	for _, g := range index.Types {
		if string(excerpt(g.Quantized)) != string(readFile(t, part, g.Quantized)) {
			t.Errorf("%s is not rows %v of the original", g.Quantized, index.SourceRows)
		}
		name := strings.TrimSuffix(g.Quantized, ".q") + ".deq.f32"
		if digest := digestOf(floats(excerpt(name))); digest != g.SHA256 {
			t.Errorf("%s: rows %v have SHA-256 %s, want %s", name, index.SourceRows, digest, g.SHA256)
		}
	}
}
