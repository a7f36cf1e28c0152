package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/potion-engine/potion/engine/chat/jinja"
)

var conversation = []Message{
	{Role: "system", Content: "You are brief."},
	{Role: "user", Content: "Hello"},
	{Role: "assistant", Content: "Hi there"},
	{Role: "user", Content: " 1 < 2? "},
}

// The expected texts are what the formats' publishers document.
func TestNamed(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"chatml":  "<|im_start|>system\nYou are brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi there<|im_end|>\n<|im_start|>user\n 1 < 2? <|im_end|>\n<|im_start|>assistant\n",
		"llama3":  "<s><|start_header_id|>system<|end_header_id|>\n\nYou are brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHi there<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n1 < 2?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
		"llama2":  "<s>[INST] <<SYS>>\nYou are brief.\n<</SYS>>\n\nHello [/INST] Hi there </s><s>[INST] 1 < 2? [/INST]",
		"mistral": "<s>[INST] You are brief.\n\nHello [/INST] Hi there</s>[INST] 1 < 2? [/INST]",
		"gemma":   "<s><start_of_turn>user\nYou are brief.\n\nHello<end_of_turn>\n<start_of_turn>model\nHi there<end_of_turn>\n<start_of_turn>user\n1 < 2?<end_of_turn>\n<start_of_turn>model\n",
		"phi3":    "<s><|system|>\nYou are brief.<|end|>\n<|user|>\nHello<|end|>\n<|assistant|>\nHi there<|end|>\n<|user|>\n 1 < 2? <|end|>\n<|assistant|>\n",
		"zephyr":  "<|system|>\nYou are brief.</s>\n<|user|>\nHello</s>\n<|assistant|>\nHi there</s>\n<|user|>\n 1 < 2? </s>\n<|assistant|>\n",
	}
	files, err := filepath.Glob("templates/*.jinja")
	if err != nil || len(files) != len(want) || len(Names()) != len(want) {
		t.Fatalf("%d templates, %d names, %d expected: %v", len(files), len(Names()), len(want), err)
	}
	for _, name := range Names() {
		tmpl, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tmpl.Render(Vars{Messages: conversation, AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>"})
		if err != nil || got != want[name] {
			t.Errorf("%s: %v\ngot  %q\nwant %q", name, err, got, want[name])
		}
	}
	if _, err := Named("alpaca"); err == nil || !strings.Contains(err.Error(), "chatml") {
		t.Errorf("an unknown name: %v, want an error that lists the known ones", err)
	}
	if _, err := Compile(""); !errors.Is(err, ErrNoTemplate) || !strings.Contains(err.Error(), "--chat-template") {
		t.Errorf("no template: %v", err)
	}
}

func TestVars(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, template, want string }{
		{"tools keep the order of JSON", "{{ tools | tojson }}", `[{"name": "f", "args": {"b": 1.0, "a": [1, 2]}}]`},
		{"no documents are none", "{{ documents is none }} {{ other is defined }}", "True False"},
		{"extra variables", "{{ enable_thinking }} {{ n + 1 }}", "False 3"},
		{"fields of a message", "{{ messages[0].reasoning_content }}{{ messages[0].tool_calls[0].id }}", "hm7"},
		{"content of a message replaced", "{{ messages[1].content[0].text }}", "part"},
		{"clock", "{{ strftime_now('%d %B %Y') }}", "09 May 2024"},
		{"no HTML escaping", "{{ '<a href=\"x\">' | tojson }}{{ messages[0].content }}", `"<a href=\"x\">"<&>`},
		{"generation prompt", "{% if add_generation_prompt %}A{% endif %}{{ bos_token ~ eos_token }}", "A<s></s>"},
		{"blocks are trimmed", "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"},
	}
	vars := Vars{
		Messages: []Message{
			{Role: "assistant", Content: "<&>", Extra: map[string]any{"reasoning_content": "hm", "tool_calls": []any{map[string]any{"id": 7}}}},
			{Role: "user", Extra: map[string]any{"content": []any{map[string]any{"type": "text", "text": "part"}}}},
		},
		AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>",
		Tools: []any{json.RawMessage(`{"name":"f","args":{"b":1.0,"a":[1,2]}}`)},
		Extra: map[string]any{"enable_thinking": false, "n": 2},
		Now:   time.Date(2024, 5, 9, 1, 2, 3, 0, time.UTC),
	}
	for _, tt := range tests {
		tmpl, err := Compile(tt.template)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got, err := tmpl.Render(vars); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tmpl, err := Compile("a\n{{ raise_exception('roles must alternate') }}")
	if err != nil {
		t.Fatal(err)
	}
	_, err = tmpl.Render(Vars{})
	if err == nil || !jinja.IsRaised(err) || err.Error() != "chat template: line 2: TemplateError: roles must alternate" {
		t.Errorf("got %v", err)
	}
	if _, err = tmpl.Render(Vars{Tools: []any{func() {}}}); err == nil || !strings.Contains(err.Error(), "tools") {
		t.Errorf("a tool that is a function: %v", err)
	}
	if _, err = Compile("a\n\n{% if %}"); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("a syntax error: %v", err)
	}
}

// needTools are templates for tool use that iterate over tools without a check.
// The recorded texts leave the variable undefined; transformers, and so Vars,
// passes none, with which these templates fail in Python as well.
var needTools = map[string]bool{
	"CohereForAI-c4ai-command-r-plus-tool_use.jinja":    true,
	"NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja": true,
}

// TestModelTemplatesThroughVars renders real models' templates by way of Vars.
// Where a model needs more variables than Vars has by name they are in Extra.
func TestModelTemplatesThroughVars(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("POTION_TESTDATA")
	if dir == "" {
		t.Skip("POTION_TESTDATA is not set: the shared test data is not here")
	}
	dir = filepath.Join(dir, "chat_templates")
	data, err := os.ReadFile(filepath.Join(dir, "model_templates_rendered.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Contexts map[string]map[string]json.RawMessage
		Cases    []struct {
			File    string `json:"template_file"`
			Context string
			Jinja2  struct {
				OK  bool
				Out string
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	rendered := 0
	for _, c := range file.Cases {
		if !c.Jinja2.OK {
			continue
		}
		source, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		tmpl, err := Compile(string(source))
		if err != nil {
			t.Errorf("%s: %v", c.File, err)
			continue
		}
		vars := varsOf(t, file.Contexts[c.Context])
		got, err := tmpl.Render(vars)
		if vars.Tools == nil && needTools[filepath.Base(c.File)] {
			if err == nil || !strings.Contains(err.Error(), "'NoneType' object is not iterable") {
				t.Errorf("%s without tools: got %q, %v", c.File, got, err)
			}
			continue
		}
		if err != nil || got != c.Jinja2.Out {
			t.Errorf("%s with %s: %v\ngot  %q\nwant %q", c.File, c.Context, err, got, c.Jinja2.Out)
			continue
		}
		rendered++
	}
	if rendered < 300 {
		t.Errorf("only %d rendered", rendered)
	}
}

func varsOf(t *testing.T, context map[string]json.RawMessage) Vars {
	t.Helper()
	v := Vars{Extra: map[string]any{}, Now: time.Date(2025, 7, 10, 12, 0, 0, 0, time.UTC)}
	fields := map[string]any{"add_generation_prompt": &v.AddGenerationPrompt, "bos_token": &v.BOS, "eos_token": &v.EOS}
	for name, raw := range context {
		var err error
		switch name {
		case "messages":
			var messages []map[string]json.RawMessage
			err = json.Unmarshal(raw, &messages)
			for _, fields := range messages {
				m := Message{Extra: map[string]any{}}
				for k, raw := range fields {
					m.Extra[k] = raw
				}
				v.Messages = append(v.Messages, m)
			}
		case "tools", "documents":
			var items []json.RawMessage
			err = json.Unmarshal(raw, &items)
			for _, item := range items {
				if name == "tools" {
					v.Tools = append(v.Tools, item)
				} else {
					v.Documents = append(v.Documents, item)
				}
			}
		default:
			if to, ok := fields[name]; ok {
				err = json.Unmarshal(raw, to)
			} else {
				v.Extra[name] = raw
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func BenchmarkRender(b *testing.B) {
	tmpl, err := Named("llama3")
	if err != nil {
		b.Fatal(err)
	}
	v := Vars{AddGenerationPrompt: true}
	for range 200 {
		v.Messages = append(v.Messages, Message{Role: "user", Content: strings.Repeat("word ", 100)}, Message{Role: "assistant", Content: strings.Repeat("word ", 100)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(v); err != nil {
			b.Fatal(err)
		}
	}
}
