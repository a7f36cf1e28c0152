package main

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/bench"
	"github.com/potion-engine/potion/engine/bench/chart"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/session"
)

// benchSetup is what a model is opened with.
type benchSetup struct{ model, device, threads, kv, activations string }

// benchPlan is a command line understood.
type benchPlan struct {
	setups        []benchSetup
	p, n, d, b    []int
	fitP, fitN    bool // the defaults, which give way to a short context
	limits        bench.Limits
	seed          uint64
	output, plot  string
	progress      io.Writer
	commandLine   string
	build, module string // commit, version
}

func newBenchPlan(c *cli.Context) (*benchPlan, error) {
	p := &benchPlan{
		fitP: !c.IsSet("p"), fitN: !c.IsSet("n"), seed: c.Uint64("seed"),
		output: c.String("output"), plot: c.String("plot"),
		limits:      bench.Limits{Repetitions: c.Int("r"), Spread: c.Float64("spread"), Time: c.Duration("max-time")},
		progress:    c.App.ErrWriter,
		commandLine: commandLine(c), build: buildCommit(), module: versionText(),
	}
	if c.Bool("quiet") {
		p.progress = io.Discard
	}
	if !slices.Contains(benchForms, p.output) {
		return nil, usage("--output %s: want one of %s", p.output, strings.Join(benchForms, ", "))
	}
	if p.plot != "" && !slices.Contains(chart.Forms, plotForm(p.plot)) {
		return nil, usage("--plot %s: want a name that ends in .%s", p.plot, strings.Join(chart.Forms, " or ."))
	}
	if p.limits.Repetitions < 1 || p.limits.Repetitions > 1e6 {
		return nil, usage("-r %d: want 1 to 1000000", p.limits.Repetitions)
	}
	if !(p.limits.Spread >= 0) {
		return nil, usage("--spread %v: want a share such as 0.01", p.limits.Spread)
	}
	for _, f := range []struct {
		name string
		dst  *[]int
		low  int
		high int
	}{{"p", &p.p, 0, math.MaxInt32 / 4}, {"n", &p.n, 0, math.MaxInt32 / 4}, {"d", &p.d, 0, math.MaxInt32 / 4}, {"b", &p.b, 1, session.DefaultChunk}} {
		var err error
		if *f.dst, err = numbers(c, f.name, f.low, f.high); err != nil {
			return nil, err
		}
	}
	models := c.StringSlice("model")
	if len(models) == 0 {
		models = []string{""}
	}
	for _, name := range models {
		m, err := modelPath(name)
		if err != nil {
			return nil, err
		}
		for _, device := range words(c, "device") {
			for _, threads := range words(c, "threads") {
				for _, kv := range words(c, "kv") {
					for _, a := range words(c, "activations") {
						p.setups = append(p.setups, benchSetup{m, device, threads, kv, a})
					}
				}
			}
		}
	}
	return p, nil
}

// words reads a flag that lists words with commas between them.
func words(c *cli.Context, name string) []string {
	list := strings.Split(c.String(name), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// numbers reads a flag that lists numbers.
func numbers(c *cli.Context, name string, low, high int) ([]int, error) {
	var list []int
	for _, s := range words(c, name) {
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			return nil, usage("-%s %s: want numbers from %d to %d with commas between them", name, c.String(name), low, high)
		}
		list = append(list, n)
	}
	return list, nil
}

// tests is what is measured of a model. A test that the user asked for and that does not fit
// is an error; the defaults shrink to fit.
func (p *benchPlan) tests(config *model.Config, name string) ([]bench.Test, error) {
	var list []bench.Test
	add := func(t bench.Test, shrinks bool) error {
		room := math.MaxInt
		if config.Learned || shrinks {
			room = config.Context - t.Depth
		}
		if shrinks {
			t.Prompt, t.Gen = min(t.Prompt, room), min(t.Gen, room)
		}
		if t.Prompt+t.Gen > room || shrinks && room <= 0 {
			return fmt.Errorf("%s: %s needs a context of %d tokens; this model has %d positions", name, t.Name(), t.Context(), config.Context)
		}
		if n := t.Context(); n > config.Context {
			fmt.Fprintf(p.progress, "potion: warning: %s: %s reads %d tokens, more than the %d the model was trained for\n", name, t.Name(), n, config.Context)
		}
		list = append(list, t)
		return nil
	}
	for _, d := range p.d {
		for _, n := range p.p {
			if n == 0 {
				continue
			}
			if err := add(bench.Test{Prompt: n, Depth: d, Batch: 1}, p.fitP); err != nil {
				return nil, err
			}
		}
		for _, b := range p.b {
			for _, n := range p.n {
				if n == 0 {
					continue
				}
				if err := add(bench.Test{Gen: n, Depth: d, Batch: b}, p.fitN); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(list) == 0 {
		return nil, usage("-p 0 -n 0 leave nothing to measure")
	}
	return list, nil
}

// commandLine is what was typed, quoted for a shell.
func commandLine(c *cli.Context) string {
	words := []string{"potion"}
	lineage := c.Lineage()
	for _, w := range lineage[min(1, len(lineage)-1)].Args().Slice() {
		if w == "--" {
			break // flagsFirst ends the flags so
		}
		words = append(words, shellQuoted(w))
	}
	return strings.Join(words, " ")
}

// shellQuoted is a word as a shell takes it for one.
func shellQuoted(w string) string {
	if w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !strings.ContainsRune(plainLetters, r) }) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

const plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%"

// described is a version as git describe gives it: a tag and how far beyond, or a commit alone.
var described = regexp.MustCompile(`^(?:.*-g)?([0-9a-f]{7,40})(-dirty)?$`)

// buildCommit is the commit that the program was built from, as Go or else the Makefile has
// written it down.
func buildCommit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if commit := stampedCommit(info.Settings); commit != "" {
			return commit
		}
	}
	if m := described.FindStringSubmatch(version); m != nil {
		return m[1] + m[2]
	}
	return "unknown"
}

// stampedCommit is what go build has noted; "" if it was not asked to or saw no repository.
func stampedCommit(settings []debug.BuildSetting) string {
	commit, changed := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "-dirty"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}
