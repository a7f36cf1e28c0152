package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/term"

	"github.com/potion-engine/potion/engine/bench"
)

var benchForms = []string{"table", "md", "csv", "json", "jsonl"}

// printBench prints records in one of benchForms.
func printBench(w io.Writer, form string, records []bench.Record) error {
	if len(records) == 0 {
		return nil
	}
	switch form {
	case "csv":
		return benchCSV(w, records)
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(records)
	case "jsonl":
		for _, r := range records {
			if err := printJSON(w, r); err != nil {
				return err
			}
		}
		return nil
	}
	t := benchTable(records)
	notes := benchNotes(records)
	if form == "md" {
		_, err := fmt.Fprintf(w, "%s\n\n- %s\n", t.RenderMarkdown(), strings.Join(notes, "\n- "))
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", t.Render(), strings.Join(notes, "\n"))
	return err
}

// benchTable has a ratio column where a test was done on several setups: how many times as
// fast as on the first.
func benchTable(records []bench.Record) table.Writer {
	header := []any{"model", "size", "backend", "threads", "kv", "act", "test", "tok/s", "median", "GB/s", "of peak", "GFLOP/s", "of peak", "weights in"}
	base := map[[2]string]*bench.Record{}
	ratios := false
	for i := range records {
		r := &records[i]
		key := [2]string{r.Model, r.Test}
		if base[key] != nil {
			ratios = true
		} else {
			base[key] = r
		}
	}
	energy := slices.ContainsFunc(records, func(r bench.Record) bool { return r.Energy != nil })
	if energy {
		header = append(header, "J/tok")
	}
	if ratios {
		header = append(header, "ratio")
	}
	t := newTable("", header...)
	rightFrom(t, 8, 13)
	for i := range records {
		r := &records[i]
		row := table.Row{printable(r.ModelType), size(r.ModelBytes), r.Backend, r.Threads, r.TypeK, r.Activations, r.Test}
		if r.Valid {
			row = append(row, fmt.Sprintf("%.2f ± %.2f", *r.AvgTS, *r.StddevTS), figure("%.2f", r.MedianTS),
				figure("%.2f", r.GBs), percent(r.ShareGBs), figure("%.1f", r.GFLOPs), percent(r.ShareGFLOPs), r.Level)
		} else {
			row = append(row, "invalid", "-", "-", "-", "-", "-", r.Level)
		}
		if energy {
			row = append(row, figure("%.3g", r.Energy))
		}
		if b := base[[2]string{r.Model, r.Test}]; ratios && r.Valid && b.Valid {
			row = append(row, ratio(*r.MedianTS / *b.MedianTS))
		}
		t.AppendRow(row)
	}
	return t
}

// ratio has two digits behind the point, or as many as tell it from nothing.
func ratio(x float64) string {
	if x < 0.1 {
		return fmt.Sprintf("%.2gx", x)
	}
	return fmt.Sprintf("%.2fx", x)
}

func figure(form string, x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf(form, *x)
}

func percent(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100**x)
}

// benchNotes is what others need to repeat the figures.
func benchNotes(records []bench.Record) []string {
	var notes []string
	seen := map[string]bool{}
	add := func(form string, args ...any) {
		if s := fmt.Sprintf(form, args...); !seen[s] {
			seen[s] = true
			notes = append(notes, s)
		}
	}
	add("potion %s, commit %s: %s", records[0].Version, records[0].BuildCommit, records[0].Command)
	cached := false
	for _, r := range records {
		device := r.CPU
		if r.GPU != "" {
			device = r.GPU + ", " + r.CPU
		}
		add("%s: %s", device, r.Features)
		add("%s: load %.1f ms, at most %s of memory (%s, %d threads, kv %s, %s)", printable(r.Model), ms(time.Duration(r.LoadNS)), size(r.PeakMemory), r.Backend, r.Threads, r.TypeK, r.Activations)
		add("%s", peakNote(&r))
		if r.Backend == "EMULATED" {
			add("emulated is a GPU in software: its speed says nothing of a GPU's")
		}
		if r.Energy != nil {
			add("energy as %s counts it, whatever else ran included (%s)", r.EnergySource, r.Backend)
		}
		if !r.Valid {
			add("%s is refused: %s", r.Test, r.Reason)
		}
		cached = cached || r.CacheRes
	}
	if cached {
		add("the weights fit a cache: a model that does not fit would not reach these figures")
	}
	return notes
}

// peakNote says what shares of the peak refer to.
func peakNote(r *bench.Record) string {
	var peaks []string
	if r.PeakGBs > 0 {
		s := fmt.Sprintf("%.2f GB/s", r.PeakGBs)
		if r.PeakBuffer > 0 {
			s += " over " + size(r.PeakBuffer)
		}
		peaks = append(peaks, s)
	}
	if r.PeakGFLOPs > 0 {
		peaks = append(peaks, fmt.Sprintf("%.1f GFLOP/s", r.PeakGFLOPs))
	}
	if len(peaks) == 0 {
		return fmt.Sprintf("the peak of %s is not known", strings.ToLower(r.Backend))
	}
	return fmt.Sprintf("peak %s (%s)", strings.Join(peaks, ", "), r.PeakSource)
}

// benchCSV prints the fields of the records but the samples; a withheld figure is empty.
func benchCSV(w io.Writer, records []bench.Record) error {
	out := csv.NewWriter(w)
	var header []string
	eachField(reflect.ValueOf(records[0]), func(name string, _ reflect.Value) { header = append(header, name) })
	if err := out.Write(header); err != nil {
		return err
	}
	for _, r := range records {
		var row []string
		eachField(reflect.ValueOf(r), func(_ string, v reflect.Value) {
			switch {
			case v.Kind() == reflect.Pointer && v.IsNil():
				row = append(row, "")
			case v.Kind() == reflect.Pointer:
				row = append(row, fmt.Sprint(v.Elem()))
			default:
				row = append(row, fmt.Sprint(v))
			}
		})
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// eachField visits the fields of a struct and of those embedded in it under their names in
// JSON, lists left out.
func eachField(v reflect.Value, visit func(name string, v reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			eachField(v.Field(i), visit)
		case f.Type.Kind() != reflect.Slice:
			visit(name, v.Field(i))
		}
	}
}

// benchLine is the line of progress of a test: on a terminal while it runs, and when it is
// done.
type benchLine struct {
	w     io.Writer
	setup bench.Setup
	test  bench.Test
}

func (l *benchLine) text(s bench.Stats) string {
	line := fmt.Sprintf("%s, %s, %d threads, kv %s, %s: %s: %s, %.2f tok/s", printable(l.setup.Model), strings.ToLower(l.setup.Backend),
		l.setup.Threads, l.setup.TypeK, l.setup.Activations, l.test.Name(), runs(s.N), float64(l.test.Tokens())/s.Median)
	if s.N < 3 {
		return line
	}
	return line + fmt.Sprintf(" +- %.1f%%", 100*s.Spread)
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

func (l *benchLine) running(s bench.Stats) {
	if l.terminal() {
		fmt.Fprintf(l.w, "\r%s\x1b[K", l.text(s))
	}
}

// end is told how the test ended.
func (l *benchLine) end(s bench.Stats, err error) {
	if l.terminal() {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
	if err == nil {
		fmt.Fprintln(l.w, l.text(s))
	}
}

func (l *benchLine) terminal() bool {
	f, ok := l.w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
