// Command genmma writes the PTX files of the products with a weight that run on tensor
// cores, and of what prepares the rows for them. The frame of an operation is a template;
// what differs between weight formats is in codecs.go.
//
//	genmma DIRECTORY
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
		fmt.Fprintln(os.Stderr, "usage: genmma DIRECTORY")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "genmma:", err)
		os.Exit(1)
	}
}

func generate(dir string) error {
	all, err := files()
	if err != nil {
		return err
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files is what the generator writes, by name.
func files() (map[string]string, error) {
	frame, err := template.New("").Funcs(template.FuncMap{
		"log2": log2,
		"dec":  func(i int) int { return i - 1 },
		"mul":  func(i, j int) int { return i * j },
		"add1": func(i, j int) int { return i*j + 1 },
		"add2": func(i, j int) int { return i*j + 2 },
		"add3": func(i, j int) int { return i*j + 3 },
	}).ParseFS(frames, "*.tmpl")
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	add := func(name, frameName string, data any) error {
		var b strings.Builder
		if err := frame.ExecuteTemplate(&b, frameName+".ptx.tmpl", data); err != nil {
			return err
		}
		all[name+".ptx"] = ptxtext.LayOut(ptxtext.Prune(b.String()))
		return nil
	}
	for _, m := range matmuls() {
		if err := add(m.Entry, "matmul", m); err != nil {
			return nil, err
		}
	}
	for _, m := range int8Matmuls() {
		if err := add(m.Entry, "int8", &m); err != nil {
			return nil, err
		}
	}
	if err := add("stage_s8", "int8stage", stage{}); err != nil {
		return nil, err
	}
	for _, f := range fews() {
		if err := add("matfew_"+f.Name, "few", f); err != nil {
			return nil, err
		}
	}
	for _, t := range []string{"f16", "bf16"} {
		for ending, few := range map[string]bool{"": false, "_few": true} {
			if err := add("stage_"+t+ending, "stage", stage{t, ending, t == "f16", few}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func matmuls() []matmul {
	var list []matmul
	for _, s := range shapes {
		list = append(list, newMatmul("f16", nil, s), newMatmul("bf16", nil, s))
		for _, c := range codecs() {
			list = append(list, newMatmul("", &c, s))
		}
	}
	return list
}

func fews() []few {
	list := []few{newFew("f16", nil), newFew("bf16", nil)}
	for _, c := range codecs() {
		list = append(list, newFew("", &c))
	}
	return list
}

func int8Matmuls() []int8Matmul {
	var list []int8Matmul
	for _, c := range codecs() {
		list = append(list, newInt8(&c, shape{TileN: 128, TileT: 64, WarpsN: 4, WarpsT: 2, Blocks: 2}))
	}
	return list
}
