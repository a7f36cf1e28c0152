package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/perplexity"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// perplexityWindow is what llama.cpp's tool takes unless told otherwise.
const perplexityWindow = 512

func perplexityCommand() *cli.Command {
	return &cli.Command{
		Name:      "perplexity",
		Aliases:   []string{"ppl"},
		Usage:     "measure how well a model foretells a text",
		ArgsUsage: "TEXT",
		Description: `Cuts the text into windows of --ctx tokens and prints exp(mean -ln p) of the scored ones.
The rule llama (the default) scores as llama.cpp's perplexity tool does: whole windows only, BOS in
place of a window's first token, the second half of a window scored. The rule all scores all of a
window but its first token, adds no BOS and counts the last, shorter window. Examples:

   potion perplexity --file wiki.test.raw -m model.gguf --ctx 512 --chunks 20
   potion perplexity --file story.txt --rule all --json
   potion perplexity --file wiki.test.raw -m model-f32.gguf --kl-base base.kld
   potion perplexity -m model-q4_k.gguf --kl-base base.kld --kl`,
		Flags: append(deviceFlags(format.F32, exactActivations),
			fileFlag(),
			&cli.IntFlag{Name: "chunks", Usage: "windows to measure at most", DefaultText: "all"},
			&cli.StringFlag{Name: "rule", Value: string(perplexity.Llama), Usage: "which tokens are scored: llama or all"},
			&cli.StringFlag{Name: "kl-base", Usage: "`FILE` of a base model's predictions, as llama.cpp's --kl-divergence-base; written unless --kl is given"},
			&cli.BoolFlag{Name: "kl", Usage: "read --kl-base and measure the divergence from it; the text is in it"},
			jsonFlag(`print {"ppl","stderr","nll","scored",...}, with --kl the divergence as well`),
		),
		Action: measurePerplexity,
	}
}

func measurePerplexity(c *cli.Context) error {
	rule := perplexity.Rule(c.String("rule"))
	basePath, kl := c.String("kl-base"), c.Bool("kl")
	switch {
	case rule != perplexity.Llama && rule != perplexity.All:
		return usage("--rule %s: want %s or %s", rule, perplexity.Llama, perplexity.All)
	case kl && basePath == "":
		return usage("--kl needs the base model's predictions: --kl-base FILE")
	case basePath != "" && rule != perplexity.Llama:
		return usage("--kl-base goes with the rule llama only")
	case c.Int("chunks") < 0:
		return usage("--chunks %d: want a number of windows", c.Int("chunks"))
	}
	if kl {
		return measureDivergence(c)
	}
	s, err := text(c)
	if err != nil {
		return err
	}
	p, err := openPerplexity(c, c.Int("ctx"))
	if err != nil {
		return err
	}
	defer p.Close()
	warnUTF8(c.App.ErrWriter, s)
	if rule == perplexity.Llama && c.String("file") != "" {
		s = strings.TrimSuffix(s, "\n") // llama.cpp's tools drop a file's last newline
	}
	p.opt.Rule = rule
	p.opt.Chunks = c.Int("chunks")
	ids, err := p.tok.Encode(s, tokenizer.Options{AddSpecial: rule == perplexity.Llama})
	if err != nil {
		return err
	}
	var r perplexity.Result
	measure := func() (err error) {
		r, err = perplexity.Measure(c.Context, p.runner.NewSequence(), ids, p.opt)
		return err
	}
	if basePath != "" {
		err = p.writeBase(basePath, ids, measure)
	} else {
		err = measure()
	}
	if err != nil {
		return err
	}
	return printPerplexity(c, r)
}

// measured is a model opened for a measurement.
type measured struct {
	*opened
	tok *tokenizer.Tokenizer
	opt perplexity.Options
}

// openPerplexity opens the model with a context of one window; 0 is the default.
func openPerplexity(c *cli.Context, window int) (*measured, error) {
	m, err := openModelContext(c, session.Options{Logits: 32}, window, perplexityWindow)
	if err != nil {
		return nil, err
	}
	p := &measured{opened: m, opt: perplexity.Options{Rule: perplexity.Llama, Window: m.runner.Context()}}
	if p.tok, err = openTokenizer(c, m.file); err != nil {
		m.Close()
		return nil, err
	}
	if bos, ok := p.tok.BOS(); ok && p.tok.AddsBOS() {
		p.opt.BOS, p.opt.AddBOS = bos, true
	}
	if !c.Bool("quiet") {
		p.opt.Progress = windowProgress(c.App.ErrWriter)
	}
	return p, nil
}

// writeBase measures and writes what the model foretold.
func (p *measured) writeBase(path string, ids []int32, measure func() error) error {
	chunks := len(ids) / p.opt.Window
	if p.opt.Chunks > 0 {
		chunks = min(chunks, p.opt.Chunks)
	}
	return writeWhole(path, func(w *bufio.Writer) error {
		base, err := perplexity.NewBaseWriter(w, p.opt.Window, p.model.Config.Vocab, chunks, ids)
		if err != nil {
			return err
		}
		p.opt.Score = func(_ int32, logits []float32) error { return base.Add(logits) }
		return measure()
	})
}

func measureDivergence(c *cli.Context) error {
	if c.NArg() > 0 || c.String("file") != "" {
		return usage("with --kl the text comes from --kl-base")
	}
	base, err := perplexity.OpenBase(c.String("kl-base"))
	if err != nil {
		return err
	}
	defer base.Close()
	if n := c.Int("ctx"); n != 0 && n != base.Window {
		return usage("--ctx %d: %s was made with %d", n, c.String("kl-base"), base.Window)
	}
	p, err := openPerplexity(c, base.Window)
	if err != nil {
		return err
	}
	defer p.Close()
	if v := p.model.Config.Vocab; v != base.Vocab {
		return fmt.Errorf("%s is of a model with a vocabulary of %d, %s has %d", c.String("kl-base"), base.Vocab, p.file.Path(), v)
	}
	p.opt.Chunks = base.Chunks
	if n := c.Int("chunks"); n > 0 {
		p.opt.Chunks = min(n, base.Chunks)
	}
	var d perplexity.Divergence
	p.opt.Score = func(token int32, logits []float32) error {
		logp, err := base.Next()
		if err != nil {
			return err
		}
		d.Add(logits, logp, token)
		return nil
	}
	r, err := perplexity.Measure(c.Context, p.runner.NewSequence(), base.IDs, p.opt)
	if err != nil {
		return err
	}
	return printDivergence(c, r, d.Summary())
}

// perplexityResult is what perplexity --json prints.
type perplexityResult struct {
	PPL         float64             `json:"ppl"`
	StdErr      float64             `json:"stderr"`
	NLL         float64             `json:"nll"`
	NLLPerToken float64             `json:"nll_per_token"`
	Scored      int                 `json:"scored"`
	Divergence  *perplexity.Summary `json:"divergence,omitempty"`
}

func newPerplexityResult(r perplexity.Result) perplexityResult {
	return perplexityResult{PPL: r.PPL(), StdErr: r.StdErr(), NLL: r.NLL, NLLPerToken: r.NLL / float64(max(r.Scored, 1)), Scored: r.Scored}
}

func printPerplexity(c *cli.Context, r perplexity.Result) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, newPerplexityResult(r))
	}
	_, err := fmt.Fprintf(c.App.Writer, "PPL = %.4f +/- %.5f  (%d tokens scored, -ln p = %.5f a token)\n", r.PPL(), r.StdErr(), r.Scored, r.NLL/float64(max(r.Scored, 1)))
	return err
}

func printDivergence(c *cli.Context, r perplexity.Result, s perplexity.Summary) error {
	if c.Bool("json") {
		out := newPerplexityResult(r)
		out.Divergence = &s
		return printJSON(c.App.Writer, out)
	}
	_, err := fmt.Fprintf(c.App.Writer, `PPL              %10.4f +/- %.5f
base PPL         %10.4f +/- %.5f
ln(PPL/base PPL) %10.6f +/- %.6f  (correlation %.2f %%)
KL divergence    %10.6f +/- %.6f  (median %.6f, 99 %% %.6f, max %.6f)
mean change of p %10.3f +/- %.3f %%
rms change of p  %10.3f +/- %.3f %%
same top token   %10.3f +/- %.3f %%  (%d tokens scored)
`, s.PPL.Value, s.PPL.StdErr, s.BasePPL.Value, s.BasePPL.StdErr, s.LogRatio.Value, s.LogRatio.StdErr, 100*s.Correlation,
		s.KLD.Value, s.KLD.StdErr, s.KLDs.Median, s.KLDs.P99, s.KLDs.Max,
		100*s.DeltaP.Value, 100*s.DeltaP.StdErr, 100*s.RMSDeltaP.Value, 100*s.RMSDeltaP.StdErr,
		100*s.SameTop.Value, 100*s.SameTop.StdErr, s.Scored)
	return err
}

// windowProgress prints a line for a window now and then: the first, and then at most one a
// second.
func windowProgress(w io.Writer) func(done, total int, r perplexity.Result) {
	begin := time.Now()
	last := begin.Add(-time.Hour)
	return func(done, total int, r perplexity.Result) {
		now := time.Now()
		if now.Sub(last) < time.Second && done < total {
			return
		}
		last = now
		left := time.Duration(float64(now.Sub(begin)) / float64(done) * float64(total-done)).Round(time.Second)
		fmt.Fprintf(w, "window %d of %d, PPL %.4f, %v left\n", done, total, r.PPL(), left)
	}
}
