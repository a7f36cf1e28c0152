package safetensors

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	path := save(t, small(), t.TempDir(), "small.safetensors")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"format": "pt", "note": "Zaubertr\u00e4nke"}; !reflect.DeepEqual(f.Metadata(), want) {
		t.Errorf("metadata %v, want %v", f.Metadata(), want)
	}
	if f.Name() != path || len(f.Tensors()) != 6 {
		t.Errorf("%s holds %d tensors", f.Name(), len(f.Tensors()))
	}
	norm := f.Tensor("model.norm.weight")
	if norm.Dtype != "BF16" || !reflect.DeepEqual(norm.Shape, []int64{2}) || string(norm.Bytes()) != "\x02\x03\x04\x05" {
		t.Errorf("%+v", norm)
	}
	if scalar := f.Tensor("scalar"); len(scalar.Shape) != 0 || len(scalar.Bytes()) != 8 {
		t.Errorf("%+v", scalar)
	}
	if f.Tensor("absent") != nil {
		t.Error("an absent tensor is found")
	}
	walk(t, f)
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if norm.Bytes() != nil || f.Tensor("scalar") != nil {
		t.Error("a closed file still hands out views of its mapping")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent.safetensors")); err == nil {
		t.Error("an absent file is opened")
	}
}

var hostile = []struct {
	name string
	data []byte
	want string
}{
	{"empty", nil, "0 bytes are too few"},
	{"header too long", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "over the limit"},
	{"header past the end", []byte("\x03\x00\x00\x00\x00\x00\x00\x00{}"), "longer than the file"},
	{"no header", withHeader("", ""), "must begin with {"},
	{"white space first", withHeader(" {}", ""), "must begin with {"},
	{"not UTF-8", withHeader("{\"\xff\":1}", ""), "not UTF-8"},
	{"not JSON", withHeader(`{"a"}`, ""), "invalid character"},
	{"JSON cut", withHeader(`{"a":{"dtype":`, ""), "unexpected EOF"},
	{"two values", withHeader(`{}{}`, ""), "after the closing }"},
	{"deep", withHeader(`{"a":{"dtype":`+strings.Repeat("[", 100000), ""), `"a": "dtype": a string expected`},
	{"null", withHeader(`{"a":null}`, ""), `"a": { expected, not null`},
	{"metadata not text", withHeader(`{"__metadata__":{"a":1}}`, ""), `"__metadata__": "a": a string expected, not "1"`},
	{"name twice", withHeader(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}`, ""), `"a": appears twice`},
	{"metadata twice", withHeader(`{"__metadata__":{},"__metadata__":{}}`, ""), "appears twice"},
	{"field twice", withHeader(`{"a":{"dtype":"U8","dtype":"U8","shape":[0]}}`, ""), `"a": "dtype": appears twice`},
	{"field unknown", withHeader(`{"a":{"type":"U8"}}`, ""), `"a": "type": unknown field`},
	{"no shape", withHeader(`{"a":{"dtype":"U8","data_offsets":[0,0]}}`, ""), "must all be given"},
	{"one offset", withHeader(`{"a":{"dtype":"U8","shape":[],"data_offsets":[0]}}`, "x"), "must be two numbers, not 1"},
	{"three offsets", withHeader(`{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1,1]}}`, "x"), "more than 2 numbers"},
	{"negative offset", withHeader(`{"a":{"dtype":"U8","shape":[],"data_offsets":[-1,0]}}`, "x"), `"-1" is not an integer`},
	{"fraction", withHeader(`{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, "x"), `"1.0" is not an integer`},
	{"exponent", withHeader(`{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, "x"), `"1e0" is not an integer`},
	{"huge number", withHeader(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("9", 1000)+`]}}`, ""), "is not an integer"},
	{"number as text", withHeader(`{"a":{"dtype":"U8","shape":["1"]}}`, ""), `a number expected, not "1"`},
	{"offsets reversed", withHeader(`{"a":{"dtype":"U8","shape":[],"data_offsets":[1,0]}}`, "x"), "end before they begin"},
	{"unknown dtype", withHeader(`{"a":{"dtype":"F33","shape":[],"data_offsets":[0,1]}}`, "x"), `tensor "a": unknown dtype "F33"`},
	{"past the end", withHeader(`{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, "x"), `tensor "a": 8 bytes past the end of the file`},
	{"size wrong", withHeader(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "xxxx"), `shape [2] of F32 takes 8 bytes, but data_offsets give it 4`},
	{"shape overflow", withHeader(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, ""), "too large for F32"},
	{"shape overflow beside a zero", withHeader(`{"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}`, ""), "too large for F32"},
	{"half a byte", withHeader(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, "x"), "does not fill whole bytes"},
	{"too many dimensions", withHeader(`{"a":{"dtype":"U8","shape":[1`+strings.Repeat(",1", 64)+`],"data_offsets":[0,1]}}`, "x"), "more than 64 numbers"},
	{"hole", withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "xx"), "bytes 0 to 1 before it belong to no tensor"},
	{"tail", withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xx"), "the last 1 bytes belong to no tensor"},
	{"overlap", withHeader(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "xxx"), `tensor "b": its bytes 1 to 3 overlap`},
	{"same bytes", withHeader(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), "overlap"},
	{"control characters", withHeader(`{"\u001b[31mred":1}`, ""), `"\x1b[31mred": { expected`},
	{"long name", withHeader(`{"`+strings.Repeat("n", 1<<20)+`":1}`, ""), `nnn"...: { expected`},
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := OpenBytes("hostile.safetensors", tt.data)
			wantError(t, err, "hostile.safetensors: ", tt.want)
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestTruncatedAtEveryByte(t *testing.T) {
	t.Parallel()
	data := small()
	for n := range len(data) {
		if _, err := OpenBytes("cut.safetensors", data[:n:n]); err == nil {
			t.Errorf("the first %d of %d bytes are accepted", n, len(data))
		}
	}
}

func TestEveryByteFlipped(t *testing.T) {
	t.Parallel()
	original := small()
	for i := range original {
		for _, flip := range []byte{1, 0x80, 0xff} {
			data := append([]byte(nil), original...)
			data[i] ^= flip
			if f, err := OpenBytes("flipped.safetensors", data); err == nil {
				walk(t, f)
			}
		}
	}
}

// TestMemoryIsBounded is not parallel: it measures what the process allocates.
func TestMemoryIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	for _, tt := range hostile {
		runtime.ReadMemStats(&before)
		_, err := OpenBytes("hostile.safetensors", tt.data)
		runtime.ReadMemStats(&after)
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+10*len(tt.data)); err == nil || got > limit {
			t.Errorf("%s: %d bytes allocated for a file of %d (%v)", tt.name, got, len(tt.data), err)
		}
	}
}

// TestMalformedFiles opens a collection of malformed files with a verdict on each.
func TestMalformedFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(testdata(t), "malformed")
	text, err := os.ReadFile(filepath.Join(dir, "safetensors_cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var collection struct {
		Cases []struct{ File, Expect, Why string }
	}
	if err := json.Unmarshal(text, &collection); err != nil {
		t.Fatal(err)
	}
	if len(collection.Cases) != 32 {
		t.Errorf("%d cases, want 32", len(collection.Cases))
	}
	for _, tt := range collection.Cases {
		t.Run(tt.File, func(t *testing.T) {
			t.Parallel()
			f, err := Open(filepath.Join(dir, "safetensors", tt.File))
			if err == nil {
				walk(t, f)
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			} else if !strings.Contains(err.Error(), tt.File+": ") {
				t.Errorf("the error does not name the file: %v", err)
			}
			if tt.Expect == "accept" && err != nil || tt.Expect == "reject" && err == nil {
				t.Errorf("%s (%s): %v", tt.Expect, tt.Why, err)
			}
		})
	}
}

func FuzzOpenBytes(f *testing.F) {
	f.Add(small())
	f.Add(build(""))
	f.Add(build("{}", entry{"a", "I64", []int64{math.MaxInt8}, 8 * math.MaxInt8}))
	for _, tt := range hostile {
		f.Add(tt.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := OpenBytes("fuzz.safetensors", data)
		if err == nil {
			walk(t, file)
		}
	})
}

// BenchmarkOpen opens a file with as many tensors as a large model has.
func BenchmarkOpen(b *testing.B) {
	entries := make([]entry, 2000)
	for i := range entries {
		entries[i] = entry{"model.layers." + strconv.Itoa(i) + ".mlp.down_proj.weight", "BF16", []int64{4, 2}, 16}
	}
	data := build(`{"format":"pt"}`, entries...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenBytes("large.safetensors", data); err != nil {
			b.Fatal(err)
		}
	}
}
