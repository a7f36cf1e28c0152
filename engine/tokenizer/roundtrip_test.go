package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// ownTokenizers are vocabularies that lose nothing of a text.
func ownTokenizers(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	pre := func(stages ...object) func(object, object) {
		return func(file, _ object) {
			file["pre_tokenizer"] = object{"type": "Sequence", "pretokenizers": stages}
		}
	}
	regex := func(expr string) object {
		return object{"type": "Split", "pattern": object{"Regex": expr}, "behavior": "Isolated"}
	}
	raw := object{"type": "ByteLevel", "use_regex": false, "add_prefix_space": false}
	return map[string]*Tokenizer{
		"gpt-2":  smallTokenizer(t, nil),
		"llama3": smallTokenizer(t, pre(regex(patternLlama3), raw)),
		"regex":  smallTokenizer(t, pre(regex(`\p{N}{1,3}| ?\p{L}+|\s+`), raw)),
		"after": smallTokenizer(t, pre(object{"type": "Punctuation", "behavior": "Contiguous"},
			object{"type": "ByteLevel", "add_prefix_space": false}, object{"type": "Digits", "individual_digits": true})),
		"whole words": smallTokenizer(t, func(_, model object) { model["ignore_merges"] = true }),
		"spm":         smallSPMTokenizer(t, nil),
		"spm plain":   smallSPMTokenizer(t, func(m metadata) { m[keyAddSpace] = false }),
	}
}

// checkRoundTrip wants text back, byte by byte, decoded at once and as a stream.
func checkRoundTrip(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	if strings.Contains(text, spaceMark) && !tok.dec.byteLevel {
		return // it decodes to a space
	}
	ids, err := tok.Encode(text, Options{AddSpecial: true})
	if err != nil {
		t.Fatalf("Encode(%q): %v", text, err)
	}
	got, err := tok.Decode(ids)
	if err != nil || got != text {
		t.Fatalf("%q becomes %v and %q, %v", text, ids, got, err)
	}
	if !utf8.ValidString(text) {
		return
	}
	s := tok.StreamWith(DecodeOptions{})
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(s.Next(id))
	}
	b.WriteString(s.Flush())
	if b.String() != text {
		t.Fatalf("%q streams as %q", text, b.String())
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, tok := range ownTokenizers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(5, 6))
			for range 500 {
				// An added token in the text would swallow the space that SentencePiece adds after it.
				text := strings.ReplaceAll(randomText(rng, rng.IntN(30)), "<tool>", "")
				checkRoundTrip(t, tok, text)
			}
		})
	}
}

func FuzzRoundTrip(f *testing.F) {
	toks := ownTokenizers(f)
	for _, seed := range []string{"", " ", "the lie\n\n  lies", "日本語 😀", "\xff\xfe", "'S 12345 \r\n\t", "<|endoftext|></s>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "<tool>", "")
		for name, tok := range toks {
			if name == "regex" || utf8.ValidString(text) {
				checkRoundTrip(t, tok, text)
			}
		}
	})
}

// FuzzEncode wants ids of the vocabulary, the same ids from a used and a fresh tokenizer, and no panic.
func FuzzEncode(f *testing.F) {
	toks := ownTokenizers(f)
	f.Add("the <tool> <|endoftext|> lies", true, true)
	f.Add("▁▁<0x41> </s>", false, true)
	f.Fuzz(func(t *testing.T, text string, special, parse bool) {
		for name, tok := range toks {
			ids, err := tok.Encode(text, Options{AddSpecial: special, ParseSpecial: parse})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if id < 0 || int(id) >= tok.Size() {
					t.Fatalf("%s: id %d", name, id)
				}
			}
			tok.scratch = sync.Pool{}
			again, err := tok.Encode(text, Options{AddSpecial: special, ParseSpecial: parse})
			if err != nil || !slices.Equal(ids, again) {
				t.Fatalf("%s: %q gives %v, then %v", name, text, ids, again)
			}
		}
	})
}

// FuzzFromJSON wants an error or a tokenizer that works.
func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"],"byte_fallback":true}}`), []byte(`{}`))
	f.Add([]byte(`{"model":{"vocab":{"a":0,"\u2581":1},"merges":[["a","a"]],"unk_token":"a"},"added_tokens":[{"id":3,"content":"<x>"}]}`), []byte(`{"bos_token":"a"}`))
	f.Add([]byte(`{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":"a+"},"content":"b"}]},`+
		`"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},"model":{"vocab":{"a":0},"merges":[]}}`), []byte(`{"add_bos_token":true}`))
	f.Add(smallBPE(f, nil), []byte(`{"eos_token":{"content":"<|endoftext|>"}}`))
	f.Fuzz(func(t *testing.T, data, config []byte) {
		tok, err := FromJSON("fuzz", data, config)
		if err != nil {
			return
		}
		ids, err := tok.Encode("a b <x> é", Options{AddSpecial: true, ParseSpecial: true})
		if err != nil {
			return
		}
		if _, err := tok.Decode(ids); err != nil {
			t.Fatal(err)
		}
		if kv, err := tok.GGUF(0); err == nil {
			if _, err := FromGGUF(keyValues(kv)); err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
		}
	})
}

// TestHugeWords wants texts without any place to split to take no more than linear time, nearly.
func TestHugeWords(t *testing.T) {
	t.Parallel()
	for name, tok := range ownTokenizers(t) {
		for _, unit := range []string{"a", " ", "\n", "the", "1", "日", "\xff", "'", "<", "<tool>", " \n"} {
			text := strings.Repeat(unit, 50_000/len(unit))
			start := time.Now()
			if _, err := tok.Encode(text, Options{ParseSpecial: true}); err != nil {
				t.Errorf("%s: %q: %v", name, unit, err)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("%s: %d times %q takes %v", name, 50_000/len(unit), unit, took)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	for name, tok := range ownTokenizers(t) {
		text := strings.Repeat("the lies still, <tool> 日本 ", 20)
		want, err := tok.Encode(text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					if got, err := tok.Encode(text, Options{}); err != nil || !slices.Equal(got, want) {
						t.Errorf("%s: %v, %v", name, got, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}
