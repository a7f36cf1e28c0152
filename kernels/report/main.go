// Command report writes a table of what every kernel takes on every architecture, as
// ptxas says it, in Markdown to standard output. It needs ptxas, but no GPU:
//
//	go run ./kernels/report > report.md
//
// With -usage it writes the table that package usage embeds instead.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/potion-engine/potion/kernels"
	"github.com/potion-engine/potion/kernels/internal/ptxas"
)

func main() {
	table := flag.Bool("usage", false, "write kernels/report/usage/usage.csv; run it in the module's root")
	flag.Parse()
	err := run(*table)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(table bool) error {
	path, err := ptxas.Find()
	if err != nil {
		return err
	}
	if table {
		return writeUsage(path, "kernels/report/usage/usage.csv")
	}
	out := bufio.NewWriter(os.Stdout)
	if err := write(out, path); err != nil {
		return err
	}
	return out.Flush()
}

// write prints a row for each kernel: block and shared memory from its text, registers
// on each architecture, and spills where there are any.
func write(out io.Writer, path string) error {
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
	usage, err := assemble(path, file)
	if err != nil {
		return err
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

// assemble gives the usage of a file's kernels, by entry and architecture.
func assemble(path, file string) (map[string]map[int]ptxas.Usage, error) {
	all := make(map[string]map[int]ptxas.Usage)
	i := slices.IndexFunc(kernels.All(), func(k kernels.Kernel) bool { return k.File == file })
	if i < 0 {
		return all, nil
	}
	for _, target := range ptxas.Targets() {
		if target < kernels.All()[i].Target {
			continue
		}
		list, err := ptxas.Assemble(path, kernels.Source(file), target)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			if all[u.Entry] == nil {
				all[u.Entry] = make(map[int]ptxas.Usage)
			}
			all[u.Entry][target] = u
		}
	}
	return all, nil
}
