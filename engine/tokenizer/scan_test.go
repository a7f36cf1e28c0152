package tokenizer

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestScannersMatchPatterns holds the hand-written scanners to the patterns they stand for, on random text.
func TestScannersMatchPatterns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern string
		scan    scanner
	}{
		"gpt-2":     {patternGPT2, scanGPT2},
		"llama-bpe": {patternLlama3, scanLlama3},
		"qwen2":     {patternQwen2, scanQwen2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pat, err := regexPattern(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for range 3000 {
				text := randomText(rng, 1+rng.IntN(20))
				got, _ := c.scan.split(nil, text, true)
				want, err := patternSplit{pat, isolated, false}.split(nil, text, true)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%q\n got %q\nwant %q", text, got, want)
				}
			}
		})
	}
}

func TestThreeDigits(t *testing.T) {
	t.Parallel()
	got, _ := scanner(threeDigits).split(nil, "a1234567b12", true)
	if want := []string{"a", "123", "456", "7b12"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBehaviors has its expected words from Hugging Face's library:
//
//	tokenizers.pre_tokenizers.Split("-", behavior).pre_tokenize_str("the-final--countdown")
func TestBehaviors(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"Removed":            {"the", "final", "countdown"},
		"Isolated":           {"the", "-", "final", "-", "-", "countdown"},
		"MergedWithPrevious": {"the-", "final-", "-", "countdown"},
		"MergedWithNext":     {"the", "-final", "-", "-countdown"},
		"Contiguous":         {"the", "-", "final", "--", "countdown"},
	} {
		pat, err := literalPattern("-")
		if err != nil {
			t.Fatal(err)
		}
		const text = "the-final--countdown"
		got, err := patternSplit{pat, behaviors[name], false}.split(nil, text, true)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
		got, err = runeSplit{func(r rune) bool { return r == '-' }, behaviors[name]}.split(nil, text, true)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s by character: got %q, %v, want %q", name, got, err, want)
		}
	}
}
