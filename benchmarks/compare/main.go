// Command compare measures potion against llama.cpp's llama-bench on the same model files,
// threads and machine, one after the other in turns, and writes a CSV file: the median and
// the range of every rate, and the ratios.
//
//	go run ./benchmarks/compare -potion bin/potion -llama-bench llama-bench -models dir,dir \
//		-plan benchmarks/compare/plan.txt -o benchmarks/results
//
// A line of the plan is a file's name and what is asked of it: tokens of the prompt, tokens
// to decode, and tokens in the context before. Files that are not there are left out, with
// a word on stderr.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	potion, llama string
	threads       int
	rounds, runs  int
	activations   []string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("compare: ")
	var o options
	flag.StringVar(&o.potion, "potion", "bin/potion", "the potion `binary`")
	flag.StringVar(&o.llama, "llama-bench", "llama-bench", "the llama-bench `binary`")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads of both")
	flag.IntVar(&o.rounds, "rounds", 3, "turns of each")
	flag.IntVar(&o.runs, "runs", 2, "timed runs in a turn")
	activations := flag.String("activations", "int16,int8", "potion's activations for quantised files, separated by commas")
	models := flag.String("models", ".", "`folders` with the model files, separated by commas")
	planFile := flag.String("plan", "benchmarks/compare/plan.txt", "`file` that says what to measure")
	only := flag.String("only", "", "measure files whose name matches this `pattern` only")
	out := flag.String("o", "", "`folder` for the results, named after the processor; none: stdout")
	flag.Parse()
	o.activations = strings.Split(*activations, ",")
	pattern, err := regexp.Compile(*only)
	must(err)
	plan, err := readPlan(*planFile)
	must(err)
	must(o.run(plan, pattern, strings.Split(*models, ","), *out))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// run measures what the plan asks for. The results are written after each file, so that
// those of a run that was broken off are kept.
func (o options) run(plan []job, only *regexp.Regexp, folders []string, out string) error {
	t := table{commit: commit(), threads: o.threads, day: time.Now().UTC().Format(time.DateOnly)}
	for _, j := range plan {
		if !only.MatchString(j.file) {
			continue
		}
		path := find(folders, j.file)
		if path == "" {
			log.Printf("%s: in none of the folders %s", j.file, strings.Join(folders, ", "))
			continue
		}
		begin := time.Now()
		if err := o.compare(&t, j, path); err != nil {
			return err
		}
		log.Printf("%s: %v", j, time.Since(begin).Round(time.Second))
		if err := t.write(out); err != nil {
			return err
		}
	}
	return nil
}

// find is where a file is, or nothing.
func find(folders []string, file string) string {
	for _, f := range folders {
		path := filepath.Join(f, file)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// compare runs all programs in turns, so that a change of the machine's speed meets all.
func (o options) compare(t *table, j job, path string) error {
	activations := o.activations
	if j.floats() {
		activations = []string{"f32"}
	}
	rows := map[string]*row{} // by test and activations
	var order []*row
	for range o.rounds {
		theirs, err := o.runLlama(j, path)
		if err != nil {
			return err
		}
		t.llama = theirs.commit
		for _, a := range activations {
			ours, err := o.runPotion(j, path, a)
			if err != nil {
				return err
			}
			t.cpu, t.version = ours.cpu, ours.version
			for _, test := range j.tests() {
				key := test + " " + a
				if rows[key] == nil {
					rows[key] = &row{file: j.file, test: test, activations: a}
					order = append(order, rows[key])
				}
				rows[key].add(ours.rates[test], theirs.rates[test], ours.shares[test])
			}
		}
	}
	t.rows = append(t.rows, order...)
	return nil
}

// commit is the sources' version, as git tells it, with a + if they were changed since.
func commit() string {
	text, err := exec.Command("git", "describe", "--always", "--dirty=+").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

func (j job) String() string { return fmt.Sprintf("%s %s", j.file, strings.Join(j.tests(), " ")) }
