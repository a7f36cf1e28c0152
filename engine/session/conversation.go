package session

import (
	"context"
	"errors"
	"strings"

	"github.com/potion-engine/potion/engine/chat"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// Conversation is a talk with a model through its chat template. What a turn has in common
// with what the cache holds is not worked out again.
type Conversation struct {
	// Messages is the talk so far. It may be changed between replies.
	Messages []chat.Message
	// Vars are what else the template is given; Messages and AddGenerationPrompt are set by
	// Reply.
	Vars chat.Vars

	seq      *Sequence
	held     []int32 // the tokens that seq holds
	tok      *tokenizer.Tokenizer
	template *chat.Template
}

// NewConversation begins a talk on an empty sequence.
func NewConversation(seq *Sequence, tok *tokenizer.Tokenizer, template *chat.Template) *Conversation {
	c := &Conversation{seq: seq, tok: tok, template: template}
	if id, ok := tok.BOS(); ok {
		c.Vars.BOS = tok.Piece(id)
	}
	if id, ok := tok.EOS(); ok {
		c.Vars.EOS = tok.Piece(id)
	}
	return c
}

// Prompt is the tokens that the template makes of Messages, up to where the answer begins.
func (c *Conversation) Prompt() ([]int32, error) {
	v := c.Vars
	v.Messages, v.AddGenerationPrompt = c.Messages, true
	text, err := c.template.Render(v)
	if err != nil {
		return nil, err
	}
	// Most templates write BOS themselves; it must not come twice.
	bos := c.tok.AddsBOS() && (c.Vars.BOS == "" || !strings.HasPrefix(text, c.Vars.BOS))
	ids, err := c.tok.Encode(text, tokenizer.Options{ParseSpecial: true})
	if err != nil {
		return nil, err
	}
	if id, ok := c.tok.BOS(); ok && bos {
		ids = append([]int32{id}, ids...)
	}
	return ids, nil
}

// Reply answers the last of Messages and adds the answer to them. Of q, Prompt and
// Tokenizer are set here; the sampler is told the whole talk. After an error Messages are as
// before.
func (c *Conversation) Reply(ctx context.Context, q Request) (Result, error) {
	ids, err := c.Prompt()
	if err != nil {
		return Result{}, err
	}
	if len(ids) == 0 {
		return Result{}, errors.New("the chat template makes no text of this talk")
	}
	if n := c.seq.r.Context(); len(ids) >= n {
		return Result{}, &ContextError{Tokens: len(ids) + 1, Context: n, Trained: c.seq.r.Model.Config.Context}
	}
	same := 0
	for same < len(c.held) && same < len(ids)-1 && c.held[same] == ids[same] {
		same++
	}
	c.seq.Truncate(same)
	c.held = c.held[:same]
	for _, id := range ids[:same] {
		q.Sampler.Accept(id)
	}
	q.Prompt, q.Tokenizer = ids[same:], c.tok
	r, err := c.seq.Generate(ctx, q)
	// Whatever happened, the cache holds a beginning of these.
	c.held = append(append(c.held, q.Prompt...), r.IDs...)[:c.seq.Len()]
	if err != nil {
		return r, err
	}
	c.Messages = append(c.Messages, chat.Message{Role: "assistant", Content: r.Text})
	return r, nil
}
