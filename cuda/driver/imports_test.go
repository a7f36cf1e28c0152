package driver

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A package that imports cu without this one does not link: "cannot find
// -lcuda". Test files count with their package.
func TestImportersOfCuImportDriver(t *testing.T) {
	t.Parallel()
	const self = "github.com/potion-engine/potion/cuda/driver"
	imports := map[string]map[string]bool{} // by folder
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return nil // the compiler will say so
		}
		dir := filepath.Dir(path)
		if imports[dir] == nil {
			imports[dir] = map[string]bool{}
		}
		for _, i := range file.Imports {
			imports[dir][strings.Trim(i.Path.Value, `"`)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dir, in := range imports {
		if !in["gorgonia.org/cu"] {
			continue
		}
		seen++
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		if rel = filepath.ToSlash(rel); rel != "cuda/driver" && !in[self] {
			t.Errorf("%s imports gorgonia.org/cu but not %s", rel, self)
		}
		if rel != "cuda" && !strings.HasPrefix(rel, "cuda/") {
			t.Errorf("%s imports gorgonia.org/cu: only cuda/ may", rel)
		}
	}
	if seen == 0 {
		t.Error("no package imports gorgonia.org/cu, not even this one: the test looks in the wrong place")
	}
}
