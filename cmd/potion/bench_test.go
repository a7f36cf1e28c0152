package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/bench"
)

// quick is a bench of the demo model that takes a moment.
func quick(args ...string) []string {
	return append([]string{"bench", "--device", "cpu", "-r", "1", "--max-time", "1ms", "-p", "8", "-n", "2"}, args...)
}

func TestBenchJSON(t *testing.T) {
	t.Parallel()
	args := quick("-o", "json", "-d", "0,16", "-b", "1,3", "--threads", "1", "--kv", "f16, q8_0", "--seed", "5")
	out, stderr, code := potion(t, "", args...)
	// On a busy machine a figure may be refused; what is printed is complete all the same.
	if code != 0 && !strings.Contains(stderr, errBench.Error()) {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var records []bench.Record
	if err := json.Unmarshal([]byte(out), &records); err != nil {
		t.Fatal(err)
	}
	var tests []string
	for _, r := range records[:6] {
		tests = append(tests, r.Test)
	}
	if got, want := strings.Join(tests, ","), "pp8,tg2,tg2 x3,pp8 @ d16,tg2 @ d16,tg2 x3 @ d16"; got != want {
		t.Errorf("tests %s, want %s", got, want)
	}
	if len(records) != 6*2 {
		t.Fatalf("%d records", len(records))
	}
	r := records[6] // the second KV format
	if r.TypeK != "q8_0" || r.Threads != 1 || r.Backend != "CPU" || r.Parameters != 5853184 || r.ModelType != "gpt2 5.9M Q8_0" ||
		r.Seed != 5 || r.LoadNS <= 0 || len(r.SamplesNS) != 1 || r.Chunk != 8 {
		t.Errorf("record %+v", r)
	}
	if want := "potion bench --device cpu -r 1 --max-time 1ms"; !strings.HasPrefix(r.Command, want) || !strings.Contains(r.Command, "--kv 'f16, q8_0'") {
		t.Errorf("command %s", r.Command)
	}
	if lines := strings.Count(stderr, " tok/s\n"); lines != len(records) {
		t.Errorf("%d lines of progress:\n%s", lines, stderr)
	}
}

func TestBenchForms(t *testing.T) {
	t.Parallel()
	for form, want := range map[string][]string{
		"table": {"│ gpt2 5.9M Q8_0", "GB/s", "pp8", "tg2", "ratio", "peak "},
		"md":    {"| model | size |", "| pp8 |", "\n- potion "},
		"jsonl": {"\"test\":\"pp8\"", "}\n{"},
		"csv":   {"build_commit,version,command,", ",pp8,8,0,0,1,"},
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			out, stderr, code := potion(t, "", quick("-o", form, "-q", "-t", "1,2")...)
			if code != 0 && !strings.Contains(stderr, errBench.Error()) {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("no %q in\n%s", w, out)
				}
			}
			if code == 0 && stderr != "" {
				t.Errorf("with -q, stderr says %q", stderr)
			}
			if form != "csv" {
				return
			}
			if rows, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(rows) != 5 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		})
	}
}

func TestBenchPlot(t *testing.T) {
	t.Parallel()
	for form, start := range map[string]string{"svg": "<?xml", "PNG": "\x89PNG"} {
		path := filepath.Join(t.TempDir(), "bench."+form)
		_, stderr, code := potion(t, "", quick("-q", "-b", "1,2", "--plot", path)...)
		if code != 0 {
			if !strings.Contains(stderr, errBench.Error()) {
				t.Errorf("%s: exit code %d: %s", form, code, stderr)
			}
			continue // all figures may have been refused on a busy machine
		}
		if picture, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(picture), start) {
			t.Errorf("%s: %.20q, %v", form, picture, err)
		}
	}
}

// A refused record says so instead of a figure.
func TestBenchRefused(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := bench.Record{Test: "tg2", Reason: "faster than light"}
	if err := printBench(&out, "table", []bench.Record{r}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "invalid") || !strings.Contains(got, "tg2 is refused: faster than light") {
		t.Errorf("printed\n%s", got)
	}
	if errors.Is(errBench, errUsage) {
		t.Error("a refused result is no mistake on the command line")
	}
}

func TestBenchMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-p", "0", "-n", "0"}, exitUsage, "nothing to measure"},
		{[]string{"-p", "1,x"}, exitUsage, "-p 1,x"},
		{[]string{"-b", "0"}, exitUsage, "-b 0"},
		{[]string{"-r", "0"}, exitUsage, "-r 0"},
		{[]string{"--threads", "x,1"}, exitUsage, "--threads x"},
		{[]string{"--kv", "q4_0,f16"}, exitUsage, "--kv q4_0"},
		{[]string{"-o", "yaml"}, exitUsage, "--output yaml"},
		{[]string{"--plot", "b.gif"}, exitUsage, "--plot b.gif: want a name that ends in .svg or .png"},
		{[]string{"--plot", "nowhere/b.svg"}, exitFailed, "nowhere/b.svg"},
		{[]string{"text"}, exitUsage, "no TEXT"},
		{[]string{"-p", "512"}, exitFailed, "pp512 needs a context of 512 tokens; this model has 256 positions"},
		{[]string{"-d", "256"}, exitFailed, "needs a context"},
		{[]string{"-m", "nothing.gguf"}, exitFailed, "nothing.gguf: no such file"},
	} {
		_, stderr, code := potion(t, "", append([]string{"bench", "--device", "cpu", "--max-time", "1ms", "-r", "1", "-n", "1"}, test.args...)...)
		if code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("bench %q: exit code %d, %q; want %d, %q", test.args, code, stderr, test.code, test.want)
		}
	}
}

// A GPU beside the CPU, here one in software, and how many times as fast it is.
func TestBenchSideBySide(t *testing.T) {
	t.Parallel()
	out, stderr, code := potion(t, "", "bench", "--device", "cpu,emulated", "-r", "1", "--max-time", "1ms", "-p", "4", "-n", "1", "-o", "md", "-q")
	if strings.Contains(stderr, "built without CUDA") {
		t.Skip("built without CUDA: there is no emulator to compare with")
	}
	if code != 0 && !strings.Contains(stderr, errBench.Error()) {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"| CPU |", "| EMULATED |", "| ratio |", "1.00x", "emulated is a GPU in software", "the peak of emulated is not known"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestRatio(t *testing.T) {
	t.Parallel()
	for want, x := range map[string]float64{"1.00x": 1, "12.35x": 12.346, "0.50x": 0.5, "0.0099x": 0.00994} {
		if got := ratio(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}

// Energy has a column where it is known, and a note of what counts it.
func TestBenchEnergy(t *testing.T) {
	t.Parallel()
	joules := 0.125
	with := bench.Record{Test: "tg2", Valid: true, Energy: &joules, AvgTS: &joules, StddevTS: &joules, MedianTS: &joules}
	with.EnergySource, with.Backend = "RAPL, package-0", "CPU"
	without := with
	without.Energy, without.EnergySource = nil, ""
	for want, records := range map[string][]bench.Record{"J/tok": {with, without}, "": {without}} {
		var out strings.Builder
		if err := printBench(&out, "md", records); err != nil {
			t.Fatal(err)
		}
		told := strings.Contains(out.String(), "J/tok") && strings.Contains(out.String(), "| 0.125 |") && strings.Contains(out.String(), "energy as RAPL, package-0 counts it")
		if told != (want != "") || want == "" && strings.Contains(out.String(), "nergy") {
			t.Errorf("%d records:\n%s", len(records), out.String())
		}
	}
}

func TestBuildCommit(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"0.1-170-gdfcf9ad": "dfcf9ad", "v1.2.3-4-g0123456789ab-dirty": "0123456789ab-dirty", "dfcf9ad": "dfcf9ad", "dfcf9ad-dirty": "dfcf9ad-dirty",
		"devel": "", "v1.2.3": "", "1234": "",
	} {
		got := ""
		if m := described.FindStringSubmatch(v); m != nil {
			got = m[1] + m[2]
		}
		if got != want {
			t.Errorf("version %s: commit %q, want %q", v, got, want)
		}
	}
	stamped := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}}
	if got := stampedCommit(stamped); got != "0123456789ab-dirty" {
		t.Errorf("stamped: %q", got)
	}
	if got := stampedCommit(nil); got != "" {
		t.Errorf("not stamped: %q", got)
	}
}
