package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/explain"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "sarah.html")
	for _, test := range []struct {
		name  string
		args  []string
		says  []string
		never []string
	}{
		{"whole", nil, []string{"feeling ____", "_very", "17%", "Layer 1 of 6", "Layer 6 of 6", "The answer settled after layer 4"}, nil},
		{"an earlier token", []string{"--token", "7"}, []string{"Sarah lies still on the ____", "[7 _the]", "_grass"}, []string{"_very "}},
		{"from the end", []string{"--token", "-2"}, []string{"[9 ,]"}, nil},
		{"layer", []string{"--layer", "3"}, []string{"Layer 3 of 6", "Taken in head 8:"}, []string{"Layer 4"}},
		{"layer and head", []string{"--layer", "3", "--head", "2"}, []string{"Taken in head 2:"}, []string{"Taken in head 3:", "averaged"}},
		{"top", []string{"--top", "1"}, []string{"_very"}, []string{"_sick"}},
		{"page as well", []string{"--html", page}, []string{"Layer 6 of 6"}, nil},
		{"schema", []string{"--schema"}, []string{"json-schema.org"}, []string{"_very"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out := must(t, "", append([]string{"explain", sarah}, test.args...)...)
			for _, s := range test.says {
				if !strings.Contains(out, s) {
					t.Errorf("%q is missing:\n%s", s, out)
				}
			}
			for _, s := range append(test.never, "\x1b") {
				if strings.Contains(out, s) {
					t.Errorf("%q is there:\n%s", s, out)
				}
			}
		})
	}
}

func TestExplainJSONAndPage(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "sarah.html")
	var e struct {
		Model     explain.Model
		Tokens    []explain.Token
		Token     int
		Attention [][][][]float32
		Lens      []explain.Lens
	}
	if err := json.Unmarshal([]byte(must(t, sarah, "explain", "-", "--json", "--html", page, "--token", "3")), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Tokens) != 10 || e.Token != 2 || len(e.Attention) != 6 || len(e.Attention[0]) != 8 || len(e.Lens) != 10 || e.Model.Device != "cpu" {
		t.Errorf("%d tokens, token %d, %d lenses, %+v", len(e.Tokens), e.Token, len(e.Lens), e.Model)
	}
	text, err := os.ReadFile(page)
	if err != nil || !bytes.HasPrefix(text, []byte("<!doctype html>")) || !bytes.Contains(text, []byte("<title>How the next word came about: Sarah</title>")) {
		t.Errorf("the page: %v, %.200s", err, text)
	}
	// The lens of one token only, and token ids in place of a text.
	if err := json.Unmarshal([]byte(must(t, "", "explain", "--ids", "50,290", "--json", "--lens", "token")), &e); err != nil || len(e.Lens) != 1 || e.Lens[0].Token != 1 {
		t.Errorf("%v, %d lenses", err, len(e.Lens))
	}
}

func TestPredict(t *testing.T) {
	t.Parallel()
	table := must(t, "", "predict", sarah, "--top", "2")
	for _, s := range []string{`" very"`, "17.06%", "2.55", `" sick"`, "bits"} {
		if !strings.Contains(table, s) {
			t.Errorf("%q is missing:\n%s", s, table)
		}
	}
	var next predicted
	if err := json.Unmarshal([]byte(must(t, "", "predict", sarah, "--json")), &next); err != nil {
		t.Fatal(err)
	}
	if c := next.Candidates; next.Tokens != 10 || len(c) != 10 || c[0].ID != 466 || c[0].Text != " very" || c[1].Rank != 2 || !(c[0].SurprisalBits > c[0].SurprisalNats) || !(next.EntropyBits > 1) {
		t.Errorf("%+v", next)
	}
}

func TestPredictAll(t *testing.T) {
	t.Parallel()
	const story = sarah + " very tired."
	var all predictedAll
	if err := json.Unmarshal([]byte(must(t, "", "predict", "--all", "--json", story)), &all); err != nil {
		t.Fatal(err)
	}
	very := all.Places[9]
	if all.Tokens != 13 || len(all.Places) != 12 || very.Text != " very" || very.Rank != 1 || very.Position != 10 || very.Expected[0].ID != very.ID {
		t.Errorf("%d tokens, %d places, %+v", all.Tokens, len(all.Places), very)
	}
	// perplexity --rule all scores the same tokens.
	var ppl struct{ PPL float64 }
	if err := json.Unmarshal([]byte(must(t, "", "perplexity", "--rule", "all", "--json", story)), &ppl); err != nil {
		t.Fatal(err)
	}
	if d := all.Perplexity/ppl.PPL - 1; d > 1e-5 || d < -1e-5 {
		t.Errorf("perplexity %v, potion perplexity says %v", all.Perplexity, ppl.PPL)
	}
	table := must(t, "", "predict", "--all", "--unit", "nats", story)
	for _, s := range []string{`" feeling"`, "87.93%", "nats a token on average"} {
		if !strings.Contains(table, s) {
			t.Errorf("%q is missing:\n%s", s, table)
		}
	}
}

func TestExplainFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	long := strings.Repeat("once ", 300)
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"explain"}, exitUsage, "needs a TEXT"},
		{[]string{"explain", ""}, exitFailed, "prompt is empty"},
		{[]string{"explain", long}, exitFailed, "do not fit the context of 256"},
		{[]string{"explain", strings.Repeat("once ", 600)}, exitFailed, "at most 512 can be explained"},
		{[]string{"explain", "a", "--token", "2"}, exitUsage, "the tokens 1 to 1"},
		{[]string{"explain", "a", "--token", "0"}, exitUsage, "--token 0"},
		{[]string{"explain", "a", "--layer", "7"}, exitUsage, "layers 1 to 6"},
		{[]string{"explain", "a", "--head", "0"}, exitUsage, "heads 1 to 8"},
		{[]string{"explain", "a", "--top", "0"}, exitUsage, "--top 0"},
		{[]string{"explain", "a", "--lens", "some"}, exitUsage, "all or token"},
		{[]string{"explain", "a", "--html", filepath.Join(dir, "no", "x.html")}, exitFailed, "x.html"},
		{[]string{"explain", "a", "--svg", filepath.Join(dir, "no", "x.svg")}, exitFailed, "x.svg: no file can be made in"},
		{[]string{"explain", "a", "--html", dir}, exitFailed, "is a folder"},
		{[]string{"explain", "--ids", "1,5000"}, exitFailed, "5000"},
		{[]string{"explain", "--ids", "1", "a"}, exitUsage, "both given"},
		{[]string{"predict"}, exitUsage, "needs a TEXT"},
		{[]string{"predict", long}, exitFailed, "do not fit the context of 256"},
		{[]string{"predict", "--all", "a"}, exitFailed, "one token"},
		{[]string{"predict", "a", "--unit", "hartleys"}, exitUsage, "bits or nats"},
		{[]string{"predict", "a", "--top", "-1"}, exitUsage, "--top -1"},
	} {
		t.Run(strings.Join(test.args, " ")[:min(40, len(strings.Join(test.args, " ")))], func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := potion(t, "", test.args...)
			if code != test.code || !strings.Contains(stderr, test.says) || stdout != "" {
				t.Errorf("exit code %d, %q, stdout %q; want %d and %q", code, stderr, stdout, test.code, test.says)
			}
		})
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestExplainSVG(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sarah.svg")
	_, stderr, code := potion(t, "", "explain", "--device", "cpu", "-q", "--svg", path, "--top", "3", "Sarah lies at $HOME")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	picture, err := os.ReadFile(path)
	if want := `$ potion explain --top 3 &#34;Sarah lies at \$HOME&#34;`; err != nil || !strings.Contains(string(picture), want) {
		t.Errorf("no %q in %.900s, %v", want, picture, err)
	}
}

// The CUDA backend, here on the emulator, explains every architecture as the CPU does.
func TestExplainOnEveryDevice(t *testing.T) {
	t.Parallel()
	const models = "../../engine/model/testdata/"
	folders, err := os.ReadDir(models)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			t.Parallel()
			folder := models + f.Name() + "/hf"
			want, _ := explanationOn(t, "cpu", folder)
			got, stderr := explanationOn(t, "emulated", folder)
			if strings.Contains(stderr, "built without CUDA") {
				t.Skip("built without CUDA: there is no emulator to compare with")
			}
			sameExplanation(t, got, want)
		})
	}
}

// explained is what explain --json says of attention and the lens.
type explained struct {
	Attention [][][][]float64
	Lens      []explain.Lens
}

func explanationOn(t *testing.T, device, folder string) (e explained, stderr string) {
	t.Helper()
	stdout, stderr, code := potion(t, "", "explain", "-m", folder, "--ids", "5,9,200,31,7,7,150,22,91,14", "--lens", "token", "--json", "--device", device)
	if strings.Contains(stderr, "built without CUDA") {
		return e, stderr
	}
	if err := json.Unmarshal([]byte(stdout), &e); code != 0 || err != nil {
		t.Fatalf("%s: exit code %d, %v: %s", device, code, err, stderr)
	}
	return e, stderr
}

func sameExplanation(t *testing.T, got, want explained) {
	t.Helper()
	if len(want.Attention) == 0 || len(got.Attention) != len(want.Attention) {
		t.Fatalf("%d layers, want %d", len(got.Attention), len(want.Attention))
	}
	for l, layer := range want.Attention {
		for h, head := range layer {
			for i, row := range head {
				for p, share := range row {
					if d := got.Attention[l][h][i][p] - share; !(math.Abs(d) < 1e-5) {
						t.Fatalf("layer %d, head %d: the share of token %d in %d is off by %v", l, h, p, i, d)
					}
				}
			}
		}
	}
	for l, g := range want.Lens[0].Guesses {
		if d := got.Lens[0].Guesses[l].Answer - g.Answer; !(math.Abs(d) < 1e-5) {
			t.Errorf("after layer %d: the answer's probability is off by %v", l, d)
		}
	}
}
