package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/potion-engine/potion/engine/convert"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/modelfile"
)

func convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "write a model as a GGUF file in another format",
		ArgsUsage: "MODEL",
		Description: `Writes MODEL, a GGUF file (also a split one) or a Hugging Face folder, as a GGUF file that Potion
and llama.cpp read. Formats, the most exact first:

   ` + formatsOfConvert() + `

A plain name such as Q4_K packs all matrices in that format; only the output layer gets Q6_K at
least. The names in _S, _M and _L are llama.cpp's mixtures, which give a few sensitive tensors more
bits (Q2_K_M is what llama-quantize calls Q2_K). Norms, biases and positions stay floats. Examples:

   potion convert --to Q4_K_M Qwen2.5-0.5B/
   potion convert --to Q8_0 --out small.gguf smollm2-f16.gguf
   potion convert --to Q4_0 --keep-output F16 model-00001-of-00003.gguf`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "`FORMAT` to write"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "`FILE` to write (default: beside MODEL, its name with the format's)"},
			&cli.StringFlag{Name: "keep-output", Usage: "`FORMAT` of the output layer, or of the embedding where the two are one (default: at least Q6_K)"},
			&cli.BoolFlag{Name: "allow-requantize", Usage: "pack what is packed already, at a loss"},
			&cli.BoolFlag{Name: "force", Usage: "replace FILE if it exists"},
			&cli.StringFlag{Name: "name", Usage: "`NAME` of the model in the file (default: its own, or the folder's)"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "MODEL by another way"},
			&cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "CPU threads to use (default: all cores)"},
			jsonFlag(`print {"path":...,"format":...,"bytes":...,"bits_per_weight":...,"formats":{...},"fallbacks":[...]}`),
			quietFlag(),
		},
		Action: convertModel,
	}
}

// formatsOfConvert lists the recipes in lines that fit a terminal.
func formatsOfConvert() string {
	names := convert.Recipes()
	const line = 13
	return strings.Join(names[:line], " ") + "\n   " + strings.Join(names[line:], " ")
}

func convertModel(c *cli.Context) error {
	in, err := modelArgument(c)
	if err != nil {
		return err
	}
	if in == "" {
		return usage("convert needs a MODEL: a GGUF file or a Hugging Face folder")
	}
	o, err := convertOptions(c)
	if err != nil {
		return err
	}
	file, err := modelfile.Open(in)
	if err != nil {
		return err
	}
	defer file.Close()
	out := c.String("out")
	if out == "" {
		if out, err = convertedName(in, o.To.Name); err != nil {
			return err
		}
	}
	if err := mayWrite(out, file, c.Bool("force")); err != nil {
		return err
	}
	var bar *progressbar.ProgressBar
	o.Progress = func(done, total int64) {
		if bar != nil {
			bar.Set64(done) //nolint:errcheck // a bar that cannot be drawn is no reason to stop
		}
	}
	plan, err := convert.New(file, o)
	if err != nil {
		var packed *convert.RequantizeError
		if errors.As(err, &packed) {
			return fmt.Errorf("%w; --allow-requantize does it all the same", err)
		}
		return err
	}
	report(c.App.ErrWriter, plan)
	if !c.Bool("quiet") {
		bar = newBar(c.App.ErrWriter, plan.Size(), filepath.Base(out))
	}
	err = plan.Write(c.Context, out)
	if bar != nil {
		bar.Exit() //nolint:errcheck // as above
	}
	if err != nil {
		return err
	}
	return converted(c, plan, o.To.Name, out)
}

// modelArgument is the MODEL of a command that has no other text: an argument or --model.
func modelArgument(c *cli.Context) (string, error) {
	switch {
	case c.NArg() > 1:
		return "", usage("%s takes one MODEL, not %d", c.Command.Name, c.NArg())
	case c.NArg() == 1 && c.String("model") != "":
		return "", usage("MODEL and --model are both given")
	case c.NArg() == 1:
		return modelPath(c.Args().First())
	}
	return c.String("model"), nil
}

func convertOptions(c *cli.Context) (convert.Options, error) {
	o := convert.Options{Requantize: c.Bool("allow-requantize"), Name: c.String("name"), Threads: c.Int("threads")}
	if o.Threads < 0 || o.Threads > 1024 {
		return o, usage("--threads %d: want 1 to 1024", o.Threads)
	}
	if c.String("to") == "" {
		return o, usage("convert needs --to FORMAT, one of %s", strings.Join(convert.Recipes(), " "))
	}
	var err error
	if o.To, err = convert.ParseRecipe(c.String("to")); err != nil {
		return o, usage("--to: %v", err)
	}
	if name := c.String("keep-output"); name != "" {
		if o.Output, err = format.Parse(name); err != nil {
			return o, usage("--keep-output: %v", err)
		}
	}
	return o, nil
}

var (
	splitPart   = regexp.MustCompile(`-\d{5}-of-\d{5}$`)
	formatInEnd = regexp.MustCompile(`(?i)[-._](f32|fp32|f16|fp16|bf16|q[2-8]_([01]|k(_[sml])?))$`)
)

// convertedName is the file beside the model that a conversion writes unless told otherwise.
func convertedName(in, recipe string) (string, error) {
	path, err := filepath.Abs(in)
	if err != nil {
		return "", err
	}
	name := filepath.Base(path)
	if len(name) > 5 && strings.EqualFold(filepath.Ext(name), ".gguf") {
		name = splitPart.ReplaceAllString(name[:len(name)-5], "")
	}
	if short := formatInEnd.ReplaceAllString(name, ""); short != "" {
		name = short
	}
	dir := filepath.Dir(path)
	if !filepath.IsAbs(in) { // as the user would write it
		dir = filepath.Dir(filepath.Clean(in))
		if filepath.Base(path) != filepath.Base(filepath.Clean(in)) { // "." or ".."
			dir = filepath.Dir(path)
		}
	}
	return filepath.Join(dir, name+"-"+recipe+".gguf"), nil
}

// mayWrite refuses to write over what must stay.
func mayWrite(out string, in *modelfile.File, force bool) error {
	if dir, err := os.Stat(filepath.Dir(out)); err != nil || !dir.IsDir() {
		return fmt.Errorf("%s: there is no folder %s", out, filepath.Dir(out))
	}
	there, err := os.Stat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !there.Mode().IsRegular():
		return fmt.Errorf("%s: exists and is not a file; --out names another", out)
	}
	for _, name := range sources(in) {
		if s, err := os.Stat(name); err == nil && os.SameFile(s, there) {
			return fmt.Errorf("%s: is part of the model to convert; --out names another file", out)
		}
	}
	if !force {
		return fmt.Errorf("%s: exists already; --force replaces it", out)
	}
	return nil
}

// sources lists the files that a model is read from.
func sources(in *modelfile.File) []string {
	if in.GGUF() == nil {
		return filesIn(in.Path(), func(string) bool { return true })
	}
	first := in.GGUF().Name()
	stem := strings.TrimSuffix(filepath.Base(first), ".gguf")
	prefix := splitPart.ReplaceAllString(stem, "")
	if prefix == stem {
		return []string{first}
	}
	return filesIn(filepath.Dir(first), func(name string) bool {
		stem := strings.TrimSuffix(name, ".gguf")
		return stem != name && splitPart.MatchString(stem) && splitPart.ReplaceAllString(stem, "") == prefix
	})
}

// filesIn lists the files of a folder by their names; none where it cannot be read.
func filesIn(dir string, want func(name string) bool) []string {
	var list []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if want(e.Name()) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list
}

// newBar draws progress on a terminal, and nothing elsewhere.
func newBar(w io.Writer, total int64, what string) *progressbar.ProgressBar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription(what), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100e6),
		progressbar.OptionFullWidth())
}

// fallback is the tensors of one row length that could not have the format they were to get.
type fallback struct {
	Cols    int64  `json:"cols"`
	Wanted  string `json:"wanted"`
	Got     string `json:"got"`
	Tensors int    `json:"tensors"`
}

func fallbacks(p *convert.Plan) []fallback {
	list := []fallback{}
next:
	for _, t := range p.Tensors {
		if t.To == t.Wanted {
			continue
		}
		f := fallback{Cols: t.Dims[0], Wanted: t.Wanted.String(), Got: t.To.String(), Tensors: 1}
		for i, old := range list {
			if old.Cols == f.Cols && old.Wanted == f.Wanted && old.Got == f.Got {
				list[i].Tensors++
				continue next
			}
		}
		list = append(list, f)
	}
	return list
}

// report tells of what will not be as the user might think.
func report(w io.Writer, p *convert.Plan) {
	for _, s := range p.Warnings {
		fmt.Fprintf(w, "potion: warning: %s\n", s)
	}
	for _, f := range fallbacks(p) {
		fmt.Fprintf(w, "potion: warning: rows of %d numbers cannot be packed as %s: %d tensors get %s\n", f.Cols, f.Wanted, f.Tensors, f.Got)
	}
}

func converted(c *cli.Context, p *convert.Plan, recipe, path string) error {
	stat, err := os.Stat(path)
	if err != nil {
		return err
	}
	formats := map[string]int{}
	for _, t := range p.Tensors {
		formats[t.To.String()]++
	}
	bits := float64(p.Size()) * 8 / float64(p.Parameters())
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(struct {
			Path       string         `json:"path"`
			Format     string         `json:"format"`
			Bytes      int64          `json:"bytes"`
			Parameters int64          `json:"parameters"`
			Bits       float64        `json:"bits_per_weight"`
			Formats    map[string]int `json:"formats"`
			Fallbacks  []fallback     `json:"fallbacks"`
		}{path, recipe, stat.Size(), p.Parameters(), bits, formats, fallbacks(p)})
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d tensors, %s, %.2f bits a weight\n", path, len(p.Tensors), size(stat.Size()), bits)
	return err
}
