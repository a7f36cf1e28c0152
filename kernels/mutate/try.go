package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/potion-engine/potion/kernels"
)

// override names the environment variable that the kernels' tests look at: NAME=PATH
// makes them load the kernel file NAME from there.
const override = "POTION_KERNEL_OVERRIDE"

// formats is a format within a file's name, and within a subtest's.
const formats = `(bf16|f16|f32|q\d_[0-9k])`

// cases are the tests of the files whose names match, the first that does: what go test's
// -run gets, with $1 for the format.
var cases = []struct{ file, tests string }{
	{"attend_decode_" + formats, "^(TestAttendDecode)$/^plain$/^$1$"},
	{"attend_decode_" + formats + "_mma", "^(TestAttendDecode)$/^mma$/^$1$"},
	{"attend_prompt_" + formats, "^(TestAttendPrompt)$/^$1$"},
	{"attend_prompt_" + formats + `_mma_\d+`, "^(TestAttendPromptMMA)$/^$1$"},
	{"attend_any_" + formats, "^(TestAttendAny)$/^$1$"},
	{"attend_weights_" + formats, "^(TestAttendWeights)$/^$1$"},
	{"embed_" + formats, "^(TestEmbed)$/(?i)^$1$"},
	{"gather", "^(TestGather)$"},
	{"layernorm|rmsnorm", "^(TestNorms)$"},
	{"matfew_" + formats, "^(TestMatfew|TestMatfewTraffic)$/(?i)^$1$"},
	{"matmul_" + formats, "^(TestMatmul|TestMatmulTraffic|TestProductsOf.*)$/(?i)^$1$"},
	{"matmul_" + formats + "_mma.*", "^(TestMatmulMMA)$/(?i)^$1$"},
	{"matmul_" + formats + "_s8", "^(TestMatmulInt8)$/(?i)^$1$"},
	{"matvec_" + formats, "^(TestMatvec.*|TestProductsOf.*)$/(?i)^$1$"},
	{"matvec_" + formats + "_int8", "^(TestMatvec.*)$/(?i)^$1(_int8)?$"},
	{"rope", "^(TestRope|TestRopeAngles)$"},
	{"rope_store_" + formats, "^(TestRopeStore)$/^$1$"},
	{"sample_.*", "^(TestSample.*)$"},
	{"softmax", "^(TestSoftmax)$"},
	{"stage_.*_few", "^(TestMatfew)$"},
	{"stage_s8", "^(TestStageInt8|TestStageInt8Norm)$"},
	{"stage_" + formats, "^(TestStageNorm|TestStageScales|TestMatmulMMA)$"},
	{"store_" + formats, "^(TestStore)$/^$1$"},
	{"topk", "^(TestTopK)$"},
	{"(geglu|gelu|residual|softcap|swiglu)", "^(TestElementwise.*)$/^$1_f32$"},
}

// pattern is what go test's -run gets for a file, "" if nothing is known of it.
func pattern(file string) string {
	name, found := strings.CutSuffix(file, ".ptx")
	if !found {
		return ""
	}
	for _, c := range cases {
		match := regexp.MustCompile("^(?:" + c.file + ")$").FindStringSubmatch(name)
		if match == nil {
			continue
		}
		if len(match) == 1 {
			return c.tests
		}
		return strings.ReplaceAll(c.tests, "$1", regexp.QuoteMeta(match[1]))
	}
	return ""
}

// result is what became of an edit.
type result struct {
	edit
	by     string // "checker", "numbers", "traffic", "timeout", "crash"; "" if it survived
	detail string // the first complaint
	took   time.Duration
}

// harness runs the tests' binary on edited files.
type harness struct {
	dir     string // holds the binary and the edited files
	binary  string
	timeout time.Duration
}

// tryAll builds the tests, sees that they pass as things are, and tries every edit.
func tryAll(o options, names []string, chosen []edit, interrupt <-chan os.Signal) ([]result, error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-interrupt:
			cancel()
		case <-ctx.Done():
		}
	}()
	h := harness{dir: dir, binary: filepath.Join(dir, "kernels.test"), timeout: o.timeout}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", h.binary, "./kernels")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the tests: %w\n%s", err, out)
	}
	if err := h.untouched(ctx, names); err != nil {
		return nil, err
	}
	results := make([]result, len(chosen))
	errs := make([]error, len(chosen))
	next := make(chan int)
	var wait sync.WaitGroup
	for range max(o.jobs, 1) {
		wait.Go(func() {
			for i := range next {
				results[i], errs[i] = h.try(ctx, i, chosen[i])
				if r := results[i]; errs[i] == nil {
					fmt.Fprintf(os.Stderr, "%d/%d %.1fs %s: %s\n", i+1, len(chosen), r.took.Seconds(), r.verdict(), r.edit)
				}
			}
		})
	}
	for i := range chosen {
		next <- i
	}
	close(next)
	wait.Wait()
	if ctx.Err() != nil {
		return nil, errors.New("interrupted")
	}
	return results, errors.Join(errs...)
}

// untouched wants every file to have cases and all cases to pass.
func (h harness) untouched(ctx context.Context, names []string) error {
	seen := make(map[string]bool)
	for _, name := range names {
		p := pattern(name)
		if p == "" {
			return fmt.Errorf("%s: no cases are known for it", name)
		}
		p, _, _ = strings.Cut(p, "/")
		if seen[p] {
			continue
		}
		seen[p] = true
		out, err := h.test(ctx, p, "=") // exchanges nothing, but all cases run
		if err != nil {
			return fmt.Errorf("%s: its cases fail as it is: %w\n%s", name, err, out)
		}
		if bytes.Contains(out, []byte("no tests to run")) {
			return fmt.Errorf("%s: no test is called %s", name, p)
		}
	}
	return nil
}

// test runs the tests of a pattern, with a file exchanged as override says.
func (h harness) test(ctx context.Context, pattern, exchange string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, h.binary, "-test.run="+pattern, "-test.failfast")
	cmd.Dir = "kernels"
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", override+"="+exchange)
	return cmd.CombinedOutput()
}

// try runs the cases on one edit.
func (h harness) try(ctx context.Context, i int, e edit) (result, error) {
	path := filepath.Join(h.dir, fmt.Sprintf("%d.ptx", i))
	if err := os.WriteFile(path, []byte(e.apply(kernels.Source(e.file))), 0o666); err != nil {
		return result{}, err
	}
	defer os.Remove(path)
	limited, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	start := time.Now()
	out, err := h.test(limited, pattern(e.file), e.file+"="+path)
	r := result{edit: e, took: time.Since(start)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case limited.Err() != nil:
		r.by, r.detail = "timeout", h.timeout.String()
	case err == nil && bytes.Contains(out, []byte("no tests to run")):
		return r, fmt.Errorf("%s: no test is called %s", e.file, pattern(e.file))
	case err == nil:
	case errors.As(err, &exit):
		r.by, r.detail = cause(string(out))
	default:
		return r, err
	}
	return r, nil
}

var (
	fault     = regexp.MustCompile(`kernel \w+, line \d+ \(.*\), block .*, thread [^:]*: ([\w. -]+): .*`)
	complaint = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: (.*)`)
	traffic   = regexp.MustCompile(`bytes|sectors|bank conflicts|loads and stores|barriers`)
)

// cause reads the tests' output: what kind of test noticed first, and its words.
func cause(out string) (by, detail string) {
	first := complaint.FindStringSubmatch(out)
	switch {
	case first == nil:
		detail, _, _ = strings.Cut(out[max(strings.Index(out, "panic:"), 0):], "\n")
		return "crash", detail
	case fault.MatchString(first[1]):
		return "checker", fault.FindStringSubmatch(first[1])[1]
	case traffic.MatchString(first[1]):
		return "traffic", first[1]
	}
	return "numbers", first[1]
}
