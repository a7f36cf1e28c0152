package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/potion-engine/potion/engine/explain"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// The picture that the README shows.
//
//go:generate go run . explain -q --device cpu --top 4 --svg ../../engine/explain/doc/explain.svg "Sarah lies still on the bed, feeling"

func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "show how the next word came about",
		ArgsUsage: "TEXT",
		Description: `Tells, for people without maths and with the model's own numbers, how a model came to the word
after TEXT: which earlier words each layer looked at and how much it took from each (attention), and
what the model would have said if it had stopped there (logit lens). Tokens, layers and heads are
counted from 1 here, from 0 in --json. TEXT may have up to 512 tokens. Examples:

   potion explain "Sarah lies still on the bed, feeling"
   potion explain --layer 3 "Sarah lies still on the bed, feeling"
   potion explain --token 4 --head 2 "Sarah lies still on the bed, feeling"
   potion explain --html sarah.html "Sarah lies still on the bed, feeling"
   potion explain --json "Sarah lies still" | jq '.lens[-1].guesses[].top[0].text'
   potion explain --schema`,
		Flags: append(explainDeviceFlags(),
			fileFlag(),
			&cli.StringFlag{Name: "ids", Usage: "token ids in place of TEXT: `1,2,3`"},
			&cli.BoolFlag{Name: "parse-special", Usage: "take special tokens that are written in TEXT for what they mean"},
			&cli.IntFlag{Name: "token", Usage: "explain what comes after token `N`; -1 is the last, -2 the one before", Value: -1},
			&cli.IntFlag{Name: "layer", Usage: "show layer `N` closely, with all its heads", DefaultText: "all, in short"},
			&cli.IntFlag{Name: "head", Usage: "show what head `N` took", DefaultText: "the average of all"},
			&cli.IntFlag{Name: "top", Usage: "words to name in each place", Value: 6},
			&cli.StringFlag{Name: "lens", Usage: "the lens of which `TOKENS` --json and --html have: all or token", DefaultText: fmt.Sprintf("all up to %d tokens", lensTokens)},
			jsonFlag("print everything as one JSON object; --schema describes it"),
			&cli.StringFlag{Name: "html", Usage: "write a page to look around in to `FILE`; it needs no network", Category: catOutput},
			&cli.StringFlag{Name: "svg", Usage: "draw what a terminal would show into `FILE`", Category: catOutput},
			&cli.BoolFlag{Name: "schema", Usage: "print the JSON Schema of --json and do nothing else", Category: catOutput},
		),
		Action: explainText,
	}
}

// explainDeviceFlags are deviceFlags with another default for --ctx.
func explainDeviceFlags() []cli.Flag {
	flags := deviceFlags(format.F32, exactActivations)
	for _, f := range flags {
		if f, ok := f.(*cli.IntFlag); ok && f.Name == "ctx" {
			f.DefaultText = fmt.Sprintf("the model's, at most %d", explain.MaxTokens)
		}
	}
	return flags
}

// lensTokens is up to how many tokens --json and --html have the lens of each: the output
// layer then runs tokens * (layers + 1) times.
const lensTokens = 64

// maxTop bounds what --top may ask for.
const maxTop = 100

func explainText(c *cli.Context) error {
	if c.Bool("schema") {
		_, err := io.WriteString(c.App.Writer, explain.Schema)
		return err
	}
	if err := checkWritable(c.String("svg")); err != nil {
		return err
	}
	lens, top := c.String("lens"), c.Int("top")
	switch {
	case lens != "" && lens != "all" && lens != "token":
		return usage("--lens %s: want all or token", lens)
	case top < 1 || top > maxTop:
		return usage("--top %d: want 1 to %d", top, maxTop)
	}
	in, err := readInput(c)
	if err != nil {
		return err
	}
	m, err := openModelContext(c, session.Options{Chunk: explain.MaxTokens, Logits: 8}, c.Int("ctx"), explain.MaxTokens)
	if err != nil {
		return err
	}
	defer m.Close()
	ids, tok, err := in.tokens(c, m)
	if err != nil {
		return err
	}
	q, err := explainRequest(c, m, ids)
	if err != nil {
		return err
	}
	return writeExplanation(c, m, tok, q)
}

// input is TEXT, or the token ids in its place.
type input struct {
	text string
	ids  []int32 // nil: text
}

func readInput(c *cli.Context) (in input, err error) {
	if in.ids, err = givenIDs(c); err != nil || in.ids != nil {
		return in, err
	}
	if in.text, err = text(c); err == nil {
		warnUTF8(c.App.ErrWriter, in.text)
	}
	return in, err
}

// tokens are the ids of in, and what says how tokens look. Ids need no tokenizer.
func (in input) tokens(c *cli.Context, m *opened) ([]int32, explain.Vocabulary, error) {
	tok, err := openTokenizer(c, m.file)
	ids := in.ids
	switch {
	case ids != nil && errors.Is(err, tokenizer.ErrNone):
		return ids, numbered{}, nil
	case err == nil && ids == nil:
		ids, err = tok.Encode(in.text, tokenizer.Options{AddSpecial: true, ParseSpecial: c.Bool("parse-special")})
	}
	if err == nil && (len(ids) == 0 || in.ids == nil && in.text == "") {
		err = session.ErrEmptyPrompt
	}
	return ids, tok, err
}

// numbered names the tokens of a model without a tokenizer.
type numbered struct{}

func (numbered) Piece(id int32) string { return fmt.Sprintf("#%d", id) }
func (numbered) Special(int32) bool    { return false }

// explainRequest reads the flags that choose what is explained.
func explainRequest(c *cli.Context, m *opened, ids []int32) (explain.Request, error) {
	q := explain.Request{IDs: ids, Top: c.Int("top")}
	config := m.model.Config
	switch token := c.Int("token"); {
	case token >= 1 && token <= len(ids):
		q.Token = token - 1
	case token <= -1 && token >= -len(ids):
		q.Token = len(ids) + token
	default:
		return q, usage("--token %d: the text has the tokens 1 to %d, or -1 to -%d from its end", token, len(ids), len(ids))
	}
	if n := c.Int("layer"); c.IsSet("layer") && (n < 1 || n > config.Layers) {
		return q, usage("--layer %d: the model has the layers 1 to %d", n, config.Layers)
	}
	if n := c.Int("head"); c.IsSet("head") && (n < 1 || n > config.Heads) {
		return q, usage("--head %d: a layer has the heads 1 to %d", n, config.Heads)
	}
	if c.Bool("json") || c.String("html") != "" {
		lens := c.String("lens")
		q.EveryLens = lens == "all" || lens == "" && len(ids) <= lensTokens
	}
	return q, nil
}

// writeExplanation explains and writes what the flags ask for: JSON or text to stdout, a page
// and a picture to files.
func writeExplanation(c *cli.Context, m *opened, tok explain.Vocabulary, q explain.Request) error {
	html := c.String("html")
	if html == "" {
		return explainTo(c, m, tok, q, nil)
	}
	var page explain.Page
	return writeWhole(html, func(w *bufio.Writer) error {
		if err := explainTo(c, m, tok, q, &page); err != nil {
			return err
		}
		return page.Write(w)
	})
}

// explainTo prints an explanation, draws it where --svg says and fills page, if not nil.
func explainTo(c *cli.Context, m *opened, tok explain.Vocabulary, q explain.Request, page *explain.Page) error {
	var js *explain.JSONWriter
	if c.Bool("json") {
		js = explain.NewJSONWriter(c.App.Writer, len(q.IDs))
	}
	if js != nil || page != nil {
		if page != nil {
			page.Begin(m.model.Config.Layers, m.model.Config.Heads, len(q.IDs))
		}
		q.Layer = func(layer int, a *explain.Attention) error {
			if page != nil {
				page.Layer(layer, a)
			}
			if js != nil {
				return js.Layer(layer, a)
			}
			return nil
		}
	}
	e, err := explain.Run(c.Context, m.runner, tok, q)
	if err != nil {
		return err
	}
	if page != nil {
		page.Finish(e)
	}
	if err := drawExplanation(c, e); err != nil {
		return err
	}
	if js != nil {
		return js.Finish(e)
	}
	return explain.WriteText(c.App.Writer, e, explainOptions(c, textOptions(c.App.Writer)))
}

// drawExplanation writes the picture that --svg asks for.
func drawExplanation(c *cli.Context, e *explain.Explanation) error {
	path := c.String("svg")
	if path == "" {
		return nil
	}
	return writeWhole(path, func(w *bufio.Writer) error {
		return explain.WriteSVG(w, e, explainOptions(c, explain.TextOptions{Width: plainWidth}), explainCommandLine(c))
	})
}

// explainCommandLine is what one would type to see the same.
func explainCommandLine(c *cli.Context) string {
	words := []string{"potion", "explain"}
	for _, name := range []string{"model", "file", "ids", "token", "layer", "head", "top"} {
		if c.IsSet(name) {
			words = append(words, "--"+name, shellQuoted(fmt.Sprint(c.Value(name))))
		}
	}
	for _, s := range c.Args().Slice() {
		words = append(words, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)+`"`)
	}
	return strings.Join(words, " ")
}

// explainOptions are o with what the flags choose to show.
func explainOptions(c *cli.Context, o explain.TextOptions) explain.TextOptions {
	o.Layer, o.Head, o.Top = c.Int("layer"), c.Int("head"), c.Int("top")
	return o
}

// plainWidth is the columns of what goes to no terminal.
const plainWidth = 80

// textOptions looks at where a text goes: a terminal has a width and, unless NO_COLOR
// (https://no-color.org) is set, colours; anything else gets plain text of plainWidth columns.
func textOptions(w io.Writer) explain.TextOptions {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return explain.TextOptions{Width: plainWidth, Plain: true}
	}
	o := explain.TextOptions{Width: plainWidth, Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		o.Width = min(width, 100)
	}
	return o
}
