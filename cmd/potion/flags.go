package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/sample"
)

// Flags that mean the same in every command that has them.
const (
	catModel    = "Model and device:"
	catSampling = "Sampling:"
	catOutput   = "Output:"
)

func modelFlag() cli.Flag {
	return &cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "GGUF `FILE` (of a split file any part), Hugging Face folder, or a model that potion pull has fetched, by its name", DefaultText: "the embedded demo model", Category: catModel}
}

// deviceFlags are those of every command that runs a model. kv and activations are
// the formats that the command uses unless told otherwise.
func deviceFlags(kv format.Format, activations string) []cli.Flag {
	return []cli.Flag{
		modelFlag(), deviceFlag(), requireFlag(), gpuLayersFlag(), threadsFlag(), activationsFlag(activations),
		&cli.IntFlag{Name: "ctx", Aliases: []string{"c"}, Usage: "context in `TOKENS`", DefaultText: fmt.Sprintf("the model's, at most %d", defaultContext), Category: catModel},
		&cli.StringFlag{Name: "kv", Value: strings.ToLower(kv.String()), Usage: "`FORMAT` of the KV cache: f32 (a GPU's products are in float32 then as well), f16 or q8_0", Category: catModel},
		quietFlag(), verboseFlag(),
	}
}

func deviceFlag() cli.Flag {
	return &cli.StringFlag{Name: "device", Value: "auto", Usage: "`DEVICE` to run on: auto (a GPU if there is one), cpu, cuda, cuda:N, or emulated (a GPU in software, slow, for checks)", Category: catModel}
}

func requireFlag() cli.Flag {
	return &cli.BoolFlag{Name: "require-gpu", Usage: "fail where there is no usable GPU, instead of running on the CPU", Category: catModel}
}

func threadsFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "CPU threads to use", DefaultText: "all cores", Category: catModel}
}

// What commands make of activations unless told otherwise.
const (
	fastActivations  = "int16"
	exactActivations = "f32"
)

func activationsFlag(value string) cli.Flag {
	return &cli.StringFlag{Name: "activations", Value: value, Usage: "`FORMAT` of activations where weights are quantised: f32; int16, faster on a CPU and as good (its error is 1e-9); or int8, faster still and less exact (1e-4)", Category: catModel}
}

func jsonFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: usage, Category: catOutput}
}

func quietFlag() cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print no timings or progress", Category: catOutput}
}

func verboseFlag() cli.Flag {
	return &cli.BoolFlag{Name: "verbose", Usage: "tell more of the model, the device and what loading took", Category: catOutput}
}

// samplingFlags choose the next token.
func samplingFlags() []cli.Flag {
	d := sample.Defaults()
	float := func(name string, value float32, usage string) cli.Flag {
		return &cli.Float64Flag{Name: name, Value: shortest(value), Usage: usage, Category: catSampling}
	}
	return []cli.Flag{
		float("temp", d.Temperature, "temperature: 0 always takes the most likely token"),
		&cli.IntFlag{Name: "top-k", Value: d.TopK, Usage: "keep the `K` most likely tokens; 0 keeps all", Category: catSampling},
		float("top-p", d.TopP, "keep the most likely tokens that make up this probability; 1 keeps all"),
		float("min-p", d.MinP, "keep tokens at least this times as likely as the most likely one; 0 keeps all"),
		float("typical-p", d.TypicalP, "keep the tokens of typical surprise that make up this probability; 1 keeps all"),
		float("repeat-penalty", d.RepeatPenalty, "divide the logits of tokens that came already by this; 1 is off"),
		float("frequency-penalty", d.FrequencyPenalty, "take this from a logit for every time that the token came"),
		float("presence-penalty", d.PresencePenalty, "take this from the logits of tokens that came already"),
		&cli.IntFlag{Name: "penalty-last-n", Value: d.PenaltyLastN, Usage: "tokens that the penalties look back on; -1: the whole text", Category: catSampling},
		&cli.StringSliceFlag{Name: "logit-bias", Usage: "add a number to a token's logit: `ID=BIAS`; -inf forbids it; repeatable", Category: catSampling},
		&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the random choice; the same seed gives the same text", DefaultText: "from the clock", Category: catSampling},
	}
}

// shortest is the float64 that prints like x.
func shortest(x float32) float64 {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(x), 'g', -1, 32), 64)
	return f
}

// sampling reads the flags above for a vocabulary.
func sampling(c *cli.Context, vocab int) (sample.Params, error) {
	p := sample.Defaults()
	p.Temperature = float32(c.Float64("temp"))
	p.TopK = c.Int("top-k")
	p.TopP, p.MinP, p.TypicalP = float32(c.Float64("top-p")), float32(c.Float64("min-p")), float32(c.Float64("typical-p"))
	p.RepeatPenalty = float32(c.Float64("repeat-penalty"))
	p.FrequencyPenalty = float32(c.Float64("frequency-penalty"))
	p.PresencePenalty = float32(c.Float64("presence-penalty"))
	p.PenaltyLastN = c.Int("penalty-last-n")
	p.Seed = c.Uint64("seed")
	if !c.IsSet("seed") {
		p.Seed = uint64(time.Now().UnixNano())
	}
	for _, s := range c.StringSlice("logit-bias") {
		id, bias, ok := strings.Cut(s, "=")
		n, err := strconv.ParseInt(id, 10, 32)
		x, err2 := strconv.ParseFloat(bias, 32)
		if !ok || err != nil || err2 != nil {
			return p, usage("--logit-bias %s: want ID=BIAS, such as 13=-inf", s)
		}
		if p.LogitBias == nil {
			p.LogitBias = map[int32]float32{}
		}
		p.LogitBias[int32(n)] = float32(x)
	}
	if err := p.Validate(vocab); err != nil {
		return p, usage("%v", err)
	}
	return p, nil
}

// printJSON prints one line of JSON, with < and & as they are.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// maxText bounds a text from stdin or a file: no context is that long.
const maxText = 1 << 30

// text is the command's TEXT: its one argument, stdin for "-", or the file that --file
// names. Bytes are taken as they are.
func text(c *cli.Context) (string, error) {
	var from io.Reader
	name := "stdin"
	switch {
	case c.String("file") != "" && c.NArg() > 0:
		return "", usage("TEXT and --file are both given")
	case c.String("file") != "":
		f, err := os.Open(c.String("file"))
		if err != nil {
			return "", err
		}
		defer f.Close()
		from, name = f, c.String("file")
	case c.NArg() == 0:
		return "", usage("%s needs a TEXT; - reads it from stdin", c.Command.Name)
	case c.NArg() > 1:
		return "", usage("%s takes one TEXT, not %d; put it in quotes", c.Command.Name, c.NArg())
	case c.Args().First() == "-":
		from = c.App.Reader
	default:
		return c.Args().First(), nil
	}
	b, err := io.ReadAll(io.LimitReader(from, maxText+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if len(b) > maxText {
		return "", fmt.Errorf("%s: longer than %d MB", name, maxText>>20)
	}
	return string(b), nil
}

// fileFlag gives TEXT in a file.
func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "read TEXT from `FILE`"}
}

// warnUTF8 tells of bytes that are no text.
func warnUTF8(w io.Writer, s string) {
	if !utf8.ValidString(s) {
		fmt.Fprintln(w, "potion: warning: the text is not valid UTF-8; its bytes are taken as they are")
	}
}
