package tokenizer

import (
	"path/filepath"
	"slices"
	"testing"
)

func encode(t *testing.T, tok *Tokenizer, text string, o Options) []int32 {
	t.Helper()
	ids, err := tok.Encode(text, o)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestSpecialTokens(t *testing.T) {
	t.Parallel()
	tok := smallTokenizer(t, nil)
	end, ok := tok.Lookup("<|endoftext|>")
	if !ok || !tok.Special(end) || !tok.IsEOG(end) || !slices.Equal(tok.EOG(), []int32{end}) {
		t.Fatalf("<|endoftext|> is id %d, end tokens %v", end, tok.EOG())
	}
	tool, ok := tok.Lookup("<tool>")
	if !ok || tok.Special(tool) {
		t.Fatalf("<tool> is id %d, special %v", tool, tok.Special(tool))
	}
	const text = "a<tool><|endoftext|>"
	if ids := encode(t, tok, text, Options{ParseSpecial: true}); !slices.Equal(ids, []int32{'a', tool, end}) {
		t.Errorf("parsed: %v", ids)
	}
	ids := encode(t, tok, text, Options{})
	if len(ids) < 5 || ids[1] != tool || slices.Contains(ids, end) {
		t.Errorf("not parsed: %v", ids)
	}
	for special, want := range map[bool]string{false: "a<tool>", true: text} {
		got, err := tok.DecodeWith([]int32{'a', tool, end}, DecodeOptions{Special: special})
		if err != nil || got != want {
			t.Errorf("decoded %q, %v, want %q", got, err, want)
		}
	}
	if id, ok := tok.Lookup(" the"); !ok || tok.Piece(id) != " the" {
		t.Errorf(`" the" is id %d, %q`, id, tok.Piece(id))
	}
}

// TestAddedTokenFlags has its expected tokens from Hugging Face's library on the same file (Tokenizer.encode).
func TestAddedTokenFlags(t *testing.T) {
	t.Parallel()
	tok := smallTokenizer(t, func(file, _ object) {
		file["normalizer"] = object{"type": "Lowercase"}
		file["added_tokens"] = []object{
			{"id": 272, "content": "<l>", "lstrip": true, "special": true},
			{"id": 273, "content": "<r>", "rstrip": true, "special": true},
			{"id": 274, "content": "one", "single_word": true, "special": true},
			{"id": 275, "content": "YOU", "normalized": true},
			{"id": 276, "content": "<ll", "special": true},
		}
	})
	for text, want := range map[string][]int32{
		"a \n<l> a": {'a', 272, 260},
		"a <r> \na": {'a', ' ', 273, 'a'},
		"one":       {274},
		"bone":      {'b', 'o', 'n', 'e'},
		"(one)":     {'(', 274, ')'},
		"you YOU":   {275, ' ', 275},
		"<l><ll":    {272, 276},
		"<r> <l>":   {273, 272},
	} {
		if got := encode(t, tok, text, Options{ParseSpecial: true}); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// TestOverlappingAddedTokens: in GGUF files the longest token wins, in a tokenizer.json the first.
func TestOverlappingAddedTokens(t *testing.T) {
	t.Parallel()
	added := []addedToken{{id: 1, text: "ab"}, {id: 2, text: "bcd"}, {id: 3, text: "b"}}
	for _, c := range []struct {
		longest bool
		want    []match
	}{
		{true, []match{{1, 4, 2}, {5, 7, 1}, {7, 8, 3}}},
		{false, []match{{0, 2, 1}, {5, 7, 1}, {7, 8, 3}}},
	} {
		a, err := newAddedTokens(slices.Clone(added), nil, c.longest)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.find(a.raw[0], "abcd-abb"); !slices.Equal(got, c.want) {
			t.Errorf("longest first %v: got %v, want %v", c.longest, got, c.want)
		}
	}
}

func TestBOSRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(metadata)
		want []int32 // -1 stands for the word's own id
	}{
		"SentencePiece adds BOS": {nil, []int32{1, -1}},
		"the file says no":       {func(m metadata) { m[keyAddBOS] = false }, []int32{-1}},
		"EOS too":                {func(m metadata) { m[keyAddEOS] = true }, []int32{1, -1, 2}},
		"no BOS id, the default": {func(m metadata) { delete(m, keyBOS) }, []int32{1, -1}},
	} {
		tok := smallSPMTokenizer(t, c.edit)
		word := encode(t, tok, "the", Options{})
		if len(word) != 1 {
			t.Fatalf("%q is %v", "the", word)
		}
		want := slices.Clone(c.want)
		want[slices.Index(want, -1)] = word[0]
		if got := encode(t, tok, "the", Options{AddSpecial: true}); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if tok.AddsBOS() != (c.want[0] == 1) {
			t.Errorf("%s: AddsBOS is %v", name, tok.AddsBOS())
		}
	}
}

func TestFromDir(t *testing.T) {
	t.Parallel()
	tok, err := FromDir(writeFiles(t, map[string]string{
		"tokenizer.json":          string(smallBPE(t, nil)),
		"tokenizer_config.json":   `{"bos_token":{"content":"<|endoftext|>"},"add_bos_token":true}`,
		"special_tokens_map.json": `{"eos_token":"<tool>"}`,
		"generation_config.json":  `{"eos_token_id":[5,6]}`,
		"config.json":             `{"bos_token_id":7,"eos_token_id":8}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	bos, _ := tok.BOS()
	eos, _ := tok.EOS()
	if tok.Piece(bos) != "<|endoftext|>" || tok.Piece(eos) != "<tool>" || !tok.AddsBOS() {
		t.Errorf("BOS %q, EOS %q, adds BOS %v", tok.Piece(bos), tok.Piece(eos), tok.AddsBOS())
	}
	if want := []int32{5, 6, bos, eos}; !slices.Equal(tok.EOG(), want) {
		t.Errorf("end tokens %v, want %v", tok.EOG(), want)
	}
}

func TestFromDirVocabAndMerges(t *testing.T) {
	t.Parallel()
	const merges = "#version: 0.2\nĠ t\r\nh e\nĠt he\n"
	vocab := `{"!":0,"t":1,"h":2,"e":3,"Ġ":4,"Ġt":5,"he":6,"Ġthe":7,"a":8`
	for name, c := range map[string]struct {
		vocab, config string
		text, pre     string
		want          []int32
	}{
		"GPT-2":        {vocab + "}", `{"tokenizer_class":"GPT2Tokenizer"}`, "the the", "gpt-2", []int32{1, 6, 7}},
		"prefix":       {vocab + "}", `{"add_prefix_space":true}`, "the the", "", []int32{7, 7}},
		"Qwen":         {vocab + `,"<|im_end|>":9}`, `{"tokenizer_class":"Qwen2Tokenizer","eos_token":"<|im_end|>"}`, "the!<|im_end|>", "qwen2", []int32{1, 6, 0, 9}},
		"added tokens": {vocab + "}", `{"added_tokens_decoder":{"9":{"content":"<x>","special":true}}}`, "the<x>", "gpt-2", []int32{1, 6, 9}},
	} {
		tok, err := FromDir(writeFiles(t, map[string]string{"vocab.json": c.vocab, "merges.txt": merges, "tokenizer_config.json": c.config}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if tok.Pre() != c.pre {
			t.Errorf("%s: pre-tokenizer %q, want %q", name, tok.Pre(), c.pre)
		}
		if got := encode(t, tok, c.text, Options{ParseSpecial: true}); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestConfigs reads the configuration files that real models come with.
func TestConfigs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dir, config string
		bos, eos    string
		addsBOS     bool
		eog         []string
	}{
		{"gemma3", "tokenizer_config.json.gz", "<bos>", "<end_of_turn>", true, []string{"<eos>", "<end_of_turn>", "</s>"}},
		{"llama3", "tokenizer_config.json.gz", "<|begin_of_text|>", "<|end_of_text|>", false, []string{"<|end_of_text|>", "<|eot_id|>"}},
		{"qwen3", "tokenizer_config.json", "", "<|im_end|>", false,
			[]string{"<|endoftext|>", "<|im_end|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"}},
	} {
		t.Run(c.dir, func(t *testing.T) {
			t.Parallel()
			dir := testdata(t, "tokenizers/"+c.dir)
			tok, err := FromJSON(c.dir, readFile(t, filepath.Join(dir, "tokenizer.json.gz")), readFile(t, filepath.Join(dir, c.config)))
			if err != nil {
				t.Fatal(err)
			}
			text := func(id int32, ok bool) string {
				if !ok {
					return ""
				}
				return tok.Piece(id)
			}
			var eog []string
			for _, id := range tok.EOG() {
				eog = append(eog, tok.Piece(id))
			}
			slices.Sort(eog)
			slices.Sort(c.eog)
			if bos, eos := text(tok.BOS()), text(tok.EOS()); bos != c.bos || eos != c.eos || tok.AddsBOS() != c.addsBOS || !slices.Equal(eog, c.eog) {
				t.Errorf("BOS %q, EOS %q, adds BOS %v, ends with %q", bos, eos, tok.AddsBOS(), eog)
			}
		})
	}
}

// TestSentencePieceModels: a tokenizer.model by itself, with the spaces that its own normalizer takes away.
func TestSentencePieceModels(t *testing.T) {
	t.Parallel()
	for cases, file := range map[string]string{
		"llama2_spm": "tokenizers/llama2-spm/tokenizer.model",
		"tok512":     "models/stories260K/tok512.model",
	} {
		t.Run(cases, func(t *testing.T) {
			t.Parallel()
			data := readFile(t, testdata(t, file))
			tok, err := fromSentencePiece(file, data, &configFiles{})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range loadCases(t, cases) {
				want := c.Ids
				for _, other := range c.Disagree {
					want = other
				}
				checkIDs(t, tok, c.Text, Options{}, want)
			}
		})
	}
}
