package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/hub"
)

const hubEnvironment = `The environment says where: HF_ENDPOINT (https://huggingface.co), HF_TOKEN for private models (else
the token that hf auth login has saved), HF_HUB_CACHE or HF_HOME for the folder that Hugging Face's
own tools use as well.`

func pullCommand() *cli.Command {
	return &cli.Command{
		Name:      "pull",
		Usage:     "fetch a model from the Hugging Face hub",
		ArgsUsage: "NAME",
		Description: `Fetches a GGUF file, or where there is none the files of a Hugging Face model, checks it, and
prints its path. Run it again to go on after an interruption. Any --model takes the same NAME:
hf.co/ORG/REPO, then :FILE or :QUANTISATION if wanted, or one of
` + wrapNames(hub.ShortNames()) + `
` + hubEnvironment + `
Examples:

   potion pull qwen3:0.6b
   potion pull hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M
   potion pull hf.co/openai-community/gpt2
   potion chat -m qwen3:0.6b`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "parallel", Value: 4, Usage: "`FILES` to fetch at a time"},
			jsonFlag("print one object: name, path"),
			quietFlag(),
		},
		Action: pull,
	}
}

// wrapNames is a list of names in lines that fit a terminal.
func wrapNames(names []string) string {
	var b strings.Builder
	width := 0
	for i, n := range names {
		if width += len(n) + 2; width > 96 {
			b.WriteString("\n")
			width = len(n) + 2
		} else if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(n + map[bool]string{true: ".", false: ","}[i == len(names)-1])
	}
	return b.String()
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name:        "list",
		Aliases:     []string{"ls"},
		Usage:       "list the models that were fetched",
		Description: "Lists the models in the cache that Hugging Face's own tools use as well.\n" + hubEnvironment + "\nExamples:\n\n   potion list\n   potion list --json | jq -r '.[].name'",
		Flags:       []cli.Flag{jsonFlag("print an array of objects: name, repo, file, commit, path, files, bytes, time")},
		Action:      listModels,
	}
}

func rmCommand() *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Usage:     "delete models that were fetched",
		ArgsUsage: "NAME...",
		Description: `Deletes models from the cache. Without a file or quantisation in NAME, all that was fetched of
the repository goes. Examples:

   potion rm hf.co/Qwen/Qwen3-0.6B-GGUF:Q8_0
   potion rm hf.co/openai-community/gpt2`,
		Flags:  []cli.Flag{quietFlag()},
		Action: removeModels,
	}
}

func openHub(c *cli.Context) (*hub.Hub, error) {
	h, err := hub.FromEnv(os.Getenv)
	if err != nil {
		return nil, err
	}
	h.Log = func(s string) { fmt.Fprintf(c.App.ErrWriter, "potion: %s\n", s) }
	return h, nil
}

func pull(c *cli.Context) error {
	if c.NArg() != 1 {
		return usage("pull wants one NAME")
	}
	n, err := hub.Parse(c.Args().First())
	if err != nil {
		return usage("%v", err)
	}
	h, err := openHub(c)
	if err != nil {
		return err
	}
	if h.Parallel = c.Int("parallel"); h.Parallel < 1 || h.Parallel > 64 {
		return usage("--parallel %d: want 1 to 64", h.Parallel)
	}
	bar := &pullBar{w: c.App.ErrWriter, name: n}
	if !c.Bool("quiet") {
		h.Progress = bar.tell
	}
	path, err := h.Pull(c.Context, n)
	bar.finish()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, pulled{n.String(), path})
	}
	_, err = fmt.Fprintln(c.App.Writer, path)
	return err
}

// pulled is what pull --json prints.
type pulled struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// pullBar is a bar with the time left on a terminal, else one line.
type pullBar struct {
	w     io.Writer
	name  hub.Name
	begun bool
	bar   *progressbar.ProgressBar // nil where there is no terminal
}

func (p *pullBar) tell(done, total int64) {
	if !p.begun {
		p.begun = true
		if p.bar = newBar(p.w, total, p.name.Repo); p.bar == nil {
			fmt.Fprintf(p.w, "fetching %v: %s\n", p.name, size(total))
		}
	}
	if p.bar != nil {
		_ = p.bar.Set64(done)
	}
}

func (p *pullBar) finish() {
	if p.bar != nil {
		_ = p.bar.Exit()
	}
}

// listedModel is one of list --json.
type listedModel struct {
	Name string `json:"name"`
	hub.Entry
}

func listModels(c *cli.Context) error {
	if c.NArg() > 0 {
		return usage("list takes no TEXT")
	}
	h, err := openHub(c)
	if err != nil {
		return err
	}
	entries, err := h.List()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		list := []listedModel{}
		for _, e := range entries {
			list = append(list, listedModel{e.Name(), e})
		}
		return printJSON(c.App.Writer, list)
	}
	if len(entries) == 0 {
		fmt.Fprintf(c.App.ErrWriter, "potion: no models in %s; potion pull fetches some\n", h.Cache)
		return nil
	}
	t := newTable("", "name", "commit", "size", "fetched")
	rightFrom(t, 3, 3)
	for _, e := range entries {
		t.AppendRow(table.Row{printable(e.Name()), printable(e.Commit[:min(8, len(e.Commit))]), size(e.Bytes), e.Time.Local().Format("2006-01-02 15:04")})
	}
	_, err = fmt.Fprintln(c.App.Writer, t.Render())
	return err
}

func removeModels(c *cli.Context) error {
	if c.NArg() == 0 {
		return usage("rm wants a NAME")
	}
	h, err := openHub(c)
	if err != nil {
		return err
	}
	var names []hub.Name
	for _, s := range c.Args().Slice() {
		n, err := hub.Parse(s)
		if err != nil {
			return usage("%v", err)
		}
		names = append(names, n)
	}
	for _, n := range names {
		bytes, err := h.Remove(n)
		if err != nil {
			return err
		}
		if !c.Bool("quiet") {
			fmt.Fprintf(c.App.ErrWriter, "removed %v: %s\n", n, size(bytes))
		}
	}
	return nil
}

// modelPath is the path of a model that a user may name by its path or, once it is pulled, by
// its name on the hub. A file of that name comes first.
func modelPath(name string) (string, error) {
	if !hub.IsName(name) {
		return name, nil
	}
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	n, err := hub.Parse(name)
	if err != nil {
		return "", usage("%v", err)
	}
	h, err := hub.FromEnv(os.Getenv)
	if err != nil {
		return "", err
	}
	return h.Find(n)
}

// resolveModel runs before every command: a --model that is a name on the hub becomes the
// path where pull has put it.
func resolveModel(c *cli.Context) error {
	name := c.String("model")
	path, err := modelPath(name)
	if err != nil || path == name {
		return err
	}
	return c.Set("model", path)
}
