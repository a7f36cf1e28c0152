package safetensors

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is a tensor to write.
type entry struct {
	name, dtype string
	shape       []int64
	size        int64 // in bytes
}

// build makes a file as the reference writer does: the header padded with spaces
// to eight bytes, then the data. The bytes of each tensor count up from its number.
func build(metadata string, entries ...entry) []byte {
	var fields []string
	if metadata != "" {
		fields = append(fields, `"__metadata__":`+metadata)
	}
	var data []byte
	for i, e := range entries {
		begin := len(data)
		for j := range e.size {
			data = append(data, byte(i+int(j)))
		}
		shape := strings.Join(strings.Fields(fmt.Sprint(e.shape)), ",")
		fields = append(fields, fmt.Sprintf(`%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, e.name, e.dtype, shape, begin, len(data)))
	}
	return withHeader("{"+strings.Join(fields, ",")+"}", string(data))
}

func withHeader(header, data string) []byte {
	for len(header)%8 != 0 {
		header += " "
	}
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(file, header...), data...)
}

func small() []byte {
	return build(`{"format":"pt","note":"Zaubertr\u00e4nke"}`,
		entry{"model.embed_tokens.weight", "F32", []int64{3, 2}, 24},
		entry{"flags", "BOOL", []int64{5}, 5},
		entry{"model.norm.weight", "BF16", []int64{2}, 4},
		entry{"nothing", "F16", []int64{4, 0}, 0},
		entry{"scalar", "F64", []int64{}, 8},
		entry{"packed", "F4", []int64{2, 3}, 3})
}

// walk reads everything of a file that was accepted, which must not panic.
func walk(t testing.TB, f *File) {
	t.Helper()
	var sum byte
	for _, tensor := range f.Tensors() {
		if f.Tensor(tensor.Name) != tensor {
			t.Errorf("tensor %q is not found by its name", tensor.Name)
		}
		numbers := uint64(1)
		for _, d := range tensor.Shape {
			numbers *= uint64(d)
		}
		if got := uint64(len(tensor.Bytes())) * 8; got != numbers*dtypeBits[tensor.Dtype] {
			t.Errorf("tensor %q %s %v has %d bits", tensor.Name, tensor.Dtype, tensor.Shape, got)
		}
		for _, b := range tensor.Bytes() {
			sum += b
		}
	}
	_ = sum
}

func save(t *testing.T, data []byte, path ...string) string {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

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
