// Package tokenizer turns text into the token ids a language model was trained on, and ids back into text.
//
// It reads the tokenizer of a GGUF file (tokenizer.ggml.*), of a Hugging Face folder (tokenizer.json, or
// vocab.json with merges.txt) and of a SentencePiece tokenizer.model, and covers two families:
//
//   - byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM): the text is cut into words by a pre-tokenizer, each word
//     is a row of bytes, and neighbours are joined in the order of a ranked list of merges
//     (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909; Radford et al. 2019);
//   - SentencePiece BPE with byte fallback (Llama 2, Gemma, Phi 3): spaces become U+2581, symbols are characters,
//     and the pair whose concatenation is the best scored token is joined first; what is no token becomes bytes
//     (Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226).
//
// Every stage of both is the same here: added tokens are found in the text, what lies between them is
// normalized, split into words and handed to the model of the vocabulary.
package tokenizer

import (
	"errors"
	"slices"
	"sync"
)

// ErrNone says that a file or folder holds no tokenizer at all, so that a caller who has token ids already
// may go on without one.
var ErrNone = errors.New("no tokenizer")

// Tokenizer encodes and decodes text. It is safe for concurrent use.
type Tokenizer struct {
	name string // of the file or folder, for messages
	kind string
	pre  string // name of the pre-tokenizer in GGUF's terms, "" if it has none

	vocab    *vocabulary
	added    addedTokens
	norm     normalizer // nil: the text as it is
	splits   []splitter
	model    model
	template template
	dec      decoding
	special  specials
	warnings []string
	noGGUF   string // why GGUF cannot express this tokenizer, "" if it can

	scratch sync.Pool // *scratch
}

// model turns one word into ids.
type model interface {
	encode(dst []int32, word string, s *scratch) []int32
}

// template is what AddSpecial puts round a text.
type template struct{ before, after []int32 }

// Options of Encode.
type Options struct {
	// AddSpecial adds the tokens that the file's own rules put round a text, such as BOS.
	AddSpecial bool
	// ParseSpecial turns special tokens that are written in the text, such as <|im_start|>, into their ids.
	// Leave it off for text from strangers. Added tokens that are not special are always found.
	ParseSpecial bool
}

// Kind names the family and, for byte-level BPE, the pre-tokenizer: "gpt2/llama-bpe", "llama (SentencePiece)".
func (t *Tokenizer) Kind() string { return t.kind }

// Pre returns the pre-tokenizer's name in GGUF's terms ("llama-bpe"), or "" where GGUF has no name for it.
func (t *Tokenizer) Pre() string { return t.pre }

// Warnings lists what was odd in the file but did not stop it from being used.
func (t *Tokenizer) Warnings() []string { return slices.Clone(t.warnings) }

// Size is the number of ids: every id is at least 0 and below Size.
func (t *Tokenizer) Size() int { return len(t.vocab.texts) }

// Lookup returns the id of a token by its stored text, as Piece shows it or as the file writes it.
func (t *Tokenizer) Lookup(piece string) (int32, bool) {
	if id, ok := t.vocab.ids[piece]; ok {
		return id, true
	}
	if t.dec.byteLevel {
		id, ok := t.vocab.ids[string(appendMapped(nil, piece))]
		return id, ok
	}
	id, ok := t.vocab.ids[escapeSpaces(piece)]
	return id, ok
}

// BOS returns the id that begins a sequence.
func (t *Tokenizer) BOS() (id int32, ok bool) { return t.special.bos.get() }

// EOS returns the id that ends a sequence.
func (t *Tokenizer) EOS() (id int32, ok bool) { return t.special.eos.get() }

// EOT returns the id that ends a turn of a conversation.
func (t *Tokenizer) EOT() (id int32, ok bool) { return t.special.eot.get() }

// UNK returns the id that stands for what the vocabulary cannot express.
func (t *Tokenizer) UNK() (id int32, ok bool) { return t.special.unk.get() }

// PAD returns the id that fills up a batch.
func (t *Tokenizer) PAD() (id int32, ok bool) { return t.special.pad.get() }

// IsEOG tells whether a model that produces id has finished: EOS, EOT and their like.
func (t *Tokenizer) IsEOG(id int32) bool {
	_, found := slices.BinarySearch(t.special.eog, id)
	return found
}

// EOG lists the ids that end a generation, in ascending order.
func (t *Tokenizer) EOG() []int32 { return slices.Clone(t.special.eog) }

// AddsBOS tells whether AddSpecial puts the BOS token before a text.
func (t *Tokenizer) AddsBOS() bool {
	return len(t.template.before) > 0 && someID(t.template.before[0]) == t.special.bos
}

// Special tells whether id is a control token, which Decode leaves out.
func (t *Tokenizer) Special(id int32) bool {
	return t.vocab.has(id) && t.vocab.classes[id].special()
}
