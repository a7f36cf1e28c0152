// Command mutate asks whether the kernels' tests would notice a mistake. It edits one
// instruction of a kernel, runs the cases of that kernel's operation on the emulated
// device with its checker on, and notes what killed the edit, if anything did:
//
//	go run ./kernels/mutate [-n 120] [-kernel rmsnorm] [-seed 1] [-report FILE.md]
//
// Every barrier of every file is removed once; n further edits are drawn at random and
// spread over files and kinds of edit. A survivor that cannot be told from the kernel
// is explained in survivors.md; any other survivor makes the command fail. It runs in
// the module's root and needs the go tool.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/kernels"
)

// options is the command line.
type options struct {
	count   int
	kernel  string
	seed    uint64
	report  string
	jobs    int
	timeout time.Duration
	list    bool
}

func main() {
	var o options
	flag.IntVar(&o.count, "n", 120, "random `edits` besides the removal of every barrier")
	flag.StringVar(&o.kernel, "kernel", "", "only files whose name begins with this `prefix`")
	flag.Uint64Var(&o.seed, "seed", 1, "`seed` of the choice")
	flag.StringVar(&o.report, "report", "", "write the report to this `file` as well")
	flag.IntVar(&o.jobs, "jobs", 2, "test `processes` at once")
	flag.DurationVar(&o.timeout, "timeout", time.Minute, "`time` after which an edit counts as killed")
	flag.BoolVar(&o.list, "list", false, "print the edits and run nothing")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "mutate: argument %q: there are only flags, see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	unexplained, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if unexplained > 0 {
		os.Exit(1)
	}
}

// run gives the number of survivors that nobody explained.
func run(o options) (unexplained int, err error) {
	var names []string
	for _, name := range kernels.Files() {
		if strings.HasPrefix(name, o.kernel) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return 0, fmt.Errorf("no kernel file begins with %q", o.kernel)
	}
	known, err := explanations(survivorsText)
	if err != nil {
		return 0, err
	}
	chosen, rejected, err := choose(names, o.count, rand.New(rand.NewPCG(o.seed, 0)))
	if err != nil {
		return 0, err
	}
	if o.list {
		for _, e := range chosen {
			fmt.Println(e)
		}
		return 0, nil
	}
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	start := time.Now()
	results, err := tryAll(o, names, chosen, interrupt)
	if err != nil {
		return 0, err
	}
	r := report{results: results, rejected: rejected, seed: o.seed, took: time.Since(start), known: known}
	if err := r.write(os.Stdout, false); err != nil {
		return 0, err
	}
	if o.report != "" {
		err = writeFile(o.report, func(w io.Writer) error { return r.write(w, true) })
	}
	return len(r.survivors(false)), err
}

// choose is all barriers and n other edits of those files, and how many were left out
// because the module would not load. Files take turns in random order; each turn draws
// a kind of edit that the file has, then one of it.
func choose(names []string, n int, random *rand.Rand) (chosen []edit, rejected int, err error) {
	device := emulator.New(emulator.Config{})
	type deck struct{ byKind [kinds][]edit }
	var decks []*deck
	for _, name := range names {
		text := kernels.Source(name)
		if _, err := device.Load(text); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
		d := &deck{}
		for _, e := range edits(name, text) {
			if e.kind == barrier {
				chosen = append(chosen, e)
				continue
			}
			d.byKind[e.kind] = append(d.byKind[e.kind], e)
		}
		decks = append(decks, d)
	}
	n += len(chosen)
	for progress := true; progress && len(chosen) < n; {
		progress = false
		random.Shuffle(len(decks), func(i, j int) { decks[i], decks[j] = decks[j], decks[i] })
		for _, d := range decks {
			var present []kind
			for k := range kinds {
				if len(d.byKind[k]) > 0 {
					present = append(present, k)
				}
			}
			if len(present) == 0 || len(chosen) == n {
				continue
			}
			progress = true
			list := &d.byKind[present[random.IntN(len(present))]]
			i := random.IntN(len(*list))
			e := (*list)[i]
			*list = append((*list)[:i], (*list)[i+1:]...)
			if _, err := device.Load(e.apply(kernels.Source(e.file))); err != nil {
				rejected++
				continue
			}
			chosen = append(chosen, e)
		}
	}
	return chosen, rejected, nil
}

// writeFile creates a file, which holds all of the text or is an error.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	if err := write(out); err != nil {
		f.Close()
		return err
	}
	if err := out.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
