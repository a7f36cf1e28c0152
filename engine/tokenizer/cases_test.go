package tokenizer

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cases, vocab string
		parses       bool // the recorded ids always parse special tokens in the text
		noAdded      bool // the vocabulary by itself adds no BOS
	}{
		{cases: "gpt2", vocab: "vocab/llamacpp/ggml-vocab-gpt-2.gguf"},
		{cases: "gpt2", vocab: "tokenizers/gpt2/tokenizer.json"},
		{cases: "llama2_spm", vocab: "vocab/llamacpp/ggml-vocab-llama-spm.gguf"},
		{cases: "llama3", vocab: "vocab/llamacpp/ggml-vocab-llama-bpe.gguf.gz"},
		{cases: "llama3", vocab: "tokenizers/llama3/tokenizer.json.gz", noAdded: true},
		{cases: "qwen2_gguf", vocab: "vocab/llamacpp/ggml-vocab-qwen2.gguf.gz"},
		{cases: "tok512", vocab: "models/stories260K/stories260K-f32.gguf"},
		{cases: "gemma3_hf", vocab: "tokenizers/gemma3/tokenizer.json.gz", parses: true},
		{cases: "qwen3_hf", vocab: "tokenizers/qwen3/tokenizer.json.gz", parses: true},
		{cases: "tiny_random_gpt2_hf", vocab: "models/hf-tiny-random-gpt2", parses: true},
	} {
		t.Run(c.cases+"/"+strings.ReplaceAll(c.vocab, "/", "_"), func(t *testing.T) {
			t.Parallel()
			tok := load(t, c.vocab)
			for _, tc := range loadCases(t, c.cases) {
				checkIDs(t, tok, tc.Text, Options{ParseSpecial: c.parses}, tc.Ids)
				parsed := tc.IdsParseSpecial
				if parsed == nil {
					parsed = tc.Ids
				}
				checkIDs(t, tok, tc.Text, Options{ParseSpecial: true}, parsed)
				if tc.IdsAddSpecial != nil && !c.noAdded {
					parsed = tc.IdsAddSpecial
				}
				checkIDs(t, tok, tc.Text, Options{AddSpecial: true, ParseSpecial: true}, parsed)
				checkDecode(t, tok, tc)
			}
		})
	}
}

func checkIDs(t *testing.T, tok *Tokenizer, text string, o Options, want []int32) {
	t.Helper()
	got, err := tok.Encode(text, o)
	if err != nil {
		t.Errorf("Encode(%q, %+v): %v", text, o, err)
	} else if !slices.Equal(got, want) {
		t.Errorf("Encode(%q, %+v)\n got %v\nwant %v", text, o, got, want)
	}
}

// checkDecode wants the recorded text back, or the text itself; what the vocabulary's normalizer changed is not
// asked back.
func checkDecode(t *testing.T, tok *Tokenizer, c tokenizerCase) {
	t.Helper()
	got, err := tok.DecodeWith(c.Ids, DecodeOptions{Special: true})
	if err != nil {
		t.Errorf("Decode(%v): %v", c.Ids, err)
		return
	}
	if c.Decoded == nil {
		if want := c.Text; got != want && tok.norm == nil {
			t.Errorf("Decode(Encode(%q)) = %q", want, got)
		}
		return
	}
	var b strings.Builder
	s := tok.StreamWith(DecodeOptions{Special: true})
	for _, id := range c.Ids {
		b.WriteString(s.Next(id))
	}
	b.WriteString(s.Flush())
	if b.String() != *c.Decoded {
		t.Errorf("stream of Encode(%q)\n got %q\nwant %q", c.Text, b.String(), *c.Decoded)
	}
}

// TestLlamaCppVocabs checks the texts that llama.cpp's own tests use (models/ggml-vocab-*.gguf.inp and .out).
func TestLlamaCppVocabs(t *testing.T) {
	t.Parallel()
	for name, packed := range map[string]string{"gpt-2": "", "llama-spm": "", "llama-bpe": ".gz", "qwen2": ".gz"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := "vocab/llamacpp/ggml-vocab-" + name + ".gguf"
			tok := load(t, base+packed)
			inp, err := os.ReadFile(testdata(t, base+".inp"))
			if err != nil {
				t.Fatal(err)
			}
			out, err := os.ReadFile(testdata(t, base+".out"))
			if err != nil {
				t.Fatal(err)
			}
			texts := strings.Split(string(inp), "\n__ggml_vocab_test__\n")
			lines := strings.Split(string(out), "\n")
			if len(texts) < 40 || len(lines) < len(texts) {
				t.Fatalf("%d texts and %d lines of ids", len(texts), len(lines))
			}
			for i, text := range texts {
				var want []int32
				for _, f := range strings.Fields(lines[i]) {
					id, err := strconv.Atoi(f)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, int32(id))
				}
				checkIDs(t, tok, text, Options{}, want)
			}
		})
	}
}
