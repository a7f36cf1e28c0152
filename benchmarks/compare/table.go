package main

import (
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// table is the results so far.
type table struct {
	day, cpu, commit, version, llama string
	threads                          int
	rows                             []*row
}

// row is a test of a file: what each round gave.
type row struct {
	file, test, activations      string
	ours, theirs, ratios, shares []float64
}

func (r *row) add(ours, theirs, share float64) {
	r.ours, r.theirs = append(r.ours, ours), append(r.theirs, theirs)
	r.ratios, r.shares = append(r.ratios, ours/theirs), append(r.shares, share)
}

var columns = []string{
	"date", "processor", "threads", "potion", "llama.cpp", "file", "test", "activations", "rounds",
	"potion tok/s", "potion range", "llama.cpp tok/s", "llama.cpp range", "ratio", "ratio range", "share of read bandwidth",
}

// write writes the table to a file in folder, named after the processor, or to stdout.
func (t *table) write(folder string) error {
	if folder == "" {
		return t.csv(os.Stdout, t.rows[len(t.rows)-1:])
	}
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9.]+`).ReplaceAllString(strings.ToLower(t.cpu), "-"), "-")
	f, err := os.Create(filepath.Join(folder, name+".csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.csv(f, t.rows); err != nil {
		return err
	}
	return f.Close()
}

func (t *table) csv(to io.Writer, rows []*row) error {
	w := csv.NewWriter(to)
	if err := w.Write(columns); err != nil {
		return err
	}
	for _, r := range rows {
		share := ""
		if strings.HasPrefix(r.test, "decode") {
			share = number(median(r.shares))
		}
		if err := w.Write([]string{
			t.day, t.cpu, strconv.Itoa(t.threads), t.commit, t.llama, r.file, r.test, r.activations, strconv.Itoa(len(r.ours)),
			number(median(r.ours)), span(r.ours), number(median(r.theirs)), span(r.theirs),
			number(median(r.ratios)), span(r.ratios), share,
		}); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

func span(all []float64) string { return number(slices.Min(all)) + ".." + number(slices.Max(all)) }
