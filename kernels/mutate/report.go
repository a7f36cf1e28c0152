package main

import (
	_ "embed"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed survivors.md
var survivorsText string

// explanation is a line of survivors.md: edits that no test can tell from the kernel. In
// each of its first four parts a * stands for anything.
type explanation struct {
	parts [4]*regexp.Regexp // file, label, old and new
	text  string
}

var explained = regexp.MustCompile("^- `([^`]+)` at `([^`]+)`: `([^`]+)` -> `([^`]+)`: (.+)$")

// explanations reads the lines of survivors.md that begin with "- ".
func explanations(text string) ([]explanation, error) {
	var all []explanation
	for i, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "- ") {
			continue
		}
		m := explained.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("survivors.md:%d: want - `FILES` at `LABEL`: `OLD` -> `NEW`: reason", i+1)
		}
		x := explanation{text: m[5]}
		for j := range x.parts {
			x.parts[j] = regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(m[j+1]), `\*`, ".*") + "$")
		}
		all = append(all, x)
	}
	return all, nil
}

// covers says whether an explanation is about that edit.
func (x explanation) covers(e edit) bool {
	for i, s := range []string{e.file, e.label, e.old, e.becomes()} {
		if !x.parts[i].MatchString(s) {
			return false
		}
	}
	return true
}

// report is what is printed in the end.
type report struct {
	results  []result
	rejected int
	seed     uint64
	took     time.Duration
	known    []explanation
}

func (r result) verdict() string {
	if r.by == "" {
		return "SURVIVED"
	}
	return "killed by " + r.by
}

// reason is the explanation of an edit, "" if there is none.
func (r report) reason(e edit) string {
	i := slices.IndexFunc(r.known, func(x explanation) bool { return x.covers(e) })
	if i < 0 {
		return ""
	}
	return r.known[i].text
}

// survivors are those with an explanation or those without.
func (r report) survivors(withReason bool) []result {
	var list []result
	for _, res := range r.results {
		if res.by == "" && (r.reason(res.edit) != "") == withReason {
			list = append(list, res)
		}
	}
	return list
}

// killers are the columns of the table.
var killers = []string{"checker", "numbers", "traffic", "timeout", "crash", ""}

// write prints a table of kinds and killers and the survivors, and on demand every edit.
func (r report) write(w io.Writer, every bool) error {
	var b strings.Builder
	counts := make(map[kind]map[string]int)
	for k := range kinds {
		counts[k] = make(map[string]int)
	}
	files := make(map[string]bool)
	total := make(map[string]int)
	for _, res := range r.results {
		counts[res.kind][res.by]++
		total[res.by]++
		files[res.file] = true
	}
	fmt.Fprintf(&b, "# Mutants of the kernels\n\n%d edits of %d files, seed %d, in %v; %d more were refused when the module was loaded.\n\n",
		len(r.results), len(files), r.seed, r.took.Round(time.Second), r.rejected)
	fmt.Fprint(&b, "| edit | killed by checker | numbers | traffic | timeout | crash | survived | all |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for k := range kinds {
		row(&b, k.String(), counts[k])
	}
	row(&b, "all", total)
	r.list(&b, "Survivors without an explanation", r.survivors(false))
	r.list(&b, "Survivors that are explained", r.survivors(true))
	if every {
		r.list(&b, "Killed", slices.DeleteFunc(slices.Clone(r.results), func(res result) bool { return res.by == "" }))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// row prints the counts of a kind of edit.
func row(b *strings.Builder, name string, counts map[string]int) {
	fmt.Fprintf(b, "| %s |", name)
	sum := 0
	for _, by := range killers {
		fmt.Fprintf(b, " %d |", counts[by])
		sum += counts[by]
	}
	fmt.Fprintf(b, " %d |\n", sum)
}

// list prints edits under a title, in the form that survivors.md has.
func (r report) list(b *strings.Builder, title string, list []result) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, res := range list {
		note := r.reason(res.edit)
		if res.by != "" {
			note = res.by + ", " + res.detail
		}
		fmt.Fprintf(b, "- `%s` at `%s`: `%s` -> `%s`: line %d, %s", res.file, res.label, res.old, res.becomes(), res.line, res.kind)
		if note != "" {
			fmt.Fprintf(b, ": %s", note)
		}
		fmt.Fprintln(b)
	}
}
