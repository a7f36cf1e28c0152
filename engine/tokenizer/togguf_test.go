package tokenizer

import (
	"slices"
	"testing"
)

// keyValues serves exported metadata as a file would.
type keyValues []KeyValue

func (kv keyValues) Get(key string) (any, bool) {
	for _, e := range kv {
		if e.Key == key {
			return e.Value, true
		}
	}
	return nil, false
}

// TestGGUFRoundTrip exports tokenizers, loads the export and wants the same ids.
func TestGGUFRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ vocab, cases string }{
		{"tokenizers/gpt2/tokenizer.json", "gpt2"},
		{"tokenizers/llama3/tokenizer.json.gz", "llama3"},
		{"tokenizers/gemma3/tokenizer.json.gz", "gemma3_hf"},
		{"models/stories260K/stories260K-f32.gguf", "tok512"},
		{"vocab/llamacpp/ggml-vocab-qwen2.gguf.gz", "qwen2_gguf"},
		{"../demo/hf-f32", "gpt2"},
	} {
		t.Run(c.vocab, func(t *testing.T) {
			t.Parallel()
			tok := load(t, c.vocab)
			kv, err := tok.GGUF(tok.Size())
			if err != nil {
				t.Fatal(err)
			}
			again, err := FromGGUF(keyValues(kv))
			if err != nil {
				t.Fatal(err)
			}
			if again.Size() != tok.Size() || !slices.Equal(again.EOG(), tok.EOG()) {
				t.Errorf("size %d and end tokens %v become %d and %v", tok.Size(), tok.EOG(), again.Size(), again.EOG())
			}
			texts := []string{string(readFile(t, testdata(t, "corpus/tinystories_sample.txt")))}
			for _, tc := range loadCases(t, c.cases) {
				texts = append(texts, tc.Text)
			}
			for _, o := range []Options{{}, {AddSpecial: true}, {AddSpecial: true, ParseSpecial: true}} {
				for _, text := range texts {
					want, err := tok.Encode(text, o)
					if err != nil {
						t.Fatal(err)
					}
					checkIDs(t, again, text, o, want)
					a, errA := tok.Decode(want)
					b, errB := again.Decode(want)
					if a != b || errA != nil || errB != nil {
						t.Errorf("Decode(%v) = %q, %v before and %q, %v after", want, a, errA, b, errB)
					}
				}
			}
		})
	}
}
