package hub

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Name says which files of which repository.
type Name struct {
	Repo     string // ORG/REPO
	Revision string // branch, tag or commit; main unless told otherwise
	What     string // a file, a quantisation such as Q4_K_M, or nothing
}

// String is the name as Parse reads it.
func (n Name) String() string {
	s := "hf.co/" + n.Repo
	if n.Revision != mainRevision {
		s += "@" + n.Revision
	}
	if n.What != "" {
		s += ":" + n.What
	}
	return s
}

const mainRevision = "main"

// shortNames are small models that many people have heard of.
var shortNames = map[string]string{
	"gpt2":         "hf.co/openai-community/gpt2",
	"smollm2:135m": "hf.co/bartowski/SmolLM2-135M-Instruct-GGUF:Q8_0",
	"smollm2:360m": "hf.co/HuggingFaceTB/SmolLM2-360M-Instruct-GGUF:Q8_0",
	"smollm2":      "hf.co/HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF:Q4_K_M",
	"qwen2.5:0.5b": "hf.co/Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q8_0",
	"qwen2.5:1.5b": "hf.co/Qwen/Qwen2.5-1.5B-Instruct-GGUF:Q4_K_M",
	"qwen3:0.6b":   "hf.co/Qwen/Qwen3-0.6B-GGUF:Q8_0",
	"tinyllama":    "hf.co/TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF:Q4_K_M",
	"llama3.2:1b":  "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
	"gemma3:1b":    "hf.co/ggml-org/gemma-3-1b-it-GGUF:Q4_K_M",
	"phi3.5":       "hf.co/bartowski/Phi-3.5-mini-instruct-GGUF:Q4_K_M",
	"mistral":      "hf.co/bartowski/Mistral-7B-Instruct-v0.3-GGUF:Q4_K_M",
}

// ShortNames lists the built-in names in order.
func ShortNames() []string { return slices.Sorted(maps.Keys(shortNames)) }

// prefixes mark a name of the hub.
var prefixes = []string{"https://huggingface.co/", "https://hf.co/", "huggingface.co/", "hf.co/"}

// IsName says whether s is meant as a name and not as a path of a file.
func IsName(s string) bool {
	_, short := shortNames[strings.ToLower(s)]
	return short || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

var (
	repoPart = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}$`)
	revision = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}$`)
)

// Parse reads a name: hf.co/ORG/REPO, then @REVISION and :FILE or :QUANTISATION if wanted,
// or one of ShortNames.
func Parse(s string) (Name, error) {
	full := s
	if long, ok := shortNames[strings.ToLower(s)]; ok {
		full = long
	}
	for _, p := range prefixes {
		full = strings.TrimPrefix(full, p)
	}
	n := Name{Revision: mainRevision}
	n.Repo, n.What, _ = strings.Cut(full, ":")
	if repo, rev, ok := strings.Cut(n.Repo, "@"); ok {
		n.Repo, n.Revision = repo, rev
	}
	org, repo, ok := strings.Cut(n.Repo, "/")
	// A cache folder separates the two by "--", so that neither may hold it.
	if !ok || !repoPart.MatchString(org) || !repoPart.MatchString(repo) || strings.Contains(n.Repo, "--") || strings.Contains(n.Repo, "..") {
		return n, fmt.Errorf("%q is no name of a model: want hf.co/ORG/REPO, hf.co/ORG/REPO:FILE, hf.co/ORG/REPO:Q4_K_M, or one of %s", s, strings.Join(ShortNames(), ", "))
	}
	if !revision.MatchString(n.Revision) || strings.Contains(n.Revision, "..") {
		return n, fmt.Errorf("%q: %q is no revision: want a branch, tag or commit", s, n.Revision)
	}
	if strings.HasSuffix(full, ":") {
		return n, fmt.Errorf("%q: a file or quantisation is missing after the colon", s)
	}
	return n, nil
}
