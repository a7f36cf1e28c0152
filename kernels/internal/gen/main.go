// Command gen writes the generated kernels into the folder that is its argument; see
// package ptxgen. Run it with go generate ./kernels.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/potion-engine/potion/kernels/internal/ptxgen"
)

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, the folder to write to; got %d", len(args))
	}
	files, err := ptxgen.Files()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
