// Command report writes a table of what every kernel takes on every architecture, as
// ptxas says it, in Markdown to standard output. It needs ptxas, but no GPU:
//
//	go run ./kernels/report > report.md
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/potion-engine/potion/kernels"
	"github.com/potion-engine/potion/kernels/internal/ptxas"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := write(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// write prints a row for each kernel: block and shared memory from its text, registers
// on each architecture, and spills where there are any.
func write(out io.Writer) error {
	path, err := ptxas.Find()
	if err != nil {
		return err
	}
	fmt.Fprint(out, "| kernel | threads | shared B |")
	for _, target := range ptxas.Targets() {
		fmt.Fprintf(out, " sm_%d |", target)
	}
	fmt.Fprintf(out, " spills |\n|---|---:|---:|%s---|\n", strings.Repeat("---:|", len(ptxas.Targets())))
	for _, file := range kernels.Files() {
		if err := writeFile(out, path, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// writeFile prints the rows of one file's kernels.
func writeFile(out io.Writer, path, file string) error {
	usage := make(map[string]map[int]ptxas.Usage)
	for _, k := range kernels.All() {
		if k.File != file || usage[k.Entry] != nil {
			continue
		}
		for _, target := range ptxas.Targets() {
			if target < k.Target {
				continue
			}
			list, err := ptxas.Assemble(path, kernels.Source(file), target)
			if err != nil {
				return err
			}
			for _, u := range list {
				if usage[u.Entry] == nil {
					usage[u.Entry] = make(map[int]ptxas.Usage)
				}
				usage[u.Entry][target] = u
			}
		}
	}
	for _, k := range kernels.All() {
		if k.File != file {
			continue
		}
		shared := fmt.Sprint(k.Shared)
		if k.Dynamic {
			shared += " + dynamic"
		}
		fmt.Fprintf(out, "| %s | %d | %s |", k.Entry, k.Threads(), shared)
		var spills []string
		for _, target := range ptxas.Targets() {
			u, assembled := usage[k.Entry][target]
			if !assembled {
				fmt.Fprint(out, " |")
				continue
			}
			fmt.Fprintf(out, " %d |", u.Registers)
			if u.Spills > 0 {
				spills = append(spills, fmt.Sprintf("sm_%d %d B", target, u.Spills))
			}
		}
		fmt.Fprintf(out, " %s |\n", strings.Join(spills, ", "))
	}
	return nil
}
