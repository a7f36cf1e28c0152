package explain

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// The styles of a page.
type style string

const (
	plain style = ""
	bold  style = "1"
	dim   style = "2"
	green style = "32"
)

func (p *teller) paint(s style, t string) string {
	if !p.Color || s == plain || t == "" {
		return t
	}
	return "\x1b[" + string(s) + "m" + t + "\x1b[0m"
}

func (p *teller) gap() { p.out.WriteByte('\n') }

// fieldWidth is room for the names of fields.
const fieldWidth = 8

// field is a name and things, which are wrapped to the right of it.
func (p *teller) field(name string, things []string) {
	p.out.WriteString("  " + p.paint(dim, pad(name, fieldWidth-2)))
	p.flow(fieldWidth, fieldWidth, things)
}

// items are things that are wrapped behind an indent.
func (p *teller) items(indent string, things []string) {
	p.out.WriteString(indent)
	p.flow(len(indent), len(indent), things)
}

// flow writes things from column at on, in lines that begin at column indent, none of them
// broken unless it is longer than a line.
func (p *teller) flow(at, indent int, things []string) {
	for i, s := range things {
		s = cut(s, p.Width-indent)
		n := columns(s)
		switch {
		case i == 0:
		case at+2+n > p.Width:
			p.out.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			p.out.WriteString("  ")
			at += 2
		}
		p.out.WriteString(s)
		at += n
	}
	p.out.WriteByte('\n')
}

// say writes a paragraph.
func (p *teller) say(s style, t string) {
	for _, line := range wrap(t, p.Width) {
		p.out.WriteString(p.paint(s, line) + "\n")
	}
}

// wrap breaks t into lines of at most width columns, at spaces where there are any.
func wrap(t string, width int) (lines []string) {
	var line strings.Builder
	n := 0
	flush := func() {
		lines = append(lines, strings.TrimRight(line.String(), " "))
		line.Reset()
		n = 0
	}
	for word := range strings.SplitAfterSeq(t, " ") {
		if n > 0 && n+columns(strings.TrimRight(word, " ")) > width {
			flush()
		}
		for _, r := range word {
			c := text.RuneWidth(r)
			if n+c > width && r != ' ' {
				flush()
			}
			line.WriteRune(r)
			n += c
		}
	}
	flush()
	return lines
}

// columns is how wide s is on a terminal.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

// space is what stands for a space in a token.
func (p *teller) space() string {
	if p.Plain {
		return "_"
	}
	return "·"
}

// label is a token's text as it can be shown: spaces seen, nothing that drives a terminal.
func (p *teller) label(t string) string {
	if t == "" {
		return `""`
	}
	return strings.ReplaceAll(escape(t), " ", p.space())
}

// word is a token in a sentence.
func (p *teller) word(i int) string { return p.quoted(p.e.Tokens[i].Text) }

func (p *teller) quoted(t string) string {
	if s := strings.TrimSpace(t); s != "" {
		t = s
	}
	if p.Plain {
		return `"` + escape(t) + `"`
	}
	return "“" + escape(t) + "”"
}

// escape writes out what is no visible character.
func escape(s string) string {
	q := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, "\ufffd", "?").Replace(q[1 : len(q)-1])
}

// pad makes s exactly width columns wide.
func pad(s string, width int) string {
	s = cut(s, width)
	return s + strings.Repeat(" ", max(width-columns(s), 0))
}

// cut shortens s to width columns.
func cut(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	return text.Trim(s, max(width-1, 0)) + "~"
}

// percent is a share for people: 31%, 3.1%, 0.3%, <0.1%.
func percent(x float64) string {
	switch {
	case x >= 0.0995:
		return fmt.Sprintf("%.0f%%", 100*x)
	case x >= 0.0005:
		return fmt.Sprintf("%.1f%%", 100*x)
	case x == 0:
		return "0%"
	}
	return "<0.1%"
}

// count is "1 head", "8 heads".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
