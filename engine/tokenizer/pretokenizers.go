package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// preTokenizer is what a GGUF file's tokenizer.ggml.pre stands for.
type preTokenizer struct {
	splits     []splitter
	pattern    string // instead of splits: a regular expression whose matches are the words
	wholeWords bool   // words that are tokens are not merged (ignore_merges)
	addBOS     bool   // unless the file says otherwise
}

// Patterns that are common, but not so common that they have a scanner. Words begin with capitals or go on in small
// letters in tekken and gpt-4o. These are the models' own patterns; llama.cpp's stand-ins for these two do not count
// combining marks as part of a word.
const (
	patternQwen35 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternTekken = start + capital + `*` + small + `+|` + start + capital + `+` + small + `*` +
		`|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternGPT4o = start + capital + `*` + small + `+` + ending + `|` + start + capital + `+` + small + `*` + ending +
		`|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	start   = `[^\r\n\p{L}\p{N}]?`
	capital = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	small   = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	ending  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)?`
)

// preAliases are the names that GGUF files use, with the one of preTokenizers that splits alike (llama.cpp,
// llama_vocab::impl::load).
var preAliases = map[string]string{
	"llama3": "llama-bpe", "llama-v3": "llama-bpe", "falcon3": "llama-bpe", "falcon-h1": "llama-bpe",
	"pixtral": "llama-bpe", "midm-2.0": "llama-bpe", "lfm2": "llama-bpe",
	"dbrx": "smaug-bpe", "glm4": "smaug-bpe", "chatglm-bpe": "smaug-bpe",
	"phi-2": "gpt-2", "mpt": "gpt-2", "olmo": "gpt-2", "jais": "gpt-2", "gigachat": "gpt-2", "a.x-4.0": "gpt-2",
	"mellum": "gpt-2", "trillion": "gpt-2", "granite-docling": "gpt-2",
	"llama4": "gpt-4o", "kanana2": "gpt-4o",
	"deepseek-r1-qwen": "qwen2", "kormo": "qwen2", "f2llmv2": "qwen2", "stablelm2": "qwen2", "hunyuan": "qwen2",
	"megrez": "qwen2", "solar-open": "qwen2", "grok-2": "qwen2",
	"starcoder": "smollm", "refact": "smollm", "command-r": "smollm", "codeshell": "smollm", "exaone": "smollm",
	"minerva-7b": "smollm",
}

var preTokenizers = map[string]preTokenizer{
	"gpt-2":     {splits: []splitter{scanner(scanGPT2)}},
	"llama-bpe": {splits: []splitter{scanner(scanLlama3)}, wholeWords: true, addBOS: true},
	"smaug-bpe": {splits: []splitter{scanner(scanLlama3)}},
	"qwen2":     {splits: []splitter{scanner(scanQwen2)}},
	"smollm":    {splits: []splitter{runeSplit{unicode.IsNumber, isolated}, scanner(scanGPT2)}},
	"qwen35":    {pattern: patternQwen35},
	"tekken":    {pattern: patternTekken, wholeWords: true, addBOS: true},
	"gpt-4o":    {pattern: patternGPT4o},
	// What llama.cpp does where the file names no pre-tokenizer.
	"default": {splits: []splitter{
		runeSplit{defaultPunctuation, contiguous},
		scanner(scanGPT2),
		runeSplit{unicode.IsNumber, contiguous},
		scanner(threeDigits),
	}},
}

// defaultPunctuation is [\p{P}$+<=>^~|].
func defaultPunctuation(r rune) bool {
	return unicode.IsPunct(r) || strings.ContainsRune("$+<=>^~|", r)
}

func preTokenizerNamed(name string) (preTokenizer, error) {
	known, ok := preTokenizers[name]
	if !ok {
		known, ok = preTokenizers[preAliases[name]]
	}
	if !ok {
		names := slices.Sorted(maps.Keys(preTokenizers))
		names = append(names, slices.Sorted(maps.Keys(preAliases))...)
		return preTokenizer{}, fmt.Errorf("tokenizer.ggml.pre: unknown pre-tokenizer %s; known are %s", quote(name), strings.Join(names, ", "))
	}
	if known.pattern != "" {
		p, err := regexPattern(known.pattern)
		if err != nil {
			return preTokenizer{}, err
		}
		known.splits = []splitter{patternSplit{p, isolated, false}}
	}
	return known, nil
}
