// Package chat turns a conversation into the text of a prompt with the model's
// own chat template, as Hugging Face transformers' apply_chat_template does
// (https://huggingface.co/docs/transformers/chat_templating): Jinja2 with
// trim_blocks, lstrip_blocks, break and continue, raise_exception,
// strftime_now, the generation tag, and a tojson that escapes no HTML.
//
// The language itself is in package jinja below this one.
package chat

import (
	"fmt"
	"time"

	"github.com/potion-engine/potion/engine/chat/jinja"
)

// Message is one turn. Extra holds further fields that templates read, such as
// tool_calls, tool_call_id, name or reasoning_content; an entry "content" or
// "role" there replaces the string (a list of parts, or nil).
type Message struct {
	Role, Content string
	Extra         map[string]any
}

// Vars are what a template is rendered with.
type Vars struct {
	Messages            []Message
	AddGenerationPrompt bool   // end with the opening of the assistant's turn
	BOS, EOS            string // bos_token and eos_token
	// Tools (functions the model may call, as JSON schemas) and Documents (for
	// retrieval) are none to the template if nil, as in transformers.
	Tools, Documents []any
	// Extra are further variables by name, such as enable_thinking. They
	// replace the variables above if a name is the same.
	Extra map[string]any
	Now   time.Time // what strftime_now tells; time.Now() if zero
}

// Values in Extra, Tools and Documents may be nil, bool, numbers, strings,
// slices, maps, structs, json.RawMessage and the values of package jinja. The
// order of keys matters to templates that print them: a map is sorted, a
// json.RawMessage and a struct keep their order.

// Template is a compiled chat template, safe for use by several goroutines.
type Template struct{ tmpl *jinja.Template }

// Compile parses a Jinja2 chat template. An empty source is [ErrNoTemplate];
// a source that is not a template is an error with the line.
func Compile(source string) (*Template, error) {
	if source == "" {
		return nil, ErrNoTemplate
	}
	t, err := jinja.Compile(source, jinja.Options{TrimBlocks: true, LstripBlocks: true})
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	return &Template{t}, nil
}

// Render returns the prompt. The error names the template's line; if the
// template itself refused the conversation (raise_exception), it has the
// template's own words and [jinja.IsRaised] is true of it.
func (t *Template) Render(v Vars) (string, error) {
	vars, err := v.dict()
	if err != nil {
		return "", err
	}
	now := v.Now
	if now.IsZero() {
		now = time.Now()
	}
	out, err := t.tmpl.Render(vars, now)
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return out, nil
}

func (v Vars) dict() (*jinja.Dict, error) {
	messages := make([]any, len(v.Messages))
	for i, m := range v.Messages {
		d := jinja.NewDict()
		d.Set("role", m.Role)
		d.Set("content", m.Content)
		if err := merge(d, m.Extra); err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		messages[i] = d
	}
	d := jinja.NewDict()
	d.Set("messages", &jinja.List{Items: messages})
	d.Set("add_generation_prompt", v.AddGenerationPrompt)
	d.Set("bos_token", v.BOS)
	d.Set("eos_token", v.EOS)
	for name, list := range map[string][]any{"tools": v.Tools, "documents": v.Documents} {
		var value any
		if list != nil {
			var err error
			if value, err = jinja.FromGo(list); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		d.Set(name, value)
	}
	return d, merge(d, v.Extra)
}

// merge sets the entries of a Go map, new names in sorted order.
func merge(d *jinja.Dict, extra map[string]any) error {
	if len(extra) == 0 {
		return nil
	}
	converted, err := jinja.FromGo(extra)
	if err != nil {
		return err
	}
	converted.(*jinja.Dict).Each(d.Set)
	return nil
}
