package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/npy"
)

const sarah = "Sarah lies still on the bed, feeling"

// potion runs the program with stdin and returns what it prints and its exit code.
func potion(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(context.Background(), append([]string{"potion"}, args...), strings.NewReader(stdin), &out, &errOut)
	return out.String(), errOut.String(), code
}

// must is potion for a command that has to succeed.
func must(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	stdout, stderr, code := potion(t, stdin, args...)
	if code != 0 {
		t.Fatalf("potion %q: exit code %d: %s", args, code, stderr)
	}
	return stdout
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	const story = " very tired. \"I must sleep"
	for _, test := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"flags before", "", []string{"generate", "--temp", "0", "-n", "7", sarah}, sarah + story + "\n"},
		{"flags after", "", []string{"generate", sarah, "--temp=0", "-n", "7"}, sarah + story + "\n"},
		{"flags on both sides", "", []string{"gen", "-n", "7", sarah, "--temp", "0", "--no-echo"}, story + "\n"},
		{"stdin", sarah, []string{"generate", "-", "--temp", "0", "-n", "7"}, sarah + story + "\n"},
		{"stop string", "", []string{"generate", sarah, "--temp", "0", "--stop", "\"I", "--no-echo"}, " very tired. \n"},
		{"logit bias", "", []string{"generate", sarah, "--temp", "0", "-n", "1", "--logit-bias", "466=-inf", "--no-echo"}, " sick\n"},
		{"text that looks like a flag", "", []string{"generate", "--temp", "0", "-n", "1", "--no-echo", "--", "--temp"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := must(t, test.stdin, test.args...); got != test.want && test.want != "" {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSameSeedSameText(t *testing.T) {
	t.Parallel()
	args := []string{"generate", "--seed", "42", "-n", "20", "Once upon a time"}
	one := must(t, "", append(args, "--threads", "1")...)
	if two := must(t, "", append(args, "--threads", "2")...); one != two {
		t.Errorf("one thread: %q\ntwo: %q", one, two)
	}
	args[2] = "43"
	if other := must(t, "", args...); other == one {
		t.Errorf("seed 43 gives what seed 42 gave: %q", other)
	}
}

func TestGenerateJSON(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(must(t, "", "generate", "--json", "--temp", "0", "-n", "7", sarah)), "\n")
	var text strings.Builder
	for _, l := range lines[:len(lines)-1] {
		var e tokenEvent
		if err := json.Unmarshal([]byte(l), &e); err != nil || e.Event != "token" {
			t.Fatalf("event %q: %v", l, err)
		}
		text.WriteString(e.Text)
	}
	var last struct {
		Text         string
		Tokens       int
		PromptTokens int    `json:"prompt_tokens"`
		StopReason   string `json:"stop_reason"`
		Device       string
		Timings      map[string]float64
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if last.Text != text.String() || last.Text != " very tired. \"I must sleep" || last.Tokens != 7 || last.PromptTokens != 10 || last.StopReason != "length" || last.Device != "cpu" {
		t.Errorf("last object %+v after events %q", last, text.String())
	}
	for _, key := range []string{"load_ms", "prompt_tps", "decode_tps"} {
		if !(last.Timings[key] > 0) {
			t.Errorf("timings.%s is %v", key, last.Timings[key])
		}
	}
}

func TestTokenize(t *testing.T) {
	t.Parallel()
	want := `{"ids":[50,290,1272],"pieces":["S","ar","ah"]}` + "\n"
	if got := must(t, "", "tokenize", "--json", "Sarah"); got != want {
		t.Errorf("got %s", got)
	}
	// stdin is taken byte for byte, its newline included.
	if got := must(t, "\n", "tokenize", "-", "--json"); got != `{"ids":[198],"pieces":["\n"]}`+"\n" {
		t.Errorf("newline from stdin: %s", got)
	}
	special := must(t, "", "tokenize", "--json", "--parse-special", "<|endoftext|>")
	if special != `{"ids":[4095],"pieces":["<|endoftext|>"]}`+"\n" {
		t.Errorf("special token: %s", special)
	}
	if plain := must(t, "", "tokenize", "--json", "<|endoftext|>"); plain == special {
		t.Error("special tokens are parsed without --parse-special")
	}
}

func TestLogits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "all.npy")
	must(t, "", "logits", "--ids", "50,290,1272,2614,796,311,259,945,11,1240", "--all", "--out", path)
	all, shape := readArray(t, path)
	if len(shape) != 2 || shape[0] != 10 || shape[1] != 4096 {
		t.Fatalf("shape %v", shape)
	}
	want, _ := readArray(t, "../../engine/demo/testdata/logits_00_Q8_0.npy")
	if e := nmse(all[9*4096:], want); !(e <= 1e-11) {
		t.Errorf("logits after the last token: NMSE %.2g", e)
	}
	raw := filepath.Join(dir, "last.f32")
	must(t, "", "logits", "--out", raw, sarah)
	if stat, err := os.Stat(raw); err != nil || stat.Size() != 4*4096 {
		t.Errorf("%v, %v", stat, err)
	}
}

func readArray(t *testing.T, path string) ([]float64, []int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x, shape, err := npy.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return x, shape
}

func nmse(got, want []float64) float64 {
	var num, den float64
	for i, w := range want {
		num += (got[i] - w) * (got[i] - w)
		den += w * w
	}
	return num / den
}

// The reference's figure for the demo's held-out text, by its own rule, is in
// engine/demo/testdata/reference.json.
func TestPerplexityOfTheHeldOutText(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POTION_TESTDATA")
	if root == "" {
		t.Skip("POTION_TESTDATA is not set: the held-out text is not part of the repository")
	}
	heldOut := filepath.Join(root, "corpus", "fireside-heldout.txt")
	var got struct {
		PPL, NLL float64
		Scored   int
	}
	if err := json.Unmarshal([]byte(must(t, "", "perplexity", "--file", heldOut, "--rule", "all", "--json", "-q")), &got); err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.PPL/36.0323-1) > 1e-5 || got.Scored != 5251 {
		t.Errorf("%+v, want a perplexity of 36.0323 over 5251 tokens", got)
	}
}

func TestPerplexityAndDivergence(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "base.kld")
	text := strings.Repeat("Once upon a time there was a little girl who lived in a wood. ", 12)
	first := must(t, "", "perplexity", "--ctx", "64", "--json", "--kl-base", base, "-q", text)
	second := must(t, "", "perplexity", "--json", "--kl-base", base, "--kl", "-q")
	var a, b perplexityResult
	if err := json.Unmarshal([]byte(first), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(second), &b); err != nil {
		t.Fatal(err)
	}
	if a.PPL != b.PPL || a.Scored != b.Scored || a.Scored != 3*31 {
		t.Errorf("measured alone %+v, against a base %+v", a, b)
	}
	// Against itself nothing diverges but for the base file's 16 bits.
	if d := b.Divergence; d == nil || math.Abs(d.KLD.Value) > 1e-5 || d.SameTop.Value != 1 {
		t.Errorf("divergence from itself: %+v", d)
	}
}

func TestChat(t *testing.T) {
	t.Parallel()
	saved := filepath.Join(t.TempDir(), "talk.json")
	stdout, stderr, code := potion(t, "Tell me a story.\n/save "+saved+"\n/help\n/reset\n/quit\nnot reached\n",
		"chat", "--chat-template", "chatml", "--temp", "0", "-n", "5", "--system", "Be kind.", "-q")
	if code != 0 || !strings.Contains(stderr, "/reset") || stdout == "" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	text, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	var talk []struct{ Role, Content string }
	if err := json.Unmarshal(text, &talk); err != nil || len(talk) != 3 || talk[0].Role != "system" || talk[1].Content != "Tell me a story." || talk[2].Content != strings.TrimSuffix(stdout, "\n") {
		t.Errorf("saved %s after %q (%v)", text, stdout, err)
	}
}

// What is wrong is said on stderr, with a code that says whether the command line or the
// world is to blame, and stdout stays empty.
func TestFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.gguf")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	endless := filepath.Join(dir, "endless.jinja")
	if err := os.WriteFile(endless, []byte("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"brew"}, exitUsage, `unknown command "brew"`},
		{[]string{"generate"}, exitUsage, "needs a TEXT"},
		{[]string{"generate", "a", "b"}, exitUsage, "one TEXT, not 2"},
		{[]string{"generate", "a", "--tmep", "0"}, exitUsage, "no flag --tmep"},
		{[]string{"generate", "a", "--temp"}, exitUsage, "--temp needs a value"},
		{[]string{"generate", "a", "--temp", "hot"}, exitUsage, `"hot"`},
		{[]string{"generate", "a", "--temp", "-1"}, exitUsage, "temperature -1"},
		{[]string{"generate", "a", "-n", "0"}, exitUsage, "-n 0"},
		{[]string{"generate", "a", "--logit-bias", "x"}, exitUsage, "ID=BIAS"},
		{[]string{"generate", "a", "--logit-bias", "5000=1"}, exitUsage, "5000"},
		{[]string{"generate", "a", "--kv", "q4_0"}, exitUsage, "f32, f16 or q8_0"},
		{[]string{"generate", "a", "--device", "abacus"}, exitUsage, "abacus"},
		{[]string{"generate", "a", "--device", "cuda:x"}, exitUsage, "cuda:N"},
		{[]string{"generate", "a", "--device", "cuda:999"}, exitFailed, "no usable device"},
		{[]string{"generate", "a", "--device", "cpu", "--require-gpu"}, exitUsage, "exclude each other"},
		{[]string{"generate", "a", "--activations", "int4"}, exitUsage, "int4"},
		{[]string{"generate", ""}, exitFailed, "the prompt is empty"},
		{[]string{"generate", strings.Repeat("once ", 300)}, exitFailed, "do not fit the context of 256"},
		{[]string{"generate", strings.Repeat("once ", 100), "--ctx", "64"}, exitFailed, "--ctx up to 256"},
		{[]string{"generate", "a", "--ctx", "512"}, exitFailed, "256 positions"},
		{[]string{"generate", "a", "--file", "b"}, exitUsage, "both given"},
		{[]string{"generate", "--file", filepath.Join(dir, "none.txt")}, exitFailed, "none.txt"},
		{[]string{"generate", "a", "-m", filepath.Join(dir, "none.gguf")}, exitFailed, "no such file or folder"},
		{[]string{"generate", "a", "-m", empty}, exitFailed, "empty.gguf"},
		{[]string{"generate", "a", "-m", dir}, exitFailed, "config.json"},
		{[]string{"logits", "a"}, exitUsage, "--out FILE"},
		{[]string{"logits", "a", "--out", "x.txt"}, exitUsage, ".f32 or .npy"},
		{[]string{"logits", "--ids", "1,two", "--out", filepath.Join(dir, "x.npy")}, exitUsage, `"two"`},
		{[]string{"logits", "--ids", "4096", "--out", filepath.Join(dir, "x.npy")}, exitFailed, "the model's vocabulary has 4096"},
		{[]string{"logits", "a", "--out", filepath.Join(dir, "no", "x.npy")}, exitFailed, "x.npy"},
		{[]string{"perplexity", "too short"}, exitFailed, "at least two windows"},
		{[]string{"perplexity", "a", "--rule", "mine"}, exitUsage, "llama or all"},
		{[]string{"perplexity", "--kl"}, exitUsage, "--kl-base FILE"},
		{[]string{"perplexity", "--kl", "--kl-base", empty}, exitFailed, "not a file of base logits"},
		{[]string{"chat", "hello"}, exitFailed, "no chat template"},
		{[]string{"chat", "hello", "--chat-template", filepath.Join(dir, "none.jinja")}, exitFailed, "none.jinja"},
		{[]string{"chat", "hello", "--chat-template", endless}, exitFailed, "template"},
		{[]string{"generate", "--file", dir}, exitFailed, filepath.Base(dir)},
		{[]string{"completion", "tcsh"}, exitUsage, "bash, zsh, fish or powershell"},
	} {
		t.Run(strings.Join(test.args, " ")[:min(40, len(strings.Join(test.args, " ")))], func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := potion(t, "", test.args...)
			if code != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr, test.code, test.says)
			}
			if stdout != "" {
				t.Errorf("stdout has %q", stdout)
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".potion-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if s := must(t, "", "completion", shell); !strings.Contains(s, "potion") {
			t.Errorf("%s: %q", shell, s)
		}
	}
}

// An interrupt ends the text, not the program: what came so far is printed whole.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	out := &writerFunc{after: func(s string) {
		if strings.Contains(s, "tired") {
			cancel()
		}
	}}
	code := run(ctx, []string{"potion", "generate", "--temp", "0", "-n", "200", sarah}, strings.NewReader(""), out, &bytes.Buffer{})
	if code != exitInterrupted || !strings.HasPrefix(out.text, sarah+" very tired") || !strings.HasSuffix(out.text, "\n") || len(out.text) > 200 {
		t.Errorf("exit code %d after %q", code, out.text)
	}
}

// writerFunc collects text and calls after with what it has.
type writerFunc struct {
	text  string
	after func(string)
}

func (w *writerFunc) Write(p []byte) (int, error) {
	w.text += string(p)
	w.after(w.text)
	return len(p), nil
}

func TestParity(t *testing.T) {
	t.Parallel()
	var got struct {
		Pass  bool
		Model struct {
			Tokens int
			Layers []struct{ NMSE float64 }
		}
	}
	if err := json.Unmarshal([]byte(must(t, "", "parity", "--model-only", "-n", "3", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Pass || got.Model.Tokens != 13 || len(got.Model.Layers) != 6 || !(got.Model.Layers[5].NMSE < 1e-11) {
		t.Errorf("%+v", got)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	var got examination
	if err := json.Unmarshal([]byte(must(t, "", "doctor", "--json", "--device", "cpu")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Device != "cpu" || got.CPU.Name == "" || got.CPU.Units < 1 || got.Verdict == "" {
		t.Errorf("%+v", got)
	}
	if text := must(t, "", "doctor"); !strings.Contains(text, "models run on") {
		t.Errorf("no verdict: %s", text)
	}
}

func TestVerbose(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"generate", "predict", "explain"} {
		_, stderr, code := potion(t, "", command, "--device", "cpu", "--verbose", "Once upon a time")
		if code != 0 {
			t.Fatalf("%s: exit code %d: %s", command, code, stderr)
		}
		for _, want := range []string{"model: gpt2, ", "weights: Q8_0 ", "session: context ", "device: cpu, ", "load: file "} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s --verbose does not tell %q:\n%s", command, want, stderr)
			}
		}
	}
}
