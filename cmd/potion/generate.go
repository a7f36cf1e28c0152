package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

func generateCommand() *cli.Command {
	flags := append(deviceFlags(format.F16, fastActivations), samplingFlags()...)
	flags = append(flags,
		fileFlag(),
		&cli.IntFlag{Name: "n", Aliases: []string{"tokens"}, Value: 256, Usage: "`TOKENS` to generate at most; -1: until the context is full"},
		&cli.StringSliceFlag{Name: "stop", Usage: "end before this `STRING`; repeatable"},
		&cli.BoolFlag{Name: "ignore-eos", Usage: "go on when the model ends its text"},
		&cli.BoolFlag{Name: "parse-special", Usage: "take special tokens that are written in TEXT for what they mean"},
		&cli.BoolFlag{Name: "no-echo", Usage: "print only what is generated, not TEXT before it", Category: catOutput},
		jsonFlag("print events, one JSON object a line; the last one is the whole result"),
	)
	return &cli.Command{
		Name:      "generate",
		Aliases:   []string{"gen"},
		Usage:     "go on with a text",
		ArgsUsage: "TEXT",
		Description: `Goes on with TEXT token by token and prints it as it comes. Examples:

   potion generate "Once upon a time"
   potion generate --model smollm2.gguf --temp 0 -n 40 "The capital of France is"
   potion generate -m Qwen2.5-0.5B/ --seed 7 --top-p 0.9 --stop "\n\n" - < story.txt
   potion generate --json "Sarah lies still on the bed, feeling" | tail -n 1 | jq .text`,
		Flags:  flags,
		Action: generate,
	}
}

func generate(c *cli.Context) error {
	prompt, err := text(c)
	if err != nil {
		return err
	}
	m, err := openModel(c, session.Options{})
	if err != nil {
		return err
	}
	defer m.Close()
	tok, err := openTokenizer(c, m.file)
	if err != nil {
		return err
	}
	warnUTF8(c.App.ErrWriter, prompt)
	ids, err := tok.Encode(prompt, tokenizer.Options{AddSpecial: true, ParseSpecial: c.Bool("parse-special")})
	if err != nil {
		return err
	}
	if prompt == "" || len(ids) == 0 {
		return session.ErrEmptyPrompt
	}
	if n := m.runner.Context(); len(ids) >= n {
		return &session.ContextError{Tokens: len(ids) + 1, Context: n, Trained: m.model.Config.Context}
	}
	params, err := sampling(c, m.model.Config.Vocab)
	if err != nil {
		return err
	}
	sampler, err := sample.New(params, m.model.Config.Vocab)
	if err != nil {
		return err
	}
	n := c.Int("n")
	if n < -1 || n == 0 {
		return usage("-n %d: want a number of tokens, or -1 for as many as fit", n)
	}
	out := &output{w: c.App.Writer, json: c.Bool("json")}
	if !out.json && !c.Bool("no-echo") {
		out.print(prompt)
	}
	result, err := m.runner.NewSequence().Generate(c.Context, session.Request{
		Prompt: ids, Sampler: sampler, Tokenizer: tok, Max: max(n, 0),
		Stops: c.StringSlice("stop"), IgnoreEOS: c.Bool("ignore-eos"), Emit: out.token,
	})
	if err != nil {
		return err
	}
	if err := out.finish(m, result, params.Seed); err != nil {
		return err
	}
	if !c.Bool("quiet") {
		timings(c.App.ErrWriter, m, result)
	}
	return c.Context.Err() // what was asked for is not all there
}

// output prints a generation as text or as JSON events.
type output struct {
	w    io.Writer
	json bool
	err  error
}

func (o *output) print(s string) {
	if o.err == nil && s != "" {
		_, o.err = io.WriteString(o.w, s)
	}
}

// tokenEvent is one line of generate --json; Text is what became certain with the token.
type tokenEvent struct {
	Event string `json:"event"`
	ID    int32  `json:"id"`
	Text  string `json:"text"`
}

func (o *output) token(id int32, text string) error {
	if !o.json {
		o.print(text)
		return o.err
	}
	return o.line(tokenEvent{"token", id, text})
}

func (o *output) line(v any) error {
	if o.err == nil {
		o.err = printJSON(o.w, v)
	}
	return o.err
}

// generateResult is the last line of generate --json.
type generateResult struct {
	Text         string             `json:"text"`
	Tokens       int                `json:"tokens"`
	IDs          []int32            `json:"ids"`
	PromptTokens int                `json:"prompt_tokens"`
	StopReason   session.StopReason `json:"stop_reason"`
	StopString   string             `json:"stop_string,omitempty"`
	Seed         uint64             `json:"seed"`
	Timings      jsonTimings        `json:"timings"`
	Device       string             `json:"device"`
}

type jsonTimings struct {
	LoadMS    float64 `json:"load_ms"`
	PromptMS  float64 `json:"prompt_ms"`
	PromptTPS float64 `json:"prompt_tps"`
	DecodeMS  float64 `json:"decode_ms"`
	DecodeTPS float64 `json:"decode_tps"`
	DecodeGBs float64 `json:"decode_gbps"`
}

func (o *output) finish(m *opened, r session.Result, seed uint64) error {
	if !o.json {
		o.print("\n")
		return o.err
	}
	ids := r.IDs
	if ids == nil {
		ids = []int32{}
	}
	return o.line(generateResult{
		Text: r.Text, Tokens: len(ids), IDs: ids, PromptTokens: r.PromptTokens, StopReason: r.Stop, StopString: r.Stopped, Seed: seed,
		Timings: jsonTimings{
			LoadMS: ms(m.load), PromptMS: ms(r.PromptTime), PromptTPS: r.PromptRate(),
			DecodeMS: ms(r.DecodeTime), DecodeTPS: r.DecodeRate(), DecodeGBs: r.DecodeRate() * float64(m.model.ReadBytes()) / 1e9,
		},
		Device: m.backend.Info().Kind,
	})
}
