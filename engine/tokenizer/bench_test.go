package tokenizer

import (
	"testing"

	"github.com/potion-engine/potion/engine/gguf"
)

var benchVocabs = map[string]string{
	"gpt2-gguf":   "vocab/llamacpp/ggml-vocab-gpt-2.gguf",
	"llama3-gguf": "vocab/llamacpp/ggml-vocab-llama-bpe.gguf.gz",
	"llama2-gguf": "vocab/llamacpp/ggml-vocab-llama-spm.gguf",
	"qwen2-gguf":  "vocab/llamacpp/ggml-vocab-qwen2.gguf.gz",
	"gemma3-json": "tokenizers/gemma3/tokenizer.json.gz",
	"qwen3-json":  "tokenizers/qwen3/tokenizer.json.gz",
	"tok512":      "models/stories260K/stories260K-f32.gguf",
	"gpt2-tiny":   "models/hf-tiny-random-gpt2",
}

func BenchmarkEncode(b *testing.B) {
	for name, vocab := range benchVocabs {
		for _, corpus := range []string{"war-and-peace.txt", "wagahaiwa_nekodearu.ja.txt"} {
			b.Run(name+"/"+corpus, func(b *testing.B) {
				tok := load(b, vocab)
				text := string(readFile(b, testdata(b, "corpus/"+corpus)))
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if _, err := tok.Encode(text, Options{ParseSpecial: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"gemma3", "llama3", "qwen3"} {
		data := readFile(b, testdata(b, "tokenizers/"+name+"/tokenizer.json.gz"))
		b.Run(name+"-json", func(b *testing.B) {
			for b.Loop() {
				if _, err := FromJSON(name, data, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	data := readFile(b, testdata(b, "vocab/llamacpp/ggml-vocab-llama-bpe.gguf.gz"))
	b.Run("llama3-gguf", func(b *testing.B) {
		for b.Loop() {
			f, err := gguf.OpenBytes("llama-bpe", data)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := FromGGUF(f); err != nil {
				b.Fatal(err)
			}
		}
	})
}
