package model

import (
	"fmt"
	"sort"
	"strings"
)

// arch is what is particular to one architecture.
type arch struct {
	name       string   // GGUF's general.architecture
	modelTypes []string // Hugging Face's model_type

	gguf func(m *metadata, c *Config) // fills what its metadata says
	hf   func(j *settings, c *Config) // fills what config.json says

	defaults map[string]int // counts that a config.json may leave out

	// weights says where a tensor stands in a Hugging Face checkpoint.
	weights func(c *Config) hfNames
}

// archs is the table of what Potion runs.
var archs = []*arch{&gpt2, &llama, &qwen2, &qwen3, &gemma2, &gemma3, &phi3}

// Architectures lists the supported architectures by GGUF's name.
func Architectures() []string {
	var names []string
	for _, a := range archs {
		names = append(names, a.name)
	}
	sort.Strings(names)
	return names
}

// archNamed finds an architecture by GGUF's name.
func archNamed(name string) (*arch, error) {
	for _, a := range archs {
		if a.name == name {
			return a, nil
		}
	}
	return nil, &UnsupportedError{What: fmt.Sprintf("architecture %q", name), Supported: Architectures()}
}

// archOfModelType finds an architecture by Hugging Face's model_type.
func archOfModelType(modelType string) (*arch, error) {
	var known []string
	for _, a := range archs {
		for _, t := range a.modelTypes {
			if t == modelType {
				return a, nil
			}
			known = append(known, t)
		}
	}
	sort.Strings(known)
	return nil, &UnsupportedError{What: fmt.Sprintf("model_type %q", modelType), Supported: known}
}

// UnsupportedError says that a well-formed model cannot be run by Potion.
type UnsupportedError struct {
	What      string   // names what is not supported
	Supported []string // what would be; may be empty
}

func (e *UnsupportedError) Error() string {
	s := e.What + " is not supported"
	if len(e.Supported) > 0 {
		s += "; supported: " + strings.Join(e.Supported, ", ")
	}
	return s
}
