package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// object is a JSON object that a test writes.
type object = map[string]any

// smallBPE is a byte-level vocabulary as a tokenizer.json: the 256 bytes, then a token for each merge, then
// <|endoftext|> (special) and <tool> (not special). The edit, if any, may change it.
func smallBPE(t testing.TB, edit func(file, model object)) []byte {
	t.Helper()
	vocab := object{}
	for b := range 256 {
		vocab[string(byteToRune[b])] = b
	}
	merges := []string{"Ġ t", "h e", "i n", "Ġt he", "Ġ a", "e r", "l l", "Ġ l", "i e", "s t", "Ġl ie", "e d", "Ġ Ġ", "ĠĠ ĠĠ", "Ċ Ċ", "Ã ©"}
	for _, m := range merges {
		vocab[strings.ReplaceAll(m, " ", "")] = len(vocab)
	}
	end := len(vocab)
	model := object{"type": "BPE", "vocab": vocab, "merges": merges}
	file := object{
		"model":         model,
		"pre_tokenizer": object{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
		"decoder":       object{"type": "ByteLevel"},
		"added_tokens": []object{
			{"id": end, "content": "<|endoftext|>", "special": true},
			{"id": end + 1, "content": "<tool>", "special": false},
		},
	}
	if edit != nil {
		edit(file, model)
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func smallTokenizer(t testing.TB, edit func(file, model object)) *Tokenizer {
	t.Helper()
	tok, err := FromJSON("small", smallBPE(t, edit), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// metadata serves a map as a file would.
type metadata map[string]any

func (m metadata) Get(key string) (any, bool) {
	v, ok := m[key]
	return v, ok
}

// smallSPM is a SentencePiece vocabulary as GGUF metadata: <unk>, <s>, </s>, 256 bytes, characters, joined pieces.
func smallSPM(edit func(metadata)) metadata {
	texts := []string{"<unk>", "<s>", "</s>"}
	types := []int32{2, 3, 3}
	scores := []float32{0, 0, 0}
	for b := range 256 {
		texts, types, scores = append(texts, fmt.Sprintf("<0x%02X>", b)), append(types, 6), append(scores, 0)
	}
	for i, text := range strings.Fields("▁t he ▁the in ▁a er ll ie st ▁l ▁lie ed ▁▁ ▁▁▁▁ ▁ a b d e h i l n o r s t é") {
		texts, types, scores = append(texts, text), append(types, 1), append(scores, float32(-i))
	}
	texts, types, scores = append(texts, "<tool>"), append(types, 4), append(scores, 0)
	m := metadata{
		keyModel: "llama", keyTokens: texts, keyTypes: types, keyScores: scores,
		keyBOS: uint32(1), keyEOS: uint32(2), keyUNK: uint32(0),
	}
	if edit != nil {
		edit(m)
	}
	return m
}

func smallSPMTokenizer(t testing.TB, edit func(metadata)) *Tokenizer {
	t.Helper()
	tok, err := FromGGUF(smallSPM(edit))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// randomText makes text that a tokenizer may find hard.
func randomText(rng *rand.Rand, n int) string {
	odd := []string{
		" ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", "'s", "'S", "'ll", "'RE", "'", "\u00a0", "\u3000", "\u2028", "\u0085", "\u200d",
		"1", "22", "333", "4444", "½", "٣", "Ⅷ", "é", "e\u0301", "\u0301", "한글", "日本語", "。", "😀", "👨‍👩‍👧", "▁", "the", " the",
		" lies", "still", "<|endoftext|>", "<tool>", "<s>", "</s>", "<0x41>", "!?", "...", "_", "\x00", "\x7f", "İ", "ß", "ſ",
	}
	var b strings.Builder
	for range n {
		switch r := rng.IntN(10); {
		case r < 6:
			b.WriteString(odd[rng.IntN(len(odd))])
		case r < 8:
			b.WriteByte(byte(' ' + rng.IntN(95)))
		default:
			if c := rune(rng.IntN(utf8.MaxRune + 1)); utf8.ValidRune(c) {
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}
