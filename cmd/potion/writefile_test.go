package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func fillWith(text string, err error) func(*bufio.Writer) error {
	return func(w *bufio.Writer) error {
		_, _ = w.WriteString(text) // kept by w for Flush
		return err
	}
}

// A failure leaves the old file and nothing beside it.
func TestWriteWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	read := func() string {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if err := writeWhole(path, fillWith("one", nil)); err != nil || read() != "one" {
		t.Fatalf("%q, %v", read(), err)
	}
	if err := writeWhole(path, fillWith("two", errors.New("broken off"))); err == nil || read() != "one" {
		t.Errorf("after a failure %q, %v", read(), err)
	}
	if err := checkWritable(path); err != nil || read() != "one" {
		t.Errorf("after a check %q, %v", read(), err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files, err)
	}
	for _, wrong := range []string{dir, filepath.Join(dir, "no", "page.html")} {
		if err := writeWhole(wrong, fillWith("x", nil)); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", wrong, err)
		}
		if err := checkWritable(wrong); err == nil {
			t.Errorf("%s can be written to, it seems", wrong)
		}
	}
}

// A link keeps pointing where it pointed.
func TestWriteWholeLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if err := writeWhole(link, fillWith("new", nil)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(target)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if b, err := os.ReadFile(target); err != nil || string(b) != "new" {
		t.Errorf("the target holds %q, %v", b, err)
	}
	if to, err := os.Readlink(link); err != nil || to != target {
		t.Errorf("the link points to %q, %v", to, err)
	}
}

// A device is written to, not replaced, and a full one is told of.
func TestWriteWholeDevice(t *testing.T) {
	t.Parallel()
	const full = "/dev/full"
	before, err := os.Stat(full)
	if err != nil {
		t.Skipf("no %s here", full)
	}
	if err := checkWritable(full); err != nil {
		t.Error(err)
	}
	if err := writeWhole(full, fillWith("x", nil)); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("writing to %s: %v", full, err)
	}
	if after, err := os.Stat(full); err != nil || after.Mode() != before.Mode() {
		t.Errorf("%s is now %v, %v", full, after, err)
	}
}
