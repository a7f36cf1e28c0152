package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// defaultContext bounds the context where the user does not name one: long enough for a
// talk, short enough that the KV cache of a long-context model does not fill the memory.
const defaultContext = 4096

// opened is a model ready to run.
type opened struct {
	file    *modelfile.File
	backend engine.Backend
	host    engine.Backend // that runs the layers which backend does not, if there are any
	model   *model.Model
	runner  *session.Runner
	load    time.Duration
}

// openModel opens the model that the flags name, on the device that they name, with the
// context that they name.
func openModel(c *cli.Context, o session.Options) (*opened, error) {
	return openModelContext(c, o, c.Int("ctx"), defaultContext)
}

// openModelContext is openModel with a context of n tokens, or if n is 0 of what the model
// was trained for, at most most.
func openModelContext(c *cli.Context, o session.Options, n, most int) (_ *opened, err error) {
	l := loading{begin: time.Now()}
	m := &opened{}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if m.file, err = modelfile.Open(c.String("model")); err != nil {
		return nil, err
	}
	ck, err := m.file.Checkpoint()
	if err != nil {
		return nil, err
	}
	if o.KV, err = kvFormat(c, ck.Config()); err != nil {
		return nil, err
	}
	if o.Context, err = contextSize(c, n, most, ck.Config()); err != nil {
		return nil, err
	}
	l.done("file")
	if m.backend, err = openDevice(c); err != nil {
		return nil, err
	}
	l.done("device")
	parts, err := m.place(c, ck, o)
	if err != nil {
		return nil, err
	}
	if m.model, err = load(c, parts, ck); err != nil {
		return nil, err
	}
	l.done("weights")
	if m.runner, err = session.NewRunner(m.model, o); err != nil {
		return nil, err
	}
	l.done("session")
	m.load = time.Since(l.begin)
	if c.Bool("verbose") {
		return m, m.describe(c.App.ErrWriter, ck, &l)
	}
	return m, nil
}

// load puts the weights on the backend, with a bar on a terminal where that takes time.
func load(c *cli.Context, parts []model.Part, ck model.Checkpoint) (*model.Model, error) {
	var progress model.Progress
	if parts[len(parts)-1].Backend.Info().Kind == "cuda" && !c.Bool("quiet") {
		if bar := newBar(c.App.ErrWriter, model.Bytes(ck), "weights"); bar != nil {
			defer bar.Exit() //nolint:errcheck // the bar is for the eye only
			progress = func(done, _ int64) { _ = bar.Set64(done) }
		}
	}
	return model.LoadParts(c.Context, parts, ck, progress)
}

// Close gives everything back.
func (m *opened) Close() {
	if m.runner != nil {
		m.runner.Close()
	}
	if m.model != nil {
		m.model.Close()
	}
	if m.backend != nil {
		m.backend.Close()
	}
	if m.host != nil {
		m.host.Close()
	}
	if m.file != nil {
		m.file.Close()
	}
}

// openTokenizer is the model's tokenizer; what is odd about it is told on stderr.
func openTokenizer(c *cli.Context, f *modelfile.File) (*tokenizer.Tokenizer, error) {
	tok, err := f.Tokenizer()
	if err != nil {
		return nil, err
	}
	for _, w := range tok.Warnings() {
		fmt.Fprintf(c.App.ErrWriter, "potion: warning: %s: %s\n", f.Path(), w)
	}
	return tok, nil
}

func kvFormat(c *cli.Context, config *model.Config) (format.Format, error) {
	name := c.String("kv")
	f, err := format.Parse(name)
	if err != nil || f != format.F32 && f != format.F16 && f != format.Q8_0 {
		return f, usage("--kv %s: want f32, f16 or q8_0", name)
	}
	if err := f.CheckCols(config.HeadDim); err != nil {
		return f, fmt.Errorf("--kv %s: this model's heads have %d numbers: %w", name, config.HeadDim, err)
	}
	return f, nil
}

func contextSize(c *cli.Context, n, most int, config *model.Config) (int, error) {
	switch {
	case n < 0 || n > math.MaxInt32/2:
		return 0, usage("--ctx %d: want a number of tokens", n)
	case n == 0:
		return min(config.Context, most), nil
	case n > config.Context && config.Learned:
		return 0, fmt.Errorf("--ctx %d: this model has learned %d positions and can have no more", n, config.Context)
	case n > config.Context:
		fmt.Fprintf(c.App.ErrWriter, "potion: warning: --ctx %d is more than the %d tokens the model was trained for\n", n, config.Context)
	}
	return n, nil
}

// size prints bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

// timings prints what a generation took.
func timings(w io.Writer, m *opened, r session.Result) {
	fmt.Fprintf(w, "load %.0f ms | prompt %d tokens, %.1f tok/s | decode %d tokens, %.1f tok/s, %.2f GB/s | stop: %s\n",
		ms(m.load), r.PromptTokens, r.PromptRate(), len(r.IDs), r.DecodeRate(), r.DecodeRate()*float64(m.model.ReadBytes())/1e9, r.Stop)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
