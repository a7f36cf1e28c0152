package gguf

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// hostile lists headers that lie, and what the error must say.
var hostile = []struct {
	name string
	data raw
	want string
}{
	{"empty", raw{}, "not a whole GGUF file"},
	{"magic only", raw("GGUF"), "not a whole GGUF file"},
	{"reversed magic", raw("FUGG").pad(20), "reverse order"},
	{"web page", raw("<!DOCTYPE html>"), "web page"},
	{"version 0", raw("GGUF").u32(0).pad(16), "version 0 is not supported"},
	{"version 1", raw("GGUF").u32(1).pad(16), "version 1 is not supported; convert"},
	{"version 4", raw("GGUF").u32(4).pad(16), "version 4 is not supported"},
	{"big-endian", raw("GGUF").u32(3 << 24).pad(16), "big-endian"},
	{"tensors", rawHeader(math.MaxUint64, 0).pad(100), "18446744073709551615 tensors"},
	{"keys", rawHeader(0, 1<<63).pad(100), "9223372036854775808 metadata keys"},
	{"key length", rawHeader(0, 1).u64(math.MaxUint64).pad(100), "key 0 of 1: a string of 18446744073709551615 bytes"},
	{"key empty", rawHeader(0, 1).u64(0).pad(100), "key 0 of 1: the name is empty"},
	{"key not UTF-8", rawHeader(0, 1).str("\xff\xfe").u32(0).pad(100), `key 0 of 1: the name "\xff\xfe" is not UTF-8`},
	{"key too long", rawHeader(0, 1).str(strings.Repeat("k", 1<<16)).pad(100), "at most 65535"},
	{"key twice", rawHeader(0, 2).str("k").u32(0).bytes(1).str("k").u32(0).bytes(2).pad(9), "key k: appears twice"},
	{"control characters", rawHeader(0, 1).str("\x1b[31mred").u32(99).pad(9), `key "\x1b[31mred": unknown value type 99`},
	{"string length", rawHeader(0, 1).str("k").u32(8).u64(1000).bytes(1), "key k: a string of 1000 bytes"},
	{"array element type", rawHeader(0, 1).str("k").u32(9).u32(13).u64(0), "unknown type 13 of array elements"},
	{"array wraps", rawHeader(0, 1).str("k").u32(9).u32(4).u64(1 << 62).pad(8), "4611686018427387904 uint32 elements"},
	{"array past the end", rawHeader(0, 1).str("k").u32(9).u32(0).u64(1 << 28).pad(8), "268435456 uint8 elements"},
	{"strings past the end", rawHeader(0, 1).str("k").u32(9).u32(8).u64(2).str("").u64(9), "element 1: a string of 9 bytes"},
	{"nested deeply", nested(40).pad(40), "nested more than 8 deep"},
	{"alignment 0", rawHeader(0, 1).str("general.alignment").u32(4).u32(0), "general.alignment: 0 is not a power of two"},
	{"alignment 48", rawHeader(0, 1).str("general.alignment").u32(4).u32(48), "48 is not a power of two"},
	{"alignment text", rawHeader(0, 1).str("general.alignment").u32(8).str("32"), "must be a uint32, not string"},
	{"no data", rawHeader(1, 0).tensor("t", F32, 0, 3).align(), "tensor t: 12 bytes past the end of the file"},
	{"tensor twice", rawHeader(2, 0).tensor("t", F32, 0, 3).tensor("t", F32, 32, 3).align().pad(64), "tensor t: appears twice"},
	{"tensor without name", rawHeader(1, 0).tensor("", F32, 0, 3).align().pad(64), "tensor 0 of 1: the name is empty"},
	{"tensor name not UTF-8", rawHeader(1, 0).tensor("\xff", F32, 0, 3).align().pad(64), "is not UTF-8"},
	{"tensor name too long", rawHeader(1, 0).tensor(strings.Repeat("n", 65), F32, 0, 3).align().pad(64), "at most 64"},
	{"5 dimensions", rawHeader(1, 0).tensor("t", F32, 0, 1, 1, 1, 1, 1).align().pad(64), "tensor t: 5 dimensions"},
	{"4294967295 dimensions", rawHeader(1, 0).str("t").u32(math.MaxUint32).pad(64), "4294967295 dimensions"},
	{"unknown type", rawHeader(1, 0).tensor("t", 77, 0, 32).align().pad(64), "tensor t: unknown type 77"},
	{"removed type", rawHeader(1, 0).tensor("t", 31, 0, 32).align().pad(64), "tensor t: type Q4_0_4_4 (31) was removed"},
	{"odd row", rawHeader(1, 0).tensor("t", Q4_K, 0, 128, 2).align().pad(512), "tensor t: rows of 128 numbers cannot be packed as Q4_K"},
	{"negative dimension", rawHeader(1, 0).tensor("t", F32, 0, 1<<63).align().pad(64), "dimensions [9223372036854775808] are too large"},
	{"numbers overflow", rawHeader(1, 0).tensor("t", F32, 0, 1<<32, 1<<32).align().pad(64), "too large"},
	{"rows overflow beside a zero", rawHeader(1, 0).tensor("t", F32, 0, 0, 1<<40, 1<<40).align().pad(64), "too large"},
	{"bytes overflow", rawHeader(1, 0).tensor("t", F64, 0, 1<<61).align().pad(64), "too large for F64"},
	{"offset unaligned", rawHeader(1, 0).tensor("t", F32, 5, 3).align().pad(64), "offset 5 is not a multiple of the alignment 32"},
	{"offset past the end", rawHeader(1, 0).tensor("t", F32, 1<<20, 3).align().pad(64), "tensor t: 1048524 bytes past the end"},
	{"offset wraps", rawHeader(1, 0).tensor("t", F32, math.MaxUint64-31, 16).align().pad(64), "is past the end"},
	{"offset wraps into the header", rawHeader(1, 0).tensor("t", F32, math.MaxUint64-31, 8).align().pad(64), "is past the end"},
	{"padding cut", rawHeader(1, 0).tensor("t", F32, 0, 3).align().pad(31), "ends 1 bytes short, in the padding"},
	{"same bytes", rawHeader(2, 0).tensor("a", F32, 32, 8).tensor("b", F32, 32, 8).align().pad(64), "tensor b: overlaps tensor a"},
	{"overlap", rawHeader(2, 0).tensor("a", F32, 32, 8).tensor("b", F32, 0, 9).align().pad(64), "tensor a: overlaps tensor b"},
	{"split without number", rawHeader(0, 1).str("split.count").u32(2).bytes(3, 0), "key split.no is missing"},
	{"split of another type", rawHeader(0, 1).str("split.count").u32(8).str("3"), "key split.count: must be an integer"},
}

// nested is an array of one array of one array and so on.
func nested(depth int) raw {
	r := rawHeader(0, 1).str("k").u32(9)
	for range depth {
		r = r.u32(9).u64(1)
	}
	return r.u32(0).u64(0)
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := OpenBytes("hostile.gguf", tt.data)
			wantError(t, err, "hostile.gguf: ", tt.want)
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestUnusualFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		data raw
		size int64 // of tensor t
	}{
		{"version 2", append(raw("GGUF\x02"), rawHeader(1, 0).tensor("t", F32, 0, 3).align().pad(12)[5:]...), 12},
		{"scalar", rawHeader(1, 0).tensor("t", F32, 0).align().pad(4), 4},
		{"no rows", rawHeader(1, 0).tensor("t", Q8_0, 0, 32, 0), 0},
		{"no columns", rawHeader(1, 0).tensor("t", Q8_0, 0, 0, 7), 0},
		{"gap before the data", rawHeader(1, 0).tensor("t", F32, 64, 3).align().pad(76), 12},
		{"bytes after the data", rawHeader(1, 0).tensor("t", F32, 0, 3).align().pad(99), 12},
		{"type without a format", rawHeader(1, 0).tensor("t", NVFP4, 0, 64).align().pad(36), 36},
		{"in another order", rawHeader(2, 0).tensor("t", F32, 32, 3).tensor("u", F32, 0, 8).align().pad(44), 12},
		{"name of 64 bytes", rawHeader(2, 0).tensor("t", I8, 0, 1).tensor(strings.Repeat("n", 64), I8, 32, 1).align().pad(33), 1},
		{"nested arrays", rawHeader(1, 1).bytes(nested(5)[24:]...).tensor("t", I8, 0, 1).align().pad(1), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := OpenBytes("unusual.gguf", tt.data)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Tensor("t").Size(); got != tt.size {
				t.Errorf("%d bytes, want %d", got, tt.size)
			}
			walk(t, f)
		})
	}
}

func TestTruncatedAtEveryByte(t *testing.T) {
	t.Parallel()
	data := small(t)
	unpadded := len(data) - 8 // the last tensor has 24 bytes
	for n := range len(data) {
		_, err := OpenBytes("cut.gguf", data[:n:n])
		if n == unpadded && err != nil {
			t.Errorf("without the last padding: %v", err)
		}
		if n != unpadded && err == nil {
			t.Errorf("the first %d of %d bytes are accepted", n, len(data))
		}
	}
}

func TestEveryByteFlipped(t *testing.T) {
	t.Parallel()
	original := small(t)
	for i := range original {
		for _, flip := range []byte{1, 0x80, 0xff} {
			data := append([]byte(nil), original...)
			data[i] ^= flip
			if f, err := OpenBytes("flipped.gguf", data); err == nil {
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
		_, err := OpenBytes("hostile.gguf", tt.data)
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
	text, err := os.ReadFile(filepath.Join(dir, "gguf_cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var collection struct {
		Cases []struct{ File, Expect, Why string }
	}
	if err := json.Unmarshal(text, &collection); err != nil {
		t.Fatal(err)
	}
	if len(collection.Cases) != 102 {
		t.Errorf("%d cases, want 102", len(collection.Cases))
	}
	for _, tt := range collection.Cases {
		t.Run(tt.File, func(t *testing.T) {
			t.Parallel()
			f, err := Open(filepath.Join(dir, "gguf", tt.File))
			if err == nil {
				walk(t, f)
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			} else if !strings.Contains(err.Error(), tt.File+": ") {
				t.Errorf("the error does not name the file: %v", err)
			}
			switch want := verdict(tt.File, tt.Expect); {
			case want == "accept" && err != nil:
				t.Errorf("rejected (%s): %v", tt.Why, err)
			case want == "reject" && err == nil:
				t.Errorf("accepted (%s)", tt.Why)
			}
		})
	}
}

// verdict is what is expected of the container alone.
func verdict(file, expect string) string {
	switch {
	case strings.HasPrefix(file, "sem_"), strings.HasPrefix(file, "kv_arch_"):
		// Well-formed containers whose hyper-parameters, vocabulary or
		// architecture make no model: they can be listed, and it is for the
		// loader of the model to refuse them.
		return "accept"
	case file == "lcpp_tensors_success_s1.gguf", file == "lcpp_tensors_custom_align_s1.gguf":
		// Headers cut off from their data, for a parser of headers alone. The
		// bytes of their tensors are not in the file, just as in
		// ti_data_missing.gguf, which is to be rejected; so are these.
		return "reject"
	case strings.HasPrefix(expect, "accept-or-reject"):
		return "either"
	}
	return expect
}
