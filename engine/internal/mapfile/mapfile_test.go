package mapfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "x", strings.Repeat("potion", 3000)} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(f.Bytes()) != content {
			t.Errorf("%d bytes mapped, not the %d of the file", len(f.Bytes()), len(content))
		}
		for range 2 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct{ path, want string }{
		{filepath.Join(dir, "absent"), "absent"},
		{dir, "is a directory"},
	}
	if os.Geteuid() > 0 { // neither root nor Windows, where modes do not bar reading
		locked := filepath.Join(dir, "locked")
		if err := os.WriteFile(locked, []byte("x"), 0o000); err != nil {
			t.Fatal(err)
		}
		tests = append(tests, struct{ path, want string }{locked, "permission denied"})
	}
	for _, tt := range tests {
		if _, err := Open(tt.path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Open(%s): %v, want an error with %q", tt.path, err, tt.want)
		}
	}
}
