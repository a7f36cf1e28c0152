package tokenizer

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFromGGUFErrors(t *testing.T) {
	t.Parallel()
	set := func(key string, value any) func(metadata) { return func(m metadata) { m[key] = value } }
	bpe := func(key string, value any) func(metadata) {
		return func(m metadata) {
			texts := []string{"a", "b", "ab"}
			clear(m)
			m[keyModel], m[keyPre], m[keyTokens], m[keyMerges] = "gpt2", "gpt-2", texts, []string{"a b"}
			m[key] = value
		}
	}
	for name, c := range map[string]struct {
		edit func(metadata)
		want string
	}{
		"no tokenizer":      {func(m metadata) { delete(m, keyModel) }, "no tokenizer"},
		"none":              {set(keyModel, "none"), "no tokenizer"},
		"unknown tokenizer": {set(keyModel, "t5"), `unknown tokenizer "t5"; known are gpt2`},
		"model type":        {set(keyModel, 5), "a string is expected"},
		"unknown pre":       {bpe(keyPre, "klingon"), `unknown pre-tokenizer "klingon"; known are default, gpt-2`},
		"no tokens":         {func(m metadata) { delete(m, keyTokens) }, "tokenizer.ggml.tokens is missing"},
		"empty vocabulary":  {set(keyTokens, []string{}), "0 tokens"},
		"tokens type":       {set(keyTokens, []int32{1}), "an array of strings is expected"},
		"token twice":       {bpe(keyTokens, []string{"a", "b", "ab", "a"}), `token 3: "a" occurs twice`},
		"invalid UTF-8":     {bpe(keyTokens, []string{"a", "b", "ab", "\xff"}), "token 3 is not valid UTF-8"},
		"long token":        {bpe(keyTokens, []string{strings.Repeat("a", maxTokenLen+1)}), "65537 bytes long"},
		"no merges":         {func(m metadata) { bpe(keyPre, "gpt-2")(m); delete(m, keyMerges) }, "merges is missing"},
		"merge of one":      {bpe(keyMerges, []string{"ab"}), `merge 0: "ab" is not two tokens`},
		"empty merge":       {bpe(keyMerges, []string{""}), `merge 0: "" is not two tokens`},
		"merge unknown":     {bpe(keyMerges, []string{"a b", "a c"}), `merge 1 ("a" with "c"): "c" is not in the vocabulary`},
		"merge result":      {bpe(keyMerges, []string{"b a"}), `"ba" is not in the vocabulary`},
		"few types":         {set(keyTypes, []int32{1}), "1 entries for"},
		"few scores":        {set(keyScores, []float32{1}), "1 entries for"},
		"scores type":       {set(keyScores, "x"), "an array of numbers is expected"},
		"score NaN":         {func(m metadata) { m[keyScores].([]float32)[270] = float32(math.NaN()) }, "score of token 270"},
		"bos type":          {set(keyBOS, "1"), "an integer is expected"},
		"add_bos type":      {set(keyAddBOS, 1), "true or false is expected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := FromGGUF(smallSPM(c.edit))
			wantError(t, err, c.want)
			if strings.HasPrefix(c.want, "no tokenizer") && !errors.Is(err, ErrNone) {
				t.Errorf("%v is not ErrNone", err)
			}
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
}

func TestGGUFBadIDsAreWarnings(t *testing.T) {
	t.Parallel()
	for _, id := range []any{int64(-1), uint32(math.MaxUint32), uint64(math.MaxUint64), int32(100000)} {
		tok := smallSPMTokenizer(t, func(m metadata) { m[keyEOT] = id })
		if _, ok := tok.EOT(); ok || len(tok.Warnings()) != 1 || !strings.Contains(tok.Warnings()[0], keyEOT) {
			t.Errorf("eot id %v: warnings %q", id, tok.Warnings())
		}
	}
	tok, err := FromGGUF(metadata{keyModel: "gpt2", keyTokens: []string{"a"}, keyMerges: []string{}, keyAddBOS: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(tok.Warnings(), "\n"); !strings.Contains(got, keyPre+" is missing") || !strings.Contains(got, keyAddBOS) {
		t.Errorf("warnings %q", got)
	}
}

func TestFromJSONErrors(t *testing.T) {
	t.Parallel()
	model := func(key string, value any) func(object, object) {
		return func(_, m object) { m[key] = value }
	}
	file := func(key string, value any) func(object, object) {
		return func(f, _ object) { f[key] = value }
	}
	split := func(pattern object, behavior string) func(object, object) {
		return file("pre_tokenizer", object{"type": "Split", "pattern": pattern, "behavior": behavior})
	}
	var deep any = object{"type": "NFC"}
	for range maxJSONDepth {
		deep = object{"type": "Sequence", "normalizers": []any{deep}}
	}
	for name, c := range map[string]struct {
		edit func(file, model object)
		want string
	}{
		"model type":          {model("type", "Unigram"), `unknown tokenizer model "Unigram"; known is BPE`},
		"unigram vocabulary":  {func(_, m object) { m["type"] = "Unigram"; m["vocab"] = []any{[]any{"a", 0.5}} }, "Unigram"},
		"vocabulary array":    {model("vocab", []string{"a"}), "vocab (an object of tokens and ids) is missing"},
		"empty vocabulary":    {model("vocab", object{}), "there are no tokens"},
		"id is text":          {model("vocab", object{"a": "0"}), `token "a": byte`},
		"id is negative":      {model("vocab", object{"a": -1}), `token "a"`},
		"id is no integer":    {model("vocab", object{"a": 1.5}), `token "a"`},
		"id is huge":          {model("vocab", object{"a": 1 << 40}), "larger than"},
		"id leaves a gap":     {model("vocab", object{"a": 1 << 23}), "too large for a vocabulary of 1 tokens"},
		"id twice":            {model("vocab", object{"a": 0, "b": 0}), "both have id 0"},
		"merges missing":      {func(_, m object) { delete(m, "merges") }, "merges is missing"},
		"merges object":       {model("merges", object{}), "merges"},
		"merge unknown":       {model("merges", []string{"a ☃"}), `"☃" is not in the vocabulary`},
		"merge of three":      {model("merges", []any{[]string{"a", "b", "c"}}), "more than two tokens"},
		"merge of one":        {model("merges", []any{[]string{"a"}}), "two tokens are expected"},
		"merge with spaces":   {model("merges", []string{"a b c"}), "is not two tokens"},
		"unk unknown":         {model("unk_token", "<unk>"), `unk_token "<unk>" is not in the vocabulary`},
		"prefix":              {model("continuing_subword_prefix", "##"), "continuing_subword_prefix"},
		"suffix":              {model("end_of_word_suffix", "</w>"), "end_of_word_suffix"},
		"fuse type":           {model("fuse_unk", "yes"), "fuse_unk"},
		"normalizer":          {file("normalizer", object{"type": "Precompiled"}), `unknown normalizer "Precompiled"; known are`},
		"deep":                {file("normalizer", deep), "levels deep"},
		"pre-tokenizer":       {file("pre_tokenizer", object{"type": "UnicodeScripts"}), `unknown pre-tokenizer "UnicodeScripts"; known are ByteLevel`},
		"post-processor":      {file("post_processor", object{"type": "Odd"}), `unknown post-processor "Odd"`},
		"decoder":             {file("decoder", object{"type": "CTC"}), `unknown decoder "CTC"`},
		"behavior":            {split(object{"String": "a"}, "Sometimes"), `unknown behavior "Sometimes"`},
		"regular expression":  {split(object{"Regex": "("}, "Isolated"), "regular expression"},
		"empty pattern":       {split(object{"String": ""}, "Isolated"), "pattern is empty"},
		"no pattern":          {split(object{}, "Isolated"), "is missing"},
		"long pattern":        {split(object{"Regex": strings.Repeat("a", maxPatternLen+1)}, "Isolated"), "at most"},
		"added id":            {file("added_tokens", []object{{"id": -1, "content": "<x>"}}), `"<x>": id -1`},
		"added id taken":      {file("added_tokens", []object{{"id": 0, "content": "<x>"}}), "both have id 0"},
		"added id is far off": {file("added_tokens", []object{{"id": 1 << 22, "content": "<x>"}}), "too large"},
		"template id": {file("post_processor", object{
			"type": "TemplateProcessing", "single": []any{object{"SpecialToken": object{"id": "S"}}, object{"Sequence": object{"id": "A"}}},
			"special_tokens": object{"S": object{"ids": []int{99999}}},
		}), "id 99999 is outside"},
		"template token": {file("post_processor", object{
			"type": "TemplateProcessing", "single": []any{object{"SpecialToken": object{"id": "S"}}},
		}), `special token "S" has no ids`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := FromJSON("small.json", smallBPE(t, c.edit), nil)
			wantError(t, err, c.want)
			wantError(t, err, "small.json: ")
		})
	}
}

func TestFromJSONSyntax(t *testing.T) {
	t.Parallel()
	good := string(smallBPE(t, nil))
	for name, c := range map[string]struct{ data, want string }{
		"empty":           {"", `'{' is expected, the text ends`},
		"array":           {"[]", `'{' is expected, not '['`},
		"no model":        {"{}", "model is missing"},
		"model twice":     {strings.Replace(good, `{`, `{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},`, 1), "model occurs twice"},
		"token twice":     {`{"model":{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}}`, "occurs twice"},
		"half":            {good[:len(good)/2], "byte"},
		"more":            {good + "x", "after the end"},
		"control":         {"{\"model\":{\"vocab\":{\"a\nb\":0}}}", "control character"},
		"invalid UTF-8":   {"{\"model\":{\"vocab\":{\"a\xff\":0}}}", "not valid UTF-8"},
		"half surrogate":  {`{"model":{"vocab":{"\ud83d":0}}}`, "not an escape sequence"},
		"wrong surrogate": {`{"model":{"vocab":{"\ud83d\u0041":0}}}`, "half a surrogate pair"},
		"escape":          {`{"model":{"vocab":{"\x":0}}}`, "not an escape sequence"},
		"deep brackets":   {`{"x":` + strings.Repeat("[", 1_000_000), "levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := FromJSON("small.json", []byte(c.data), nil)
			wantError(t, err, c.want)
		})
	}
	tok, err := FromJSON("escapes", []byte(`{"model":{"vocab":{"\u00e9\ud83d\ude00\"\n":0,"\ud55c\uae00":1},"merges":[]}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Piece(0) != "é😀\"\n" || tok.Piece(1) != "한글" {
		t.Errorf("escapes become %q and %q", tok.Piece(0), tok.Piece(1))
	}
}

// TestHostilePattern wants an error in good time from a pattern that backtracks for ever.
func TestHostilePattern(t *testing.T) {
	t.Parallel()
	tok := smallTokenizer(t, func(file, _ object) {
		file["pre_tokenizer"] = object{"type": "Sequence", "pretokenizers": []object{
			{"type": "Split", "pattern": object{"Regex": "(a+)+$"}, "behavior": "Isolated"},
			{"type": "ByteLevel", "use_regex": false, "add_prefix_space": false},
		}}
	})
	tok.splits[0].(patternSplit).pattern.regex.MatchTimeout = 50 * time.Millisecond
	_, err := tok.Encode(strings.Repeat("a", 100)+"b", Options{})
	wantError(t, err, `regular expression "(a+)+$"`)
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	tok := smallTokenizer(t, nil)
	for _, id := range []int32{-1, int32(tok.Size()), math.MaxInt32, math.MinInt32} {
		_, err := tok.Decode([]int32{0, id})
		wantError(t, err, "outside the vocabulary")
		if tok.Piece(id) != "" || tok.Bytes(id) != nil || tok.Special(id) || tok.IsEOG(id) {
			t.Errorf("id %d is taken for a token", id)
		}
	}
}

func TestFromDirErrors(t *testing.T) {
	t.Parallel()
	_, err := FromDir(t.TempDir())
	if !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v is not ErrNone", err)
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"config":    {map[string]string{"tokenizer_config.json": "["}, "tokenizer_config.json"},
		"no merges": {map[string]string{"vocab.json": `{"a":0}`}, "there is no merges.txt"},
		"class":     {map[string]string{"vocab.json": `{"a":0}`, "merges.txt": "", "tokenizer_config.json": `{"tokenizer_class":"CLIPTokenizer"}`}, "CLIPTokenizer"},
		"merges":    {map[string]string{"vocab.json": `{"a":0}`, "merges.txt": "#version: 0.2\na"}, `line 2: "a" is not two tokens`},
		"model":     {map[string]string{"tokenizer.model": "\x0a\xff"}, "tokenizer.model"},
		"add bos":   {map[string]string{"tokenizer.json": string(smallBPE(t, nil)), "tokenizer_config.json": `{"add_bos_token":true}`}, "not named"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := FromDir(writeFiles(t, c.files))
			wantError(t, err, c.want)
		})
	}
}

// writeFiles makes a folder.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
