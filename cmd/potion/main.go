// Command potion runs GPT-style language models: it generates text, chats, and shows what a
// model file holds.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"
)

// version is set by the Makefile.
var version = "devel"

// Exit codes: 0 done, 1 it could not be done, 2 the command line is wrong, 130 interrupted
// (128 + SIGINT, as shells count it).
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once what is slow to stop
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments, for tests. Results go to stdout,
// everything else to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := newApp()
	app.Reader, app.Writer, app.ErrWriter = stdin, stdout, stderr
	args, err := flagsFirst(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "potion: interrupted")
		return exitInterrupted
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "potion: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "potion: %v\n", err)
	return exitFailed
}

// errUsage marks a mistake on the command line.
var errUsage = errors.New("see potion help")

func usage(form string, args ...any) error {
	return fmt.Errorf("%s; %w", fmt.Sprintf(form, args...), errUsage)
}

func newApp() *cli.App {
	app := &cli.App{
		Name:                      "potion",
		Usage:                     "run GPT-style language models",
		UsageText:                 "potion COMMAND [flags] [TEXT]",
		Description:               "Without --model, commands use the embedded demo model, which tells bedtime stories.\nFlags may stand before or after TEXT; -- ends them; TEXT - is read from stdin.",
		Version:                   versionText(),
		EnableBashCompletion:      true,
		DisableSliceFlagSeparator: true, // a stop string may hold a comma
		ExitErrHandler:            func(*cli.Context, error) {},
		CommandNotFound:           func(*cli.Context, string) {}, // flagsFirst has said so
		Commands: []*cli.Command{
			generateCommand(),
			chatCommand(),
			explainCommand(),
			predictCommand(),
			perplexityCommand(),
			logitsCommand(),
			tokenizeCommand(),
			benchCommand(),
			infoCommand(),
			convertCommand(),
			parityCommand(),
			doctorCommand(),
			pullCommand(),
			listCommand(),
			rmCommand(),
			completionCommand(),
			manCommand(),
		},
	}
	// urfave/cli would print the whole help to stdout, which is for results.
	wrong := func(_ *cli.Context, err error, _ bool) error { return usage("%v", err) }
	app.OnUsageError = wrong
	for _, c := range app.Commands {
		c.OnUsageError, c.HideHelpCommand, c.Before = wrong, true, resolveModel
	}
	return app
}

// versionText is the version with the commit where the build knows it.
func versionText() string {
	if version != "devel" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}
