package main

import (
	"bufio"
	"encoding/binary"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/npy"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

func logitsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logits",
		Usage:     "write the logits after a text to a file",
		ArgsUsage: "TEXT",
		Description: `Writes the logits after the last token (or, with --all, after every token) as little-endian
float32: raw to a .f32 file, as a NumPy array to a .npy file. Examples:

   potion logits --out next.npy "Sarah lies still on the bed, feeling"
   potion logits -m model/ --ids 1,403,407 --all --out all.f32`,
		Flags: append(deviceFlags(format.F32, exactActivations),
			fileFlag(),
			&cli.StringFlag{Name: "ids", Usage: "token ids in place of TEXT: `1,2,3`"},
			&cli.BoolFlag{Name: "parse-special", Usage: "take special tokens that are written in TEXT for what they mean"},
			&cli.BoolFlag{Name: "all", Usage: "after every token, not the last only"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "`FILE` to write, .f32 or .npy"},
		),
		Action: logits,
	}
}

func logits(c *cli.Context) error {
	path := c.String("out")
	if path == "" {
		return usage("logits needs a file to write: --out FILE")
	}
	kind := filepath.Ext(path)
	if kind != ".f32" && kind != ".npy" {
		return usage("--out %s: want a name that ends in .f32 or .npy", path)
	}
	o, want := session.Options{}, session.Last
	if c.Bool("all") {
		o.Logits, want = 32, session.All
	}
	ids, err := givenIDs(c)
	if err != nil {
		return err
	}
	m, err := openModel(c, o)
	if err != nil {
		return err
	}
	defer m.Close()
	if ids == nil {
		if ids, err = encodeText(c, m); err != nil {
			return err
		}
	}
	if len(ids) == 0 {
		return session.ErrEmptyPrompt
	}
	rows := 1
	if want == session.All {
		rows = len(ids)
	}
	return writeWhole(path, func(w *bufio.Writer) error {
		if kind == ".npy" {
			shape := []int{rows, m.model.Config.Vocab}
			if want == session.Last {
				shape = shape[1:]
			}
			if err := npy.WriteHeader(w, shape...); err != nil {
				return err
			}
		}
		return m.runner.NewSequence().Feed(c.Context, ids, want, func(_ int, l []float32) error {
			return binary.Write(w, binary.LittleEndian, l)
		})
	})
}

// givenIDs reads --ids; nil where it is not given.
func givenIDs(c *cli.Context) ([]int32, error) {
	if !c.IsSet("ids") {
		return nil, nil
	}
	if c.NArg() > 0 || c.String("file") != "" {
		return nil, usage("--ids and a TEXT are both given")
	}
	ids := []int32{}
	for _, s := range strings.Split(c.String("ids"), ",") {
		id, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		if err != nil {
			return nil, usage("--ids: %q is no token id; want whole numbers with commas between", s)
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

func encodeText(c *cli.Context, m *opened) ([]int32, error) {
	s, err := text(c)
	if err != nil {
		return nil, err
	}
	tok, err := openTokenizer(c, m.file)
	if err != nil {
		return nil, err
	}
	warnUTF8(c.App.ErrWriter, s)
	return tok.Encode(s, tokenizer.Options{AddSpecial: true, ParseSpecial: c.Bool("parse-special")})
}
