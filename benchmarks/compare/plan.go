package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// job is a line of the plan.
type job struct {
	file                    string
	prompt, generate, depth int
}

// readPlan reads lines of a name and three numbers; # begins a remark.
func readPlan(path string) (plan []job, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var j job
		if _, err := fmt.Sscan(line, &j.file, &j.prompt, &j.generate, &j.depth); err != nil {
			return nil, fmt.Errorf("%s:%d: want a file and the tokens of the prompt, to decode and before: %w", path, n, err)
		}
		if j.prompt < 0 || j.generate < 0 || j.depth < 0 || j.prompt+j.generate == 0 {
			return nil, fmt.Errorf("%s:%d: nothing to measure", path, n)
		}
		plan = append(plan, j)
	}
	return plan, lines.Err()
}

// floats says whether the file's weights are floats, by its name, so that activations are
// not rounded.
func (j job) floats() bool {
	name := strings.ToLower(j.file)
	return strings.Contains(name, "f16") || strings.Contains(name, "f32")
}

// tests is the names of what is measured, which both programs' reports are told apart by.
func (j job) tests() (names []string) {
	if j.prompt > 0 {
		names = append(names, testName(j.prompt, 0, j.depth))
	}
	if j.generate > 0 {
		names = append(names, testName(0, j.generate, j.depth))
	}
	return names
}

func testName(prompt, generate, depth int) string {
	name := fmt.Sprintf("prompt %d", prompt)
	if generate > 0 {
		name = fmt.Sprintf("decode %d", generate)
	}
	if depth > 0 {
		name += fmt.Sprintf(" after %d", depth)
	}
	return name
}
