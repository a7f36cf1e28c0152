package emulator

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// What clang's NVPTX backend makes of C must compute what the same C computes on
// the host. testdata/clang.cu tells how its PTX and results were made.
func TestCompilerOutput(t *testing.T) {
	t.Parallel()
	ptx, err := os.ReadFile("testdata/clang.ptx")
	if err != nil {
		t.Fatal(err)
	}
	results, err := os.ReadFile("testdata/clang.txt")
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{})
	m, err := d.Load(string(ptx))
	if err != nil {
		t.Fatal(err)
	}
	const n = 96
	in := make([]uint32, n)
	s := uint32(12345)
	for i := range in {
		s = s*1664525 + 1013904223
		in[i] = s ^ s>>15
	}
	pin := toDevice(t, d, in)
	for line := range strings.Lines(string(results)) {
		fields := strings.Fields(line)
		f, err := m.Function(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		out := zeros(t, d, 4*n)
		if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{128, 1, 1}, 0, pack(pin, out, uint32(n))); err != nil {
			t.Errorf("%v", err)
			continue
		}
		wrong := 0
		for i, v := range fromDevice[uint32](t, d, out, n) {
			want, err := strconv.ParseUint(fields[i+1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			if uint64(v) != want {
				if wrong++; wrong <= 2 {
					t.Errorf("%s: thread %d: %#x, want %#x", fields[0], i, v, want)
				}
			}
		}
		if wrong > 2 {
			t.Errorf("%s: %d of %d threads are wrong", fields[0], wrong, n)
		}
	}
}
