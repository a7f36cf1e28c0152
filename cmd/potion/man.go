package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func manCommand() *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "print potion's manual page",
		Description: `Examples:

   potion man | man -l -
   potion man > /usr/local/share/man/man1/potion.1`,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usage("man takes no TEXT: the page is of all commands")
			}
			_, err := io.WriteString(c.App.Writer, manual(c.App))
			return err
		},
	}
}

// The parts of the manual that no command's help has.
const (
	manExit = `.SH EXIT STATUS
.IP 0
done
.IP 1
it could not be done
.IP 2
the command line is wrong
.IP 130
interrupted
`
	manEnvironment = `.SH ENVIRONMENT
.TP
.B NO_COLOR
if set, terminals get no colours
.TP
.B POTION_CPU
the most of the processor's instruction sets to use: generic, avx2 or avx512
.TP
.B CUDA_VISIBLE_DEVICES
the GPUs to see, as in every CUDA program
.TP
.BR HF_ENDPOINT ", " HF_TOKEN ", " HF_TOKEN_PATH ", " HF_HUB_CACHE ", " HF_HOME
the hub, the token and the folders of pull and of models by name
`
)

// manual is the manual page, in the macros of man(7).
func manual(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH POTION 1 \"\" \"potion %s\"\n.ad l\n.SH NAME\npotion \\- %s\n", roff(app.Version), roff(app.Usage))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B potion\n.I COMMAND\n[flags] [\\fITEXT\\fR]\n.SH DESCRIPTION\n")
	manText(&b, app.Description)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range app.Commands {
		if !c.Hidden {
			manCommandOf(&b, c)
		}
	}
	b.WriteString(manExit + manEnvironment)
	return b.String()
}

func manCommandOf(b *strings.Builder, c *cli.Command) {
	synopsis := "potion " + strings.Join(c.Names(), "|")
	if len(c.Flags) > 0 {
		synopsis += " [flags]"
	}
	if c.ArgsUsage != "" {
		synopsis += " " + c.ArgsUsage
	}
	fmt.Fprintf(b, ".SS %s\n", roff(synopsis))
	manText(b, strings.ToUpper(c.Usage[:1])+c.Usage[1:]+".")
	manText(b, c.Description)
	for _, f := range c.VisibleFlags() {
		if doc, ok := f.(cli.DocGenerationFlag); ok {
			manFlag(b, f.Names(), doc)
		}
	}
}

// manFlag is a flag with the name of its value, which its usage has between back quotes.
func manFlag(b *strings.Builder, names []string, f cli.DocGenerationFlag) {
	text := f.GetUsage()
	value := ""
	if parts := strings.SplitN(text, "`", 3); len(parts) == 3 {
		value, text = parts[1], strings.Join(parts, "")
	} else if f.TakesValue() {
		value = "VALUE"
	}
	var all []string
	for _, n := range names {
		dashes := "--"
		if len(n) == 1 {
			dashes = "-"
		}
		all = append(all, "\\fB"+roff(dashes+n)+"\\fR")
	}
	fmt.Fprintf(b, ".TP\n%s", strings.Join(all, ", "))
	if value != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
	}
	if d := f.GetDefaultText(); d != "" && f.TakesValue() {
		text += " (default: " + strings.Trim(d, `"`) + ")"
	}
	fmt.Fprintf(b, "\n%s\n", roff(text))
}

// manText is text whose indented lines are to stay as they are.
func manText(b *strings.Builder, text string) {
	example := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		indented := strings.HasPrefix(line, "   ")
		switch {
		case line == "":
			if !example {
				b.WriteString(".PP\n")
			}
			continue
		case indented && !example:
			b.WriteString(".RS 4\n.nf\n")
		case !indented && example:
			b.WriteString(".fi\n.RE\n")
		}
		example = indented
		b.WriteString(roff(strings.TrimPrefix(line, "   ")) + "\n")
	}
	if example {
		b.WriteString(".fi\n.RE\n")
	}
	b.WriteString(".PP\n")
}

// roff keeps text from being taken for markup.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
