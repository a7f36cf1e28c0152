// Command asmgen writes the assembly of package simd, the inner loops of the CPU backend
// for amd64, with avo. It is a module of its own, so that the product does not depend on
// avo. Run it through `go generate` in package simd; its output is committed, and the same
// sources give the same bytes.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// files is what each pair of generated files, x_amd64.s and x_amd64.go, holds.
var files = []struct {
	name string
	emit func(*gen)
}{
	{"tile", emitTiles},
	{"mix", emitMixes},
	{"score", emitScores},
	{"unpack", emitUnpacks},
	{"dotfloat", emitFloatDots},
	{"dotint8", emitInt8Dots},
	{"dotrecord", emitRecordDots},
	{"tileint8", emitInt8Tiles},
	{"activations", emitActivations},
	{"elementwise", emitElementwise},
	{"peak", emitPeaks},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("asmgen: ")
	dir := flag.String("dir", ".", "folder of package simd")
	flag.Parse()
	for _, f := range files {
		if err := write(*dir, f.name, f.emit); err != nil {
			log.Fatalf("%s: %v", f.name, err)
		}
	}
}

// write makes name_amd64.s and name_amd64.go with the declarations.
func write(dir, name string, emit func(*gen)) error {
	g := &gen{Context: build.NewContext()}
	g.ConstraintExpr("amd64")
	emit(g)
	file, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	config := printer.Config{Name: "asmgen", Pkg: "simd"}
	for suffix, p := range map[string]printer.Printer{
		"_amd64.s":  printer.NewGoAsm(config),
		"_amd64.go": printer.NewStubs(config),
	} {
		text, err := p.Print(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+suffix), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
