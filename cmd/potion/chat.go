package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chzyer/readline"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/potion-engine/potion/engine/chat"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
)

func chatCommand() *cli.Command {
	flags := append(deviceFlags(format.F16, fastActivations), samplingFlags()...)
	flags = append(flags,
		&cli.StringFlag{Name: "system", Usage: "`TEXT` that tells the model how to behave"},
		&cli.StringFlag{Name: "chat-template", Usage: "`FILE` with a Jinja template, or one of: " + strings.Join(chat.Names(), ", "), DefaultText: "the model's own"},
		&cli.IntFlag{Name: "n", Aliases: []string{"tokens"}, Value: -1, Usage: "`TOKENS` of an answer at most; -1: until the context is full"},
		&cli.StringSliceFlag{Name: "stop", Usage: "end an answer before this `STRING`; repeatable"},
	)
	return &cli.Command{
		Name:      "chat",
		Usage:     "talk with a model",
		ArgsUsage: "[TEXT]",
		Description: `Talks with a model through its own chat template. With TEXT, or where stdin is no terminal,
it answers that (a turn a line) and ends. Ctrl-C stops an answer; Ctrl-D or /quit ends the talk.
Examples:

   potion chat -m smollm2-instruct.gguf
   potion chat -m smollm2-instruct.gguf --temp 0 "What is the capital of France?"
   potion chat -m model.gguf --chat-template chatml --system "You answer in verse."`,
		Flags:  flags,
		Action: talk,
	}
}

const chatHelp = `/help            this list
/reset           begin anew (the system text stays)
/system TEXT     begin anew with another system text; without TEXT, show it
/save FILE       write the talk as JSON
/quit            end (also Ctrl-D)
Ctrl-C           stop an answer
`

// talker is a running chat.
type talker struct {
	c       *cli.Context
	m       *opened
	talk    *session.Conversation
	sampler *sample.Sampler
	out     *output
	system  string
}

func talk(c *cli.Context) error {
	if c.NArg() > 1 {
		return usage("chat takes one TEXT, not %d; put it in quotes", c.NArg())
	}
	if n := c.Int("n"); n < -1 || n == 0 {
		return usage("-n %d: want a number of tokens, or -1 for as many as fit", n)
	}
	m, err := openModel(c, session.Options{})
	if err != nil {
		return err
	}
	defer m.Close()
	t, err := newTalker(c, m)
	if err != nil {
		return err
	}
	if c.NArg() == 1 {
		first, err := text(c)
		if err != nil {
			return err
		}
		return t.answer(c.Context, first)
	}
	if f, ok := c.App.Reader.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return t.terminal()
	}
	return t.lines(c.App.Reader)
}

func newTalker(c *cli.Context, m *opened) (*talker, error) {
	tok, err := openTokenizer(c, m.file)
	if err != nil {
		return nil, err
	}
	template, err := chatTemplate(c.String("chat-template"), m)
	if err != nil {
		return nil, err
	}
	params, err := sampling(c, m.model.Config.Vocab)
	if err != nil {
		return nil, err
	}
	t := &talker{c: c, m: m, out: &output{w: c.App.Writer}, system: c.String("system")}
	if t.sampler, err = sample.New(params, m.model.Config.Vocab); err != nil {
		return nil, err
	}
	t.talk = session.NewConversation(m.runner.NewSequence(), tok, template)
	t.reset()
	return t, nil
}

// chatTemplate is the template that --chat-template names, or the model's own.
func chatTemplate(name string, m *opened) (*chat.Template, error) {
	if name == "" {
		source, err := m.file.ChatTemplate()
		if err != nil {
			return nil, err
		}
		t, err := chat.Compile(source)
		if err != nil {
			return nil, fmt.Errorf("%s: its chat template: %w", m.file.Path(), err)
		}
		return t, nil
	}
	if slices.Contains(chat.Names(), name) {
		return chat.Named(name)
	}
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--chat-template: %w (or one of: %s)", err, strings.Join(chat.Names(), ", "))
	}
	t, err := chat.Compile(string(source))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func (t *talker) reset() {
	t.talk.Messages = nil
	if t.system != "" {
		t.talk.Messages = []chat.Message{{Role: "system", Content: t.system}}
	}
}

// lines answers a turn a line from what is no terminal.
func (t *talker) lines(r io.Reader) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), 16<<20)
	for in.Scan() {
		done, err := t.turn(in.Text())
		if done || err != nil {
			return err
		}
	}
	return in.Err()
}

// terminal talks with a person.
func (t *talker) terminal() error {
	// Ctrl-C is the answer's from here on, not the program's; between answers it does nothing,
	// so that the terminal is never left as readline has set it.
	signal.Reset(os.Interrupt)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	rl, err := readline.NewEx(&readline.Config{
		Prompt: "> ", HistoryFile: historyFile(), Stdout: t.c.App.ErrWriter, Stderr: t.c.App.ErrWriter,
		InterruptPrompt: "(Ctrl-D or /quit ends the talk)", AutoComplete: readline.NewPrefixCompleter(
			readline.PcItem("/help"), readline.PcItem("/reset"), readline.PcItem("/system"), readline.PcItem("/save"), readline.PcItem("/quit")),
	})
	if err != nil {
		return err
	}
	defer rl.Close()
	defer context.AfterFunc(t.c.Context, func() { rl.Close() })() // wakes Readline
	fmt.Fprintf(t.c.App.ErrWriter, "%s, context %d tokens. /help lists the commands.\n", t.m.file.Path(), t.m.runner.Context())
	for t.c.Context.Err() == nil {
		line, err := rl.Readline()
		if errors.Is(err, readline.ErrInterrupt) {
			continue
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		done, err := t.turn(line)
		if err != nil { // the talk can go on
			fmt.Fprintf(t.c.App.ErrWriter, "potion: %v\n", err)
		}
		if done {
			break
		}
	}
	return t.c.Context.Err()
}

// historyFile is where the lines typed are kept, or "" where there is no place.
func historyFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "potion")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return filepath.Join(dir, "chat_history")
}

// turn does what a line asks for; done ends the talk.
func (t *talker) turn(line string) (done bool, err error) {
	line = strings.TrimSpace(line)
	command, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case line == "":
		return false, nil
	case !strings.HasPrefix(line, "/"):
		ctx, stop := signal.NotifyContext(t.c.Context, os.Interrupt)
		defer stop()
		return false, t.answer(ctx, line)
	}
	switch command {
	case "/quit", "/exit", "/bye":
		return true, nil
	case "/help":
		_, err = io.WriteString(t.c.App.ErrWriter, chatHelp)
	case "/reset":
		t.reset()
	case "/system":
		if rest == "" {
			fmt.Fprintf(t.c.App.ErrWriter, "system text: %q\n", t.system)
			break
		}
		t.system = rest
		t.reset()
	case "/save":
		err = t.save(rest)
	default:
		err = fmt.Errorf("unknown command %s; /help lists them", command)
	}
	return false, err
}

// answer prints the model's answer to text. A failure leaves the talk as it was.
func (t *talker) answer(ctx context.Context, text string) error {
	before := len(t.talk.Messages)
	t.talk.Messages = append(t.talk.Messages, chat.Message{Role: "user", Content: text})
	t.sampler.Reset()
	r, err := t.talk.Reply(ctx, session.Request{
		Sampler: t.sampler, Max: max(t.c.Int("n"), 0), Stops: t.c.StringSlice("stop"), Emit: t.out.token,
	})
	if err != nil {
		t.talk.Messages = t.talk.Messages[:before]
		var full *session.ContextError
		if errors.As(err, &full) && before > 0 {
			return fmt.Errorf("%w; /reset begins anew", err)
		}
		return err
	}
	t.out.print("\n")
	if !t.c.Bool("quiet") {
		timings(t.c.App.ErrWriter, t.m, r)
	}
	return t.out.err
}

// save writes the talk as a list of messages, the form that chat APIs take.
func (t *talker) save(path string) error {
	if path == "" {
		return errors.New("/save needs the name of a file")
	}
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	list := []message{}
	for _, m := range t.talk.Messages {
		list = append(list, message{m.Role, m.Content})
	}
	return writeWhole(path, func(w *bufio.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(list)
	})
}
