// Package ptxtext holds what the generators of PTX share: laying out a text, and leaving
// out the registers that a kernel does not use.
package ptxtext

import (
	"fmt"
	"strings"
)

// commentColumn is where comments beside instructions begin, if there is room.
const commentColumn = 64

// LayOut indents a PTX text by its braces, puts comments into their column and lets one
// blank line stand for several.
func LayOut(ptx string) string {
	var b strings.Builder
	depth, blank := 0, false
	for line := range strings.Lines(ptx) {
		line = strings.TrimSpace(line)
		if line == "" {
			blank = true
			continue
		}
		if blank {
			b.WriteByte('\n')
			blank = false
		}
		code, comment, commented := strings.Cut(line, "//")
		code = strings.ReplaceAll(strings.Join(strings.Fields(code), " "), "+0]", "]")
		if code == "}" || strings.HasPrefix(code, ")") {
			depth--
		}
		indent := strings.Repeat("    ", depth)
		if strings.HasSuffix(code, ":") {
			indent = ""
		}
		out := indent + code
		switch {
		case code == "" && commented:
			out = indent + line
		case commented:
			out = fmt.Sprintf("%-*s //%s", commentColumn, out, comment)
		}
		b.WriteString(strings.TrimRight(out, " ") + "\n")
		if code == "{" || strings.HasSuffix(code, "(") {
			depth++
		}
	}
	return b.String()
}
