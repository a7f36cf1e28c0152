// Command compare measures potion against llama.cpp's llama-bench on the same model files,
// threads and machine, one after the other in turns, and prints CSV: the median and the
// range of every rate, and the ratios.
//
//	go run ./benchmarks/compare -potion bin/potion -llama-bench llama-bench -prompt text.txt model.gguf ...
//
// The prompt should be about 512 tokens long; llama-bench is given as many as potion
// counts.
package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type options struct {
	potion, llama, prompt string
	threads, tokens       int
	rounds                int
	activations           []string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("compare: ")
	var o options
	flag.StringVar(&o.potion, "potion", "bin/potion", "the potion `binary`")
	flag.StringVar(&o.llama, "llama-bench", "llama-bench", "the llama-bench `binary`")
	flag.StringVar(&o.prompt, "prompt", "", "a `file` with the prompt")
	flag.IntVar(&o.threads, "threads", 2, "threads of both")
	flag.IntVar(&o.tokens, "tokens", 128, "tokens to generate")
	flag.IntVar(&o.rounds, "rounds", 5, "turns of each")
	activations := flag.String("activations", "int8,f32", "potion's activations, separated by commas")
	flag.Parse()
	o.activations = strings.Split(*activations, ",")
	if flag.NArg() == 0 || o.prompt == "" || o.rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	out := csv.NewWriter(os.Stdout)
	must(out.Write([]string{"model", "threads", "activations", "what", "potion tok/s", "potion range", "llama.cpp tok/s", "llama.cpp range", "ratio of medians", "ratio of best"}))
	for _, model := range flag.Args() {
		must(o.compare(model, out))
		out.Flush()
		must(out.Error())
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// rates is what one run gave, in tokens a second.
type rates struct{ prompt, decode float64 }

// compare runs all programs in turns, so that a change of the machine's speed meets all.
func (o options) compare(model string, out *csv.Writer) error {
	runs := map[string][]rates{}
	count := 0
	for range o.rounds {
		for _, a := range o.activations {
			r, n, err := o.runPotion(model, a)
			if err != nil {
				return err
			}
			runs[a], count = append(runs[a], r), n
		}
		r, err := o.runLlama(model, count)
		if err != nil {
			return err
		}
		runs["llama.cpp"] = append(runs["llama.cpp"], r)
	}
	for _, a := range o.activations {
		for what, of := range map[string]func(rates) float64{
			fmt.Sprintf("prompt %d", count):    func(r rates) float64 { return r.prompt },
			fmt.Sprintf("decode %d", o.tokens): func(r rates) float64 { return r.decode },
		} {
			ours, theirs := sorted(runs[a], of), sorted(runs["llama.cpp"], of)
			err := out.Write([]string{
				filepath.Base(model), strconv.Itoa(o.threads), a, what,
				number(median(ours)), span(ours), number(median(theirs)), span(theirs),
				number(median(ours) / median(theirs)), number(ours[len(ours)-1] / theirs[len(theirs)-1]),
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func sorted(runs []rates, of func(rates) float64) []float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all
}

func median(all []float64) float64 {
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

func span(all []float64) string { return number(all[0]) + ".." + number(all[len(all)-1]) }

// runPotion gives the rates and the number of the prompt's tokens. As in llama-bench the
// tokens are generated after next to nothing, not after the prompt.
func (o options) runPotion(model, activations string) (r rates, prompt int, err error) {
	t, err := o.generate(model, activations, "-n", "1", "-f", o.prompt)
	if err != nil {
		return r, 0, err
	}
	r.prompt, prompt = t.Timings.Prompt, t.PromptTokens
	t, err = o.generate(model, activations, "-n", strconv.Itoa(o.tokens), "The")
	r.decode = t.Timings.Decode
	return r, prompt, err
}

// generated is what compare reads of a result of potion generate.
type generated struct {
	PromptTokens int `json:"prompt_tokens"`
	Timings      struct {
		Prompt float64 `json:"prompt_tps"`
		Decode float64 `json:"decode_tps"`
	} `json:"timings"`
}

func (o options) generate(model, activations string, args ...string) (g generated, err error) {
	text, err := output(o.potion, append([]string{
		"generate", "--json", "-q", "--device", "cpu", "--temp", "0", "--ignore-eos", "-m", model,
		"-t", strconv.Itoa(o.threads), "--activations", activations,
	}, args...)...)
	if err != nil {
		return g, err
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &g); err != nil {
		return g, fmt.Errorf("%s: %w", o.potion, err)
	}
	return g, nil
}

// runLlama has a prompt of the same length read, and as many tokens generated.
func (o options) runLlama(model string, prompt int) (rates, error) {
	text, err := output(o.llama, "-m", model, "-t", strconv.Itoa(o.threads), "-r", "1", "-o", "json",
		"-p", strconv.Itoa(prompt), "-n", strconv.Itoa(o.tokens))
	if err != nil {
		return rates{}, err
	}
	var tests []struct {
		Prompt int     `json:"n_prompt"`
		Rate   float64 `json:"avg_ts"`
	}
	if err := json.Unmarshal(text, &tests); err != nil {
		return rates{}, fmt.Errorf("%s: %w", o.llama, err)
	}
	var r rates
	for _, t := range tests {
		if t.Prompt > 0 {
			r.prompt = t.Rate
		} else {
			r.decode = t.Rate
		}
	}
	return r, nil
}

func output(program string, args ...string) ([]byte, error) {
	text, err := exec.Command(program, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w: %s", program, err, exit.Stderr)
	}
	return text, err
}
