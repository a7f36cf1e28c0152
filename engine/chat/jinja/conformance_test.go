package jinja

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// frozen is the clock of model_templates_rendered.json.
var frozen = time.Date(2025, 7, 10, 12, 0, 0, 0, time.UTC)

// hf are the switches of transformers' apply_chat_template.
var hf = Options{TrimBlocks: true, LstripBlocks: true}

func testdata(t *testing.T, name string) string {
	dir := os.Getenv("POTION_TESTDATA")
	if dir == "" {
		t.Skip("POTION_TESTDATA is not set: the shared test data is not here")
	}
	return filepath.Join(dir, "chat_templates", name)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, path), v); err != nil {
		t.Fatal(err)
	}
}

// outcome is what Python's jinja2 3.1.6 did with a case.
type outcome struct {
	OK    bool   `json:"ok"`
	Out   string `json:"out"`
	Error string `json:"error"`
}

func check(t *testing.T, source string, options Options, context json.RawMessage, want outcome) {
	t.Helper()
	vars := NewDict()
	if len(context) > 0 {
		v, err := DecodeJSON(context)
		if err != nil {
			t.Fatal(err)
		}
		vars = v.(*Dict)
	}
	var got string
	tmpl, err := Compile(source, options)
	if err == nil {
		got, err = tmpl.Render(vars, frozen)
	}
	switch {
	case want.OK && err != nil:
		t.Errorf("error %v, want %q", err, want.Out)
	case want.OK && got != want.Out:
		t.Errorf("got  %q\nwant %q", got, want.Out)
	case !want.OK && err == nil:
		t.Errorf("got %q, want the error %s", got, want.Error)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name, Template string
		Context        json.RawMessage
		Trim           bool `json:"trim_blocks"`
		Lstrip         bool `json:"lstrip_blocks"`
		Keep           bool `json:"keep_trailing_newline"`
		Jinja2         outcome
	}
	readJSON(t, testdata(t, "jinja_conformance.json"), &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			check(t, c.Template, Options{TrimBlocks: c.Trim, LstripBlocks: c.Lstrip, KeepTrailingNewline: c.Keep}, c.Context, c.Jinja2)
		})
	}
}

func TestChatCases(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name, Template string
		Context        json.RawMessage
		Jinja2         outcome
	}
	readJSON(t, testdata(t, "chat_cases.json"), &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			check(t, c.Template, hf, c.Context, c.Jinja2)
		})
	}
}

func TestModelTemplates(t *testing.T) {
	t.Parallel()
	var data struct {
		Contexts map[string]json.RawMessage
		Cases    []struct {
			File    string `json:"template_file"`
			Context string
			Jinja2  outcome
		}
	}
	readJSON(t, testdata(t, "model_templates_rendered.json"), &data)
	for _, c := range data.Cases {
		t.Run(filepath.Base(c.File)+"/"+c.Context, func(t *testing.T) {
			t.Parallel()
			check(t, string(readFile(t, testdata(t, c.File))), hf, data.Contexts[c.Context], c.Jinja2)
		})
	}
}

// TestCases needs no data from elsewhere: testdata/make_cases.py made
// cases.json from templates.txt with Python's jinja2 3.1.6.
func TestCases(t *testing.T) {
	t.Parallel()
	var file struct {
		Context json.RawMessage
		Cases   []struct{ Template, Out, Error string }
	}
	readJSON(t, filepath.Join("testdata", "cases.json"), &file)
	if len(file.Cases) < 100 {
		t.Fatalf("only %d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Template, func(t *testing.T) {
			t.Parallel()
			check(t, c.Template, hf, file.Context, outcome{OK: c.Error == "", Out: c.Out, Error: c.Error})
		})
	}
}
