package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the generator writes today.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := generate("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate ./cuda/driver", name)
		}
	}
}

func TestParseRefusesOtherForms(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"\nCUresult cuInit(unsigned int) ;\n",
		"\nCUresult cuCtxSynchronize(void);\nCUresult cuCtxSynchronize(void);\n",
		"\nCUresult cuCall(void (*f)(void));\n",
	} {
		if list, err := parse(header); err == nil {
			t.Errorf("parse(%q) = %v, want an error", header, list)
		}
	}
}
