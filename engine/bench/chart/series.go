package chart

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/plotter"

	"github.com/potion-engine/potion/engine/bench"
)

// panels are the plots that the valid records give.
func panels(records []bench.Record) []panel {
	var all, prompts, decodes []*bench.Record
	for i := range records {
		r := &records[i]
		if !r.Valid {
			continue
		}
		all = append(all, r)
		if r.Prompt > 0 {
			prompts = append(prompts, r)
		} else {
			decodes = append(decodes, r)
		}
	}
	labels := setupNames(all)
	var list []panel
	if len(prompts) > 0 {
		list = append(list, promptPanel(prompts, labels))
	}
	if len(decodes) > 0 {
		list = append(list, panel{title: "Decoding", x: "tokens in the context before", y: "tokens a second",
			series: gather(decodes, func(r *bench.Record) int { return r.Depth }, func(r *bench.Record) string {
				return labels[r] + differs(decodes, r, batchOf) + differs(decodes, r, genOf)
			})})
	}
	if several(decodes, batchOf) {
		list = append(list, panel{title: "Decoding side by side", x: "sequences", y: "tokens a second, all together",
			series: gather(decodes, func(r *bench.Record) int { return r.Batch }, func(r *bench.Record) string {
				return labels[r] + differs(decodes, r, depthOf) + differs(decodes, r, genOf)
			})})
	}
	if p, ok := roofline(all, labels); ok {
		list = append(list, p)
	}
	return list
}

// promptPanel is against the context before, or if that never changes, against the length of
// the prompt.
func promptPanel(prompts []*bench.Record, labels map[*bench.Record]string) panel {
	p := panel{title: "Prompt", x: "tokens of the prompt", y: "tokens a second"}
	if !several(prompts, depthOf) {
		p.series = gather(prompts, func(r *bench.Record) int { return r.Prompt }, func(r *bench.Record) string { return labels[r] })
		return p
	}
	p.x = "tokens in the context before"
	p.series = gather(prompts, func(r *bench.Record) int { return r.Depth }, func(r *bench.Record) string {
		return labels[r] + differs(prompts, r, promptOf)
	})
	return p
}

// gather makes a series of the medians of all records of the same name, by x.
func gather(records []*bench.Record, x func(*bench.Record) int, name func(*bench.Record) string) []series {
	var list []series
	at := map[string]int{}
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b *bench.Record) int { return cmp.Compare(x(a), x(b)) })
	for _, r := range records { // names in the order of the records
		if _, have := at[name(r)]; !have {
			at[name(r)] = len(list)
			list = append(list, series{name: name(r)})
		}
	}
	for _, r := range sorted {
		s := &list[at[name(r)]]
		s.points = append(s.points, plotter.XY{X: float64(x(r)), Y: *r.MedianTS})
		s.errors = append(s.errors, struct{ Low, High float64 }{*r.StddevTS, *r.StddevTS})
	}
	return list
}

func promptOf(r *bench.Record) string { return fmt.Sprintf("%d tokens", r.Prompt) }
func genOf(r *bench.Record) string    { return fmt.Sprintf("%d tokens", r.Gen) }
func depthOf(r *bench.Record) string  { return fmt.Sprintf("after %d", r.Depth) }
func batchOf(r *bench.Record) string  { return fmt.Sprintf("x%d", r.Batch) }

// several says whether records differ in what f says of them.
func several(records []*bench.Record, f func(*bench.Record) string) bool {
	return slices.ContainsFunc(records, func(r *bench.Record) bool { return f(r) != f(records[0]) })
}

// differs is what f says of r, if it says different things of the records.
func differs(records []*bench.Record, r *bench.Record, f func(*bench.Record) string) string {
	if !several(records, f) {
		return ""
	}
	return ", " + f(r)
}

// setupNames tell the setups apart by what they do not share.
func setupNames(records []*bench.Record) map[*bench.Record]string {
	parts := []func(*bench.Record) string{
		func(r *bench.Record) string { return filepath.Base(r.Model) },
		func(r *bench.Record) string { return strings.ToLower(r.Backend) },
		func(r *bench.Record) string { return r.GPU },
		func(r *bench.Record) string { return fmt.Sprintf("%d threads", r.Threads) },
		func(r *bench.Record) string { return "kv " + r.TypeK },
		func(r *bench.Record) string { return r.Activations },
	}
	names := map[*bench.Record]string{}
	for _, r := range records {
		var words []string
		for _, f := range parts {
			if s := f(r); s != "" && several(records, f) {
				words = append(words, s)
			}
		}
		names[r] = strings.Join(words, ", ")
		if len(words) == 0 {
			names[r] = r.ModelType
		}
	}
	return names
}
