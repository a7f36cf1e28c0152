package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
)

// loading is how long the stages of opening a model took.
type loading struct {
	begin  time.Time
	so     time.Duration
	stages []string
}

// done ends a stage.
func (l *loading) done(stage string) {
	d := time.Since(l.begin)
	l.stages = append(l.stages, fmt.Sprintf("%s %.1f ms", stage, ms(d-l.so)))
	l.so = d
}

// describe is what --verbose tells.
func (m *opened) describe(w io.Writer, ck model.Checkpoint, l *loading) error {
	c := ck.Config()
	bytes := map[format.Format]int64{}
	for _, t := range c.Tensors() {
		d, err := ck.Tensor(t.Name)
		if err != nil {
			return err
		}
		if d != nil {
			bytes[d.Format] += int64(d.Size())
		}
	}
	var weights []string
	for _, f := range slices.SortedFunc(maps.Keys(bytes), func(a, b format.Format) int { return cmp.Compare(bytes[b], bytes[a]) }) {
		weights = append(weights, fmt.Sprintf("%v %s", f, size(bytes[f])))
	}
	o := m.runner.Options()
	fmt.Fprintf(w, "model: %s, %d layers of width %d, %d heads of %d (%d for keys and values), hidden %d, %d tokens, trained for %d positions\n",
		printable(c.Arch), c.Layers, c.Width, c.Heads, c.HeadDim, c.KVHeads, c.Hidden, c.Vocab, c.Context)
	fmt.Fprintf(w, "weights: %s\n", strings.Join(weights, ", "))
	fmt.Fprintf(w, "session: context %d, steps of %d rows, keys and values in %v\n", o.Context, o.Chunk, o.KV)
	for _, b := range []engine.Backend{m.backend, m.host} {
		if b != nil {
			i := b.Info()
			units := "multiprocessors"
			if i.Kind == "cpu" {
				units = "threads"
			}
			fmt.Fprintf(w, "device: %s, %s, %d %s, %s\n", i.Kind, i.Name, i.Units, units, strings.Join(i.Features, " "))
		}
	}
	_, err := fmt.Fprintf(w, "load: %s\n", strings.Join(l.stages, ", "))
	return err
}
