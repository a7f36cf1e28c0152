package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// committed is the folder of package simd.
const committed = "../simd"

func TestOutputIsTheCommittedOne(t *testing.T) {
	dir := t.TempDir()
	for _, f := range files {
		if err := write(dir, f.name, f.emit); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		for _, suffix := range []string{"_amd64.s", "_amd64.go"} {
			got, err := os.ReadFile(filepath.Join(dir, f.name+suffix))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(committed, f.name+suffix))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s%s is not what the generator writes: run go generate in %s", f.name, suffix, committed)
			}
		}
	}
}

// A processor without AVX-512 must never meet its registers, which the register allocator
// would take for vectors of any width.
func TestNoAVX512(t *testing.T) {
	foreign := regexp.MustCompile(`\b(Z\d+|[XY](1[6-9]|2\d|3[01])|K[0-7])\b|Requires:.*AVX512`)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(committed, f.name+"_amd64.s"))
		if err != nil {
			t.Fatal(err)
		}
		if m := foreign.Find(text); m != nil {
			t.Errorf("%s_amd64.s uses %s", f.name, m)
		}
	}
}
