package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/bench"
	"github.com/potion-engine/potion/engine/bench/chart"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
)

// What bench measures where it is not told, as llama-bench does.
const (
	benchPrompt = 512
	benchGen    = 128
)

func benchCommand() *cli.Command {
	list := func(name, usage, value string, aliases ...string) cli.Flag {
		return &cli.StringFlag{Name: name, Aliases: aliases, Value: value, Usage: usage + "; several with commas"}
	}
	device := func(name, usage, value string, aliases ...string) cli.Flag {
		return &cli.StringFlag{Name: name, Aliases: aliases, Value: value, Usage: usage + "; several with commas", Category: catModel}
	}
	return &cli.Command{
		Name:  "bench",
		Usage: "measure how fast a model runs",
		Description: `Times prompts (-p) and decoding (-n) on random tokens, after a warm-up, until the median is known
well enough. Bytes of weights and operations a second are held against what the same threads
reach in loops that do nothing else, measured in the same run: figures above that are refused.
Examples:

   potion bench
   potion bench -m model.gguf -p 512,2048 -n 128 -d 0,4096 --threads 4,8
   potion bench -m a.gguf -m b.gguf -p 0 -b 1,8,32 -o md
   potion bench --kv f16,q8_0 --activations f32,int16,int8 -o jsonl > results.jsonl
   potion bench -m model.gguf -p 512 -n 64 -d 0,1024,2048 -b 1,2,4,8 --plot model.svg`,
		Flags: append(gpuFlags(), []cli.Flag{
			&cli.StringSliceFlag{Name: "model", Aliases: []string{"m"}, Usage: "GGUF `FILE` or Hugging Face folder; repeatable", DefaultText: "the embedded demo model", Category: catModel},
			device("device", "`DEVICE` to run on: auto (a GPU if there is one), cpu, cuda, cuda:N or emulated", "auto"),
			requireFlag(),
			device("threads", "CPU `THREADS` to use; 0: all cores", "0", "t"),
			device("activations", "`FORMAT` of activations where weights are quantised: f32, int16 or int8", fastActivations),
			device("kv", "`FORMAT` of the KV cache: f32, f16 or q8_0", "f16"),
			list("p", "`TOKENS` of the prompt, 0 for no such test", strconv.Itoa(benchPrompt), "n-prompt"),
			list("n", "`TOKENS` to decode, 0 for no such test", strconv.Itoa(benchGen), "n-gen"),
			list("d", "`TOKENS` in the context before", "0", "n-depth"),
			list("b", "`SEQUENCES` to decode side by side", "1"),
			&cli.IntFlag{Name: "r", Aliases: []string{"repetitions"}, Value: 5, Usage: "`RUNS` of every test to time, at least"},
			&cli.Float64Flag{Name: "spread", Value: 0.01, Usage: "after -r runs, go on until the median is known to this `SHARE` of itself, or --max-time is over"},
			&cli.DurationFlag{Name: "max-time", Value: 10 * time.Second, Usage: "after -r runs, end a test that has taken this `LONG`, such as 30s"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the random tokens"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`FORM` of the results: table, md, csv, json or jsonl", Category: catOutput},
			&cli.StringFlag{Name: "plot", Usage: "draw throughput against context and batch, and the roofline, into `FILE`, whose name ends in .svg or .png", Category: catOutput},
			quietFlag(),
		}...),
		Action: runBench,
	}
}

var errBench = errors.New("results above the peak of the machine are refused")

func runBench(c *cli.Context) error {
	if c.NArg() > 0 {
		return usage("bench takes no TEXT")
	}
	p, err := newBenchPlan(c)
	if err != nil {
		return err
	}
	if c.IsSet("gpu") {
		return runGPUModel(c, p)
	}
	if err := checkWritable(p.plot); err != nil {
		return err
	}
	var out []bench.Record
	for _, s := range p.setups {
		records, err := p.measure(c, s)
		out = append(out, records...)
		if err != nil {
			// What was measured so far is worth having.
			return errors.Join(err, printBench(c.App.Writer, p.output, out))
		}
	}
	if err := printBench(c.App.Writer, p.output, out); err != nil {
		return err
	}
	if err := p.draw(out); err != nil {
		return err
	}
	for _, r := range out {
		if !r.Valid {
			return fmt.Errorf("%w: %s: %s", errBench, r.Test, r.Reason)
		}
	}
	return nil
}

// draw writes the picture that --plot asks for.
func (p *benchPlan) draw(records []bench.Record) error {
	if p.plot == "" {
		return nil
	}
	return writeWhole(p.plot, func(w *bufio.Writer) error { return chart.Write(w, plotForm(p.plot), records) })
}

// plotForm is the kind of picture that a file's name asks for.
func plotForm(path string) string {
	return strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
}

// measure does all tests on one setup.
func (p *benchPlan) measure(c *cli.Context, s benchSetup) ([]bench.Record, error) {
	tests, err := p.testsOf(s.model)
	if err != nil {
		return nil, err
	}
	c, err = s.context(c)
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory()
	bench.ResetPeakMemory()
	m, err := openModelContext(c, session.Options{}, 1, 1) // every test has a runner of its own
	if err != nil {
		return nil, err
	}
	defer m.Close()
	setup, err := p.describe(m, s)
	if err != nil {
		return nil, err
	}
	meter := energyMeter(c, m.backend.Info())
	if meter != nil {
		setup.EnergySource = meter.Source()
	}
	caches := bench.ReadCaches()
	var records []bench.Record
	for _, t := range tests {
		o := m.runner.Options()
		o.Context, o.Sequences, o.Logits, o.Chunk = t.Context(), t.Batch, t.Batch, 0
		begin := time.Now()
		result, rows, err := p.test(c, m, o, t, setup, meter)
		if err != nil {
			return p.judge(m, records, caches), err
		}
		setup.Chunk = rows
		level := weightsIn(m, caches)
		cost := t.Cost(m.model.Config, m.model.ReadBytes(), o.KV, rows)
		records = append(records, bench.NewRecord(setup, t, cost, result, level, begin))
	}
	return p.judge(m, records, caches), nil
}

func (p *benchPlan) testsOf(path string) ([]bench.Test, error) {
	f, err := modelfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ck, err := f.Checkpoint()
	if err != nil {
		return nil, err
	}
	return p.tests(ck.Config(), f.Path())
}

// context is c with the flags of one setup in place of the lists.
func (s benchSetup) context(c *cli.Context) (*cli.Context, error) {
	set, err := flagSet(&cli.Command{Name: "bench", Flags: deviceFlags(format.F16, fastActivations)})
	if err != nil {
		return nil, err
	}
	for _, f := range []struct{ name, value string }{
		{"model", s.model}, {"device", s.device}, {"threads", s.threads}, {"kv", s.kv}, {"activations", s.activations},
		{"require-gpu", strconv.FormatBool(c.Bool("require-gpu"))}, {"quiet", "true"},
	} {
		if err := setFlag(set, f.name, f.value); err != nil {
			return nil, err
		}
	}
	return cli.NewContext(c.App, set, c), nil
}

func setFlag(set *flag.FlagSet, name, value string) error {
	if err := set.Set(name, value); err != nil {
		return usage("--%s %s: %v", name, value, err)
	}
	return nil
}

// test does one test on a runner of its own, whose rows of a step it returns.
func (p *benchPlan) test(c *cli.Context, m *opened, o session.Options, t bench.Test, setup bench.Setup, meter bench.Meter) (bench.Measurement, int, error) {
	ck, err := m.file.Checkpoint()
	if err != nil {
		return bench.Measurement{}, 0, err
	}
	if err := checkMemory(ck, o, m.backend.Info()); err != nil {
		return bench.Measurement{}, 0, err
	}
	m.runner.Close()
	r, err := session.NewRunner(m.model, o)
	if err != nil {
		m.runner = nil
		return bench.Measurement{}, 0, err
	}
	m.runner = r
	line := benchLine{w: p.progress, setup: setup, test: t}
	result, err := bench.Measure(c.Context, r, t, p.limits, p.seed, meter, line.running)
	line.end(result.Stats, err)
	return result, r.Options().Chunk, err
}

// judge measures the peaks on the same threads and holds the records to them; a record
// above the peak gets a second look at the peak first.
func (p *benchPlan) judge(m *opened, records []bench.Record, caches bench.Caches) []bench.Record {
	if len(records) == 0 {
		return nil
	}
	memory := bench.PeakMemory()
	info := m.backend.Info()
	peaks := bench.Peaks{FlopsPerSec: info.PeakFlopsPerSec, Stated: true}
	switch {
	case info.Kind != "cpu" && weightsIn(m, caches) == bench.LevelMemory:
		peaks.BytesPerSec = info.PeakBytesPerSec
	case info.Kind == "cpu":
		buffer := caches.BufferBytes(m.model.ReadBytes())
		peaks = bench.MeasurePeaks(buffer, info.Units)
		if slices.ContainsFunc(records, func(r bench.Record) bool { return r.Exceeds(peaks) }) {
			peaks = peaks.Best(bench.MeasurePeaks(buffer, info.Units))
		}
	}
	for i := range records {
		records[i].PeakMemory = memory
		records[i].Judge(peaks)
	}
	return records
}

// gpuCache is more than the L2 cache of any GPU holds (126 MB, a B200's).
const gpuCache = 256 << 20

// weightsIn is the level of memory that the weights are read from. Where a GPU may have them
// in its cache, it is unknown, and the stated bandwidth of its memory says nothing.
func weightsIn(m *opened, caches bench.Caches) bench.Level {
	info, bytes := m.backend.Info(), m.model.ReadBytes()
	switch {
	case info.Kind == "cpu":
		return caches.Level(bytes, info.Units)
	case bytes > gpuCache:
		return bench.LevelMemory
	}
	return bench.LevelUnknown
}

// describe is the part of the records that the tests share.
func (p *benchPlan) describe(m *opened, s benchSetup) (bench.Setup, error) {
	info := m.backend.Info()
	ck, err := m.file.Checkpoint()
	if err != nil {
		return bench.Setup{}, err
	}
	kind, parameters, err := bench.Describe(ck)
	if err != nil {
		return bench.Setup{}, err
	}
	kv := strings.ToLower(m.runner.Options().KV.String())
	setup := bench.Setup{
		BuildCommit: p.build, Version: p.module, Command: p.commandLine,
		CPU: cpuid.CPU.BrandName, Backend: strings.ToUpper(info.Kind), Features: strings.Join(info.Features, " "),
		Model: m.file.Path(), ModelType: kind, ModelBytes: model.Bytes(ck), Parameters: parameters,
		TypeK: kv, TypeV: kv, Activations: s.activations, Seed: p.seed, LoadNS: m.load.Nanoseconds(),
	}
	switch info.Kind {
	case "cpu":
		setup.CPU, setup.Threads = info.Name, info.Units
	case "cuda":
		setup.GPU = info.Name
	}
	if info.Kind != "cpu" && setup.Activations == "int16" {
		setup.Activations = "f32" // int16 is for CPUs
	}
	return setup, nil
}
