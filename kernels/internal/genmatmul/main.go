// Command genmatmul writes the PTX files of the products with a weight and of the
// embedding, one for each operation and weight format. The frame of an operation is a
// template; what differs between formats is in codecs.go.
//
//	genmatmul DIRECTORY
package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/potion-engine/potion/kernels/internal/ptxtext"
)

//go:embed *.tmpl
var frames embed.FS

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genmatmul DIRECTORY")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "genmatmul:", err)
		os.Exit(1)
	}
}

func generate(dir string) error {
	all, err := template.New("").Funcs(template.FuncMap{
		"mul":    func(i, j int) int { return i * j },
		"mul4":   func(i int) int { return 4 * i },
		"mul256": func(i int) int { return 256 * i },
		"fourth": func(i, j int) int { return 4*i + j }, // [i][j] of a 4 x 4 array
	}).ParseFS(frames, "*.tmpl")
	if err != nil {
		return err
	}
	for _, c := range codecs() {
		files := []file{{"matvec", "", newMatvec(c)}, {"matmul", "", newTile(c)}, {"embed", "", newTile(c)}}
		if !c.isFloat() {
			files = append(files, file{"matvec", "_int8", newMatvec(c.rounded())})
		}
		for _, f := range files {
			var b strings.Builder
			if err := all.ExecuteTemplate(&b, f.op+".ptx.tmpl", f.data); err != nil {
				return err
			}
			name := f.op + "_" + strings.ToLower(c.format) + f.variant + ".ptx"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(ptxtext.LayOut(ptxtext.Prune(b.String()))), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// file is a frame, what its file's name has behind the format, and the frame's data.
type file struct {
	op, variant string
	data        any
}
