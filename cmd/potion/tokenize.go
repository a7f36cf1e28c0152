package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/tokenizer"
)

func tokenizeCommand() *cli.Command {
	return &cli.Command{
		Name:      "tokenize",
		Usage:     "show how a text is cut into tokens",
		ArgsUsage: "TEXT",
		Description: `Prints a line for each token: its id, a tab, its text in quotes. The model may also be a GGUF
file with a vocabulary only, or a tokenizer.json. Examples:

   potion tokenize "Sarah lies still on the bed"
   potion tokenize -m tokenizer.json --json - < story.txt
   potion tokenize -m smollm2.gguf --parse-special "<|im_start|>user"`,
		Flags: []cli.Flag{
			modelFlag(), fileFlag(),
			&cli.BoolFlag{Name: "add-special", Usage: "add the tokens that the model expects at the beginning or end of a text"},
			&cli.BoolFlag{Name: "parse-special", Usage: "take special tokens that are written in TEXT for what they mean"},
			jsonFlag(`print {"ids":[...],"pieces":[...]}`),
		},
		Action: tokenize,
	}
}

func tokenize(c *cli.Context) error {
	s, err := text(c)
	if err != nil {
		return err
	}
	file, err := modelfile.Open(c.String("model"))
	if err != nil {
		return err
	}
	defer file.Close()
	tok, err := openTokenizer(c, file)
	if err != nil {
		return err
	}
	warnUTF8(c.App.ErrWriter, s)
	ids, err := tok.Encode(s, tokenizer.Options{AddSpecial: c.Bool("add-special"), ParseSpecial: c.Bool("parse-special")})
	if err != nil {
		return err
	}
	out := struct {
		IDs    []int32  `json:"ids"`
		Pieces []string `json:"pieces"`
	}{IDs: ids, Pieces: make([]string, len(ids))}
	if out.IDs == nil {
		out.IDs = []int32{}
	}
	for i, id := range ids {
		out.Pieces[i] = tok.Piece(id)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, out)
	}
	for i, id := range ids {
		if _, err := fmt.Fprintf(c.App.Writer, "%d\t%q\n", id, out.Pieces[i]); err != nil {
			return err
		}
	}
	return nil
}
