package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine/bench"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
)

// Mean, deviation and median are Python's: statistics.mean, stdev and median.
func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		samples                         []float64
		mean, deviation, median, spread float64
	}{
		{[]float64{10, 12, 11, 30, 11.5}, 14.9, 8.473488, 11.5, 0.036130},
		{[]float64{4, 2, 3, 1}, 2.5, 1.290994, 2.5, 1.2533 * 1.4826 * 1 / 2 / 2.5},
		{[]float64{7, 7, 7}, 7, 0, 7, 0},
		{[]float64{7, 9}, 8, math.Sqrt2, 8, math.Inf(1)},
		{[]float64{7}, 7, 0, 7, math.Inf(1)},
		{nil, 0, 0, 0, math.Inf(1)},
	} {
		s := bench.Summarize(test.samples)
		for _, v := range []struct {
			name      string
			got, want float64
		}{{"mean", s.Mean, test.mean}, {"deviation", s.Deviation, test.deviation}, {"median", s.Median, test.median}, {"spread", s.Spread, test.spread}} {
			if v.got != v.want && !(math.Abs(v.got-v.want) <= 1e-5) {
				t.Errorf("%v: %s %v, want %v", test.samples, v.name, v.got, v.want)
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for want, test := range map[string]bench.Test{
		"pp512":             {Prompt: 512, Batch: 1},
		"tg128":             {Gen: 128, Batch: 1},
		"pp512 @ d1024":     {Prompt: 512, Depth: 1024, Batch: 1},
		"tg128 x8 @ d16384": {Gen: 128, Depth: 16384, Batch: 8},
	} {
		if got := test.Name(); got != want {
			t.Errorf("%+v is called %q, want %q", test, got, want)
		}
	}
}

// A model small enough to count by hand: 2 layers, the second one windowed.
func TestCost(t *testing.T) {
	t.Parallel()
	c := &model.Config{
		Layers: 2, Width: 8, Heads: 4, KVHeads: 2, HeadDim: 2, Hidden: 16, Vocab: 10, FFN: model.SwiGLU,
		Window: 3, Windowed: []bool{false, true},
	}
	// One row: q and o 8*8 each, k and v 8*4 each, gate, up and down 8*16 each.
	const layers = 2 * 2 * (64 + 64 + 32 + 32 + 3*128)
	const output = 2 * 8 * 10
	// A position of a layer: 4*H*D operations, and 2*G*D numbers of 2 bytes.
	const perSeen, bytesSeen = 4 * 8, 2 * 4 * 2
	for _, test := range []struct {
		test  bench.Test
		steps int
		seen  int64 // positions, over layers and rows
		read  int64 // positions whose keys and values are read
		flops float64
	}{
		{bench.Test{Gen: 2, Batch: 1}, 2, 1 + 1 + 2 + 2, 6, 2 * (layers + output)},
		{bench.Test{Gen: 1, Depth: 9, Batch: 1}, 1, 10 + 3, 13, layers + output},
		{bench.Test{Gen: 1, Depth: 9, Batch: 5}, 1, 5 * 13, 5 * 13, 5 * (layers + output)},
		// Chunks of 2: rows 0,1 and 2,3 and 4.
		{bench.Test{Prompt: 5, Batch: 1}, 3, (1 + 2 + 3 + 4 + 5) + (1 + 2 + 3 + 3 + 3), (2 + 2) + (4 + 3) + (5 + 3), 5*layers + output},
	} {
		got := test.test.Cost(c, 1000, format.F16, 2)
		want := bench.Cost{Steps: test.steps, WeightBytes: 1000 * int64(test.steps), KVBytes: test.read * bytesSeen, Flops: test.flops + float64(test.seen*perSeen)}
		if got != want {
			t.Errorf("%s: %+v, want %+v", test.test.Name(), got, want)
		}
	}
}

// demo is a Runner on the embedded model.
func demo(t *testing.T, o session.Options) *session.Runner {
	t.Helper()
	f, err := modelfile.Open("")
	if err != nil {
		t.Fatal(err)
	}
	ck, err := f.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	b, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(context.Background(), b, ck, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := session.NewRunner(m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); m.Close(); b.Close(); f.Close() })
	return r
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	r := demo(t, session.Options{Context: 32, Sequences: 3, Logits: 3, Chunk: 8})
	limits := bench.Limits{Repetitions: 2}
	for _, test := range []bench.Test{
		{Prompt: 20, Depth: 12, Batch: 1},
		{Gen: 4, Depth: 28, Batch: 3},
		{Gen: 32, Batch: 1},
	} {
		told := 0
		m, err := bench.Measure(context.Background(), r, test, limits, 1, nil, func(s bench.Stats) { told = s.N })
		if err != nil {
			t.Fatalf("%s: %v", test.Name(), err)
		}
		if len(m.Samples) != 2 || told != 2 || m.Stats.N != 2 || !(m.Stats.Median > 0) {
			t.Errorf("%s: %+v", test.Name(), m)
		}
	}
	// Every page is back after a test: the context of three sequences was full.
	var full *session.ContextError
	if _, err := bench.Measure(context.Background(), r, bench.Test{Gen: 33, Batch: 1}, limits, 1, nil, nil); !errors.As(err, &full) {
		t.Errorf("a test longer than the context: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	limits = bench.Limits{Repetitions: 1 << 30}
	if _, err := bench.Measure(ctx, r, bench.Test{Gen: 4, Batch: 1}, limits, 1, nil, func(bench.Stats) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled test: %v", err)
	}
}

// Runs go on past the repetitions while the spread is too large, until time is up.
func TestLimits(t *testing.T) {
	t.Parallel()
	r := demo(t, session.Options{Context: 32})
	test := bench.Test{Gen: 1, Batch: 1}
	for _, l := range []struct {
		name   string
		limits bench.Limits
		enough func(n int) bool
	}{
		{"spread reached", bench.Limits{Repetitions: 3, Spread: 1e9, Time: time.Hour}, func(n int) bool { return n == 3 }},
		{"time is up", bench.Limits{Repetitions: 3, Spread: 0, Time: time.Nanosecond}, func(n int) bool { return n == 3 }},
		{"goes on", bench.Limits{Repetitions: 3, Spread: -1, Time: 200 * time.Millisecond}, func(n int) bool { return n > 3 }},
	} {
		m, err := bench.Measure(context.Background(), r, test, l.limits, 1, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !l.enough(len(m.Samples)) {
			t.Errorf("%s: %d runs", l.name, len(m.Samples))
		}
	}
}

func TestPeaks(t *testing.T) {
	t.Parallel()
	for _, bytes := range []int64{0, 100, 5_000_001} {
		p := bench.MeasurePeaks(bytes, 2)
		// Nothing that Go runs on is slower or faster than this.
		if !(p.BytesPerSec > 1e7) || p.BytesPerSec > 1e14 || !(p.FlopsPerSec > 1e6) || p.FlopsPerSec > 1e14 {
			t.Errorf("%d bytes: %+v", bytes, p)
		}
		if p.Threads != 2 || p.Set == "" || p.BufferBytes <= 0 || p.BufferBytes > max(bytes, 2*4096) {
			t.Errorf("%d bytes: %+v", bytes, p)
		}
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	c := bench.Caches{L2: 1 << 20, L3: 32 << 20}
	for _, test := range []struct {
		bytes  int64
		want   bench.Level
		cached bool
	}{
		{2 << 20, bench.LevelL2, true}, {2<<20 + 1, bench.LevelL3, true}, {32 << 20, bench.LevelL3, true}, {32<<20 + 1, bench.LevelMemory, false},
	} {
		if got := c.Level(test.bytes, 2); got != test.want || got.Cached() != test.cached {
			t.Errorf("%d bytes: %s, want %s", test.bytes, got, test.want)
		}
	}
	if got := (bench.Caches{}).Level(1, 2); got != bench.LevelUnknown {
		t.Errorf("caches of unknown size: %s", got)
	}
	if got := c.BufferBytes(5 << 30); got != 1<<30 {
		t.Errorf("buffer for 5 GiB: %d", got)
	}
}

func TestPeakMemory(t *testing.T) {
	bench.ResetPeakMemory()
	if n := bench.PeakMemory(); n != 0 && (n < 1<<20 || n > 1<<40) {
		t.Errorf("this process takes %d bytes", n)
	}
}

func record(t *testing.T, activations string) bench.Record {
	t.Helper()
	m := bench.Measurement{Samples: []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}}
	m.Stats = bench.Summarize([]float64{1, 2, 3})
	energy := 0.25
	m.JoulesPerToken = &energy
	cost := bench.Cost{Steps: 10, WeightBytes: 20e9, Flops: 400e9}
	setup := bench.Setup{Chunk: 256, Activations: activations}
	return bench.NewRecord(setup, bench.Test{Gen: 10, Batch: 2}, cost, m, bench.LevelMemory, time.Unix(1, 0))
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		activations string
		peaks       bench.Peaks
		valid       bool
	}{
		{"below the peaks", "f32", bench.Peaks{BytesPerSec: 20e9, FlopsPerSec: 800e9}, true},
		{"at the peaks", "f32", bench.Peaks{BytesPerSec: 10e9, FlopsPerSec: 200e9}, true},
		{"above the bandwidth", "f32", bench.Peaks{BytesPerSec: 9.9e9, FlopsPerSec: 800e9}, false},
		{"above the operations", "f32", bench.Peaks{BytesPerSec: 20e9, FlopsPerSec: 199e9}, false},
		{"integer operations", "int8", bench.Peaks{BytesPerSec: 20e9, FlopsPerSec: 199e9}, true},
		{"peaks unknown", "f32", bench.Peaks{Stated: true}, true},
	} {
		r := record(t, test.activations)
		if *r.GBs != 10 || *r.GFLOPs != 200 || *r.MedianTS != 10 || math.Abs(*r.AvgTS-(20+10+20./3)/3) > 1e-12 {
			t.Fatalf("figures %v GB/s, %v GFLOP/s, %v and %v tok/s", *r.GBs, *r.GFLOPs, *r.MedianTS, *r.AvgTS)
		}
		r.Judge(test.peaks)
		if r.Valid != test.valid {
			t.Errorf("%s: valid is %v: %s", test.name, r.Valid, r.Reason)
		}
		if !r.Valid && (r.AvgTS != nil || r.MedianTS != nil || r.GBs != nil || r.Energy != nil || r.SamplesTS != nil || r.Reason == "" || len(r.SamplesNS) != 3) {
			t.Errorf("%s: figures are left: %+v", test.name, r)
		}
		matchSchema(t, r)
	}
	r := record(t, "f32")
	r.Judge(bench.Peaks{BytesPerSec: 20e9, FlopsPerSec: 800e9})
	if r.Energy == nil || *r.Energy != 0.25 {
		t.Errorf("energy %v", r.Energy)
	}
	if *r.ShareGBs != 0.5 || *r.ShareGFLOPs != 0.25 {
		t.Errorf("shares %v and %v", *r.ShareGBs, *r.ShareGFLOPs)
	}
}

// matchSchema holds a record to Schema: the keywords that it uses.
func matchSchema(t *testing.T, r bench.Record) {
	t.Helper()
	type property struct {
		Type             any
		Enum             []string
		Minimum, Maximum *float64
	}
	var schema struct {
		Required   []string
		Properties map[string]property
	}
	if err := json.Unmarshal(bench.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range schema.Required {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name, v := range got {
		p, ok := schema.Properties[name]
		if !ok {
			t.Errorf("the schema has no %s", name)
			continue
		}
		kind := map[bool]string{true: "null"}[v == nil]
		switch v := v.(type) {
		case string:
			kind = "string"
			if p.Enum != nil && !strings.Contains("\x00"+strings.Join(p.Enum, "\x00")+"\x00", "\x00"+v+"\x00") {
				t.Errorf("%s is %q, want one of %q", name, v, p.Enum)
			}
		case bool:
			kind = "boolean"
		case []any:
			kind = "array"
		case float64:
			kind = "number"
			if p.Minimum != nil && v < *p.Minimum || p.Maximum != nil && v > *p.Maximum {
				t.Errorf("%s is %v", name, v)
			}
			if p.Type == "integer" && v == math.Trunc(v) {
				kind = "integer"
			}
		}
		allowed, _ := json.Marshal(p.Type)
		if !strings.Contains(string(allowed), `"`+kind+`"`) {
			t.Errorf("%s is a %s, the schema wants %s", name, kind, allowed)
		}
	}
}
