package tokenizer

import "slices"

// optionalID is an id that may be missing; the zero value is none.
type optionalID uint32

func someID(id int32) optionalID { return optionalID(id) + 1 }

func (o optionalID) get() (id int32, ok bool) { return int32(o) - 1, o != 0 }

// specials are the tokens with a meaning of their own.
type specials struct {
	bos, eos, eot, eom, unk, pad optionalID
	eog                          []int32 // ascending
}

// Token texts that end a turn, as llama.cpp knows them (llama_vocab::impl::load). Where a file names no
// end-of-turn token, the first of these that it has is taken.
var eotTexts = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>",
	"[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>",
}

// Further token texts that end a generation.
var eogTexts = []string{
	"<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>", "<turn|>",
	"<|tool_response>", "[e~[",
	"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]",
	"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
}

// findEOG completes the end tokens by the texts in the vocabulary. counts says which tokens may be taken for
// one; those that are taken become control tokens.
func (sp *specials) findEOG(v *vocabulary, counts func(id int32) bool) {
	lookup := func(text string) (int32, bool) {
		id, ok := v.ids[text]
		return id, ok && counts(id)
	}
	add := func(id int32) { sp.eog = append(sp.eog, id) }
	for _, text := range eotTexts {
		if id, ok := lookup(text); ok {
			add(id)
			if sp.eot == 0 {
				sp.eot = someID(id)
			}
		}
	}
	for _, text := range eogTexts {
		if id, ok := lookup(text); ok {
			add(id)
		}
	}
	for _, o := range []optionalID{sp.eos, sp.eot, sp.eom} {
		if id, ok := o.get(); ok {
			add(id)
		}
	}
	drop := func(text string) {
		id, ok := v.ids[text]
		if ok {
			sp.eog = slices.DeleteFunc(sp.eog, func(e int32) bool { return e == id })
		}
	}
	has := func(text string) bool {
		id, ok := v.ids[text]
		return ok && slices.Contains(sp.eog, id)
	}
	for _, id := range sp.eog {
		v.classes[id] = classControl
	}
	// In the harmony format <|end|> ends a message and not the answer; with tool responses, </s> is plain text.
	if has("<|return|>") && has("<|call|>") || has("<|flush|>") && (has("<|call|>") || has("<|calls|>")) {
		if id, ok := v.ids["<|end|>"]; ok && has("<|end|>") {
			v.classes[id] = classUser
			drop("<|end|>")
		}
	}
	if has("<|tool_response>") && has("</s>") {
		v.classes[v.ids["</s>"]] = classNormal
		drop("</s>")
	}
	slices.Sort(sp.eog)
	sp.eog = slices.Compact(sp.eog)
}
