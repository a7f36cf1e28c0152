package main

import (
	"flag"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags that stand after the text before it: urfave/cli stops looking for
// flags at the first argument that is none, and would take the rest for text in silence. An
// argument after "--" is text whatever it looks like, and so is "-".
func flagsFirst(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 || slices.Contains(args, "--generate-bash-completion") {
		return args, nil
	}
	// potion's own flags (--help, --version) come before the command.
	at := 1
	for at < len(args) && strings.HasPrefix(args[at], "-") {
		at++
	}
	if at == len(args) {
		return args, nil
	}
	command := app.Command(args[at])
	switch {
	case args[at] == "help" || args[at] == "h":
		return args, nil
	case command == nil:
		return nil, usage("unknown command %q", args[at])
	case len(command.Subcommands) > 0:
		return args, nil
	}
	known, err := flagSet(command)
	if err != nil {
		return nil, err
	}
	flags, texts := []string{}, []string{}
	rest := args[at+1:]
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		if a == "--" {
			texts = append(texts, rest[i+1:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			texts = append(texts, a)
			continue
		}
		flags = append(flags, a)
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		f := known.Lookup(name)
		if f == nil && name != "help" && name != "h" {
			return nil, usage("%s has no flag %s (text that begins with - goes after --)", command.Name, a)
		}
		if b, ok := boolFlag(f); hasValue || f == nil || ok && b {
			continue
		}
		if i++; i == len(rest) {
			return nil, usage("%s needs a value", a)
		}
		flags = append(flags, rest[i])
	}
	out := append(slices.Clone(args[:at+1]), flags...)
	return append(append(out, "--"), texts...), nil
}

// flagSet is the flags that a command knows, by all their names.
func flagSet(c *cli.Command) (*flag.FlagSet, error) {
	set := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range c.Flags {
		if err := f.Apply(set); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// boolFlag says whether f is a switch that takes no value.
func boolFlag(f *flag.Flag) (isBool, ok bool) {
	if f == nil {
		return false, false
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag(), ok
}
