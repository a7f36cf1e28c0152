package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
)

// report is what one run of a program gave.
type report struct {
	cpu, version, commit string
	rates, shares        map[string]float64 // by test: tokens a second, share of the bandwidth
}

// result is what compare reads of a result, whose names both programs share.
type result struct {
	CPU      string  `json:"cpu_info"`
	Commit   string  `json:"build_commit"`
	Version  string  `json:"version"`
	Prompt   int     `json:"n_prompt"`
	Generate int     `json:"n_gen"`
	Depth    int     `json:"n_depth"`
	Average  float64 `json:"avg_ts"`
	Median   float64 `json:"median_ts"`
	Share    float64 `json:"share_bandwidth"`
}

func (o options) runPotion(j job, path, activations string) (report, error) {
	args := []string{"bench", "-q", "-o", "jsonl", "--device", "cpu", "--activations", activations,
		"--max-time", "1ms", "-m", path}
	return o.run1(o.potion, append(args, o.tests(j)...))
}

func (o options) runLlama(j job, path string) (report, error) {
	return o.run1(o.llama, append([]string{"-o", "jsonl", "-m", path}, o.tests(j)...))
}

// tests is the arguments that say what to measure, the same for both.
func (o options) tests(j job) []string {
	n := strconv.Itoa
	return []string{"-t", n(o.threads), "-r", n(o.runs), "-p", n(j.prompt), "-n", n(j.generate), "-d", n(j.depth)}
}

// run1 runs a program and reads a JSON object from each line of its output.
func (o options) run1(program string, args []string) (report, error) {
	r := report{rates: map[string]float64{}, shares: map[string]float64{}}
	text, err := exec.Command(program, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return r, fmt.Errorf("%s: %w: %s", program, err, exit.Stderr)
	}
	if err != nil {
		return r, err
	}
	lines := json.NewDecoder(bytes.NewReader(text))
	for {
		var t result
		if err := lines.Decode(&t); err == io.EOF {
			return r, nil
		} else if err != nil {
			return r, fmt.Errorf("%s: its output: %w", program, err)
		}
		r.cpu, r.version, r.commit = t.CPU, t.Version, t.Commit
		name := testName(t.Prompt, t.Generate, t.Depth)
		r.rates[name], r.shares[name] = t.Average, t.Share
		if t.Median > 0 {
			r.rates[name] = t.Median
		}
	}
}
