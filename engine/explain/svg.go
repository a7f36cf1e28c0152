package explain

import (
	"bufio"
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
)

// The sizes of a picture of a terminal, in pixels.
const (
	svgColumn   = 8.4 // of a 14 px monospaced font
	svgLine     = 19
	svgMargin   = 18
	svgBaseline = 14 // of a line's text below its top
	svgBar      = 11 // height of a bar
)

// svgHead is the picture's frame. Colours follow the reader's preference.
const svgHead = `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img">
<title>%[3]s</title>
<style>
svg{background:#faf9f5}
text{font:14px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#211d2e;white-space:pre}
.b{font-weight:700}.d{fill:#6e6780}.g{fill:#6b35a8}
@media (prefers-color-scheme:dark){svg{background:#1c1825}text{fill:#ece9f5}.d{fill:#a39bb8}.g{fill:#c7a4ff}}
</style>
`

// svgClass are the classes of the styles.
var svgClass = map[style]string{bold: "b", dim: "d", green: "g"}

// styled is a part of a line that a style is on, or not.
var styled = regexp.MustCompile("\x1b\\[(\\d+)m([^\x1b]*)\x1b\\[0m|[^\x1b]+")

// WriteSVG draws what WriteText tells a terminal, under the command that asked for it.
func WriteSVG(w io.Writer, e *Explanation, o TextOptions, command string) error {
	o.Color, o.Plain = true, false
	var screen bytes.Buffer
	if err := WriteText(&screen, e, o); err != nil {
		return err
	}
	lines := append([]string{"\x1b[2m$ " + escape(command) + "\x1b[0m", ""}, strings.Split(strings.TrimRight(screen.String(), "\n"), "\n")...)
	widest := max(o.Width, MinWidth)
	for _, l := range lines {
		widest = max(widest, columns(l))
	}
	out := bufio.NewWriter(w)
	title := "What comes after: " + escape(strings.TrimSpace(e.text()))
	fmt.Fprintf(out, svgHead, int(float64(widest)*svgColumn)+2*svgMargin, len(lines)*svgLine+2*svgMargin, html.EscapeString(title))
	for i, l := range lines {
		svgText(out, l, svgMargin+i*svgLine)
	}
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}

// svgText draws a line whose top is at y. Bars become rectangles, since fonts leave gaps in
// them; everything else is told how long it is, so that columns stand in any font.
func svgText(w io.Writer, line string, y int) {
	at := 0
	for _, m := range styled.FindAllStringSubmatch(line, -1) {
		s, t := style(m[1]), m[0]
		if s != plain {
			t = m[2]
		}
		n := columns(t)
		x := svgMargin + float64(at)*svgColumn
		at += n
		switch {
		case strings.TrimSpace(t) == "":
		case s == green:
			fmt.Fprintf(w, "<rect class=\"g\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"1.5\"/>\n", x, y+4, barColumns(t)*svgColumn, svgBar)
		default:
			lead := len(t) - len(strings.TrimLeft(t, " "))
			t = strings.TrimSpace(t)
			class := ""
			if c := svgClass[s]; c != "" {
				class = fmt.Sprintf(" class=%q", c)
			}
			fmt.Fprintf(w, "<text%s x=\"%.1f\" y=\"%d\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\">%s</text>\n",
				class, x+float64(lead)*svgColumn, y+svgBaseline, float64(columns(t))*svgColumn, html.EscapeString(t))
		}
	}
}

// barColumns is how long a bar is that teller.block made.
func barColumns(t string) float64 {
	n := 0.0
	for _, r := range t {
		if i := strings.IndexRune(eighths, r); i >= 0 {
			n += float64(i/len("█")+1) / 8
		}
	}
	return n
}
