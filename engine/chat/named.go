package chat

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoTemplate is the error for a model file without a chat template.
var ErrNoTemplate = errors.New("the model file has no chat template; name one with --chat-template FILE or --chat-template " + strings.Join(names, "|"))

// names are the formats of the embedded templates.
var names = []string{"chatml", "gemma", "llama2", "llama3", "mistral", "phi3", "zephyr"}

//go:embed templates/*.jinja
var templates embed.FS

// Names lists the formats that [Named] knows.
func Names() []string { return slices.Clone(names) }

// Named returns the template of a well-known format, for models that come
// without one.
func Named(name string) (*Template, error) {
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("no chat template is called %q; known are %s", name, strings.Join(names, ", "))
	}
	source, err := templates.ReadFile("templates/" + name + ".jinja")
	if err != nil {
		return nil, err
	}
	return Compile(string(source))
}
