// Package ptxgen writes the kernels whose text repeats: over the formats of the KV
// cache's pages, over the element-wise functions, and where a block reduces a row. The
// templates are PTX with a few placeholders; a kernel that resembles no other is written
// by hand and does not pass through here.
package ptxgen

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

//go:embed *.tmpl
var templates embed.FS

// Files is the text of every generated kernel by file name.
func Files() (map[string]string, error) {
	tmpl, err := template.New("").Funcs(macros()).Funcs(sampleMacros()).ParseFS(templates, "*.tmpl")
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	write := func(name, from string, data any) error {
		var b bytes.Buffer
		if err := tmpl.ExecuteTemplate(&b, from+".tmpl", data); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files[name+".ptx"] = align(b.String())
		return nil
	}
	for _, e := range elementwise() {
		if err := write(e.Name, "elementwise", e); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"layernorm", "rmsnorm", "rope", "softmax", "topk", "sample_best", "sample_few", "sample_cut", "sample_draw"} {
		if err := write(name, name, nil); err != nil {
			return nil, err
		}
	}
	for _, p := range pages() {
		for _, k := range p.kernels() {
			if err := write(k.name, k.from, k.data); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// commentColumn is where the C meaning of an instruction stands.
const commentColumn = 56

// align indents scopes and moves the comments behind instructions to one column.
func align(text string) string {
	lines := strings.Split(text, "\n")
	depth := 0
	for i, line := range lines {
		code, comment, found := strings.Cut(line, "//")
		code = strings.TrimRight(code, " ")
		bare := strings.TrimSpace(code)
		if strings.HasPrefix(bare, "}") {
			depth--
		}
		if depth > 0 && !strings.HasSuffix(bare, ":") {
			code = strings.Repeat("    ", depth) + bare
			if bare == "" && found {
				line = code + "//" + comment
			}
		}
		if bare == "{" {
			depth++
		}
		switch {
		case !found:
			lines[i] = strings.TrimRight(code, " ")
		case bare == "":
			lines[i] = line
		default:
			lines[i] = fmt.Sprintf("%-*s // %s", commentColumn-1, code, strings.TrimSpace(comment))
		}
	}
	return strings.Join(pack(lines), "\n")
}

// pack puts what is unrolled, at least packFrom neighbouring lines of one instruction
// without a comment, side by side.
func pack(lines []string) []string {
	const packFrom, width = 6, 112
	var out []string
	for len(lines) > 0 {
		n := 1
		if opcode, plain := unrolled(lines[0]); plain {
			for n < len(lines) {
				next, plain := unrolled(lines[n])
				if !plain || next != opcode {
					break
				}
				n++
			}
		}
		run := lines[:n]
		lines = lines[n:]
		if n < packFrom {
			out = append(out, run...)
			continue
		}
		for _, line := range run {
			last := len(out) - 1
			joined := ""
			if line != run[0] {
				joined = out[last] + " " + strings.TrimSpace(line)
			}
			if joined == "" || len(joined) > width {
				out = append(out, line)
			} else {
				out[last] = joined
			}
		}
	}
	return out
}

// arithmetic is what comes in runs where a loop over registers is written out.
var arithmetic = []string{"mov.", "mul.rn", "fma.rn", "add.rn", "max.f32", "ex2.", "rcp.approx", "cvt.rn.f16x2", "cvt.f32.f16",
	"prmt.", "xor.", "slct.", "shl.b32", "sub.rn", "lop3.", "st.global.v2"}

// unrolled gives the opcode, with its predicate, of an instruction on registers that has
// no comment.
func unrolled(line string) (opcode string, plain bool) {
	words := strings.Fields(line)
	if strings.Contains(line, "//") || !strings.HasSuffix(line, ";") || len(words) < 2 {
		return "", false
	}
	opcode, bare := words[0], words[0]
	if opcode[0] == '@' {
		opcode, bare = opcode+" "+words[1], words[1]
	}
	return opcode, slices.ContainsFunc(arithmetic, func(op string) bool { return strings.HasPrefix(bare, op) })
}
