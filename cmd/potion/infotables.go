package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"
)

// printInfo prints a description for people. Names and texts from the file are escaped, so
// that they cannot drive the terminal.
func printInfo(w io.Writer, m *modelInfo, tensors, metadata bool) error {
	var out strings.Builder
	add := func(t table.Writer) { out.WriteString(t.Render() + "\n") }
	add(m.overview())
	if len(m.Formats) > 0 {
		add(m.formatTable())
	}
	if m.Hyper != nil {
		add(m.Hyper.table())
	}
	if m.Tokenizer != nil {
		add(m.Tokenizer.table(m.Template))
	}
	if len(m.Memory) > 0 {
		add(m.memoryTable())
	}
	if tensors {
		add(m.tensorTable())
	}
	if metadata {
		add(m.metadataTable())
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func newTable(title string, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header, t.Style().Title.Format = pretty.FormatDefault, pretty.FormatDefault
	t.SetTitle(title)
	if len(header) > 0 {
		t.AppendHeader(table.Row(header))
	}
	return t
}

// rightFrom aligns the columns from number n on, counted from 1, to the right.
func rightFrom(t table.Writer, n, columns int) {
	var c []table.ColumnConfig
	for ; n <= columns; n++ {
		c = append(c, table.ColumnConfig{Number: n, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight})
	}
	t.SetColumnConfigs(c)
}

// shown is a text from a file as it can be printed, at most 60 characters of it.
func shown(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return printable(s)
}

// printable writes out what is no visible character: the bytes of a file must not drive the
// terminal.
func printable(s string) string {
	q := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(q[1 : len(q)-1])
}

// wrapped is a longer text in lines.
func wrapped(s string) string { return pretty.WrapSoft(printable(s), 80) }

// thousands is 5853184 as 5,853,184.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (m *modelInfo) overview() table.Writer {
	t := newTable("Model")
	t.AppendRow(table.Row{"path", printable(m.Path)})
	kind := map[string]string{"folder": "Hugging Face folder", "vocabulary": "vocabulary"}[m.Kind]
	if kind == "" {
		kind = fmt.Sprintf("GGUF version %d", m.GGUFVersion)
	}
	t.AppendRow(table.Row{"file", kind})
	t.AppendRow(table.Row{"name", shown(m.Name)})
	t.AppendRow(table.Row{"architecture", shown(m.Architecture)})
	if m.Runnable {
		t.AppendRow(table.Row{"can be run", "yes"})
	} else {
		t.AppendRow(table.Row{"can be run", "no: " + wrapped(m.Reason)})
	}
	if len(m.Tensors) > 0 {
		t.AppendRow(table.Row{"parameters", thousands(m.Parameters)})
		t.AppendRow(table.Row{"tensors", len(m.Tensors)})
	}
	if m.FileBytes > 0 {
		t.AppendRow(table.Row{"size", size(m.FileBytes)})
	}
	return t
}

func (m *modelInfo) formatTable() table.Writer {
	t := newTable("Weight formats", "format", "tensors", "parameters", "size")
	rightFrom(t, 2, 4)
	for _, f := range m.Formats {
		t.AppendRow(table.Row{f.Format, f.Tensors, thousands(f.Parameters), size(f.Bytes)})
	}
	return t
}

func (h *hyperInfo) table() table.Writer {
	t := newTable("Hyper-parameters")
	row := func(name string, v any) { t.AppendRow(table.Row{name, v}) }
	row("layers", h.Layers)
	row("width", h.Width)
	row("heads", fmt.Sprintf("%d of %d, %d key/value", h.Heads, h.HeadDim, h.KVHeads))
	row("feed-forward", h.Hidden)
	row("vocabulary", h.Vocab)
	row("trained context", h.Context)
	row("output layer", map[bool]string{true: "the embedding", false: "of its own"}[h.TiedOutput])
	row("norm epsilon", h.NormEps)
	if h.RopeDims == 0 {
		row("positions", "learned")
	} else {
		scaling := h.RopeScaling
		if scaling == "" {
			scaling = "not scaled"
		}
		row("positions", fmt.Sprintf("rotary, base %g, %d dimensions, %s", h.RopeBase, h.RopeDims, scaling))
	}
	if h.WindowedLayers > 0 {
		row("sliding window", fmt.Sprintf("%d tokens in %d layers", h.Window, h.WindowedLayers))
	}
	if h.AttentionCap > 0 || h.LogitCap > 0 {
		row("soft caps", fmt.Sprintf("attention %g, logits %g", h.AttentionCap, h.LogitCap))
	}
	row("attention scale", h.AttentionScale)
	return t
}

func (i *tokenizerInfo) table(template bool) table.Writer {
	t := newTable("Tokenizer")
	if i.Error != "" {
		t.AppendRow(table.Row{"cannot be used", wrapped(i.Error)})
		return t
	}
	t.AppendRow(table.Row{"kind", shown(i.Kind)})
	t.AppendRow(table.Row{"tokens", i.Size})
	for _, s := range i.Special {
		t.AppendRow(table.Row{s.Role, fmt.Sprintf("%d %s", s.ID, shown(s.Text))})
	}
	var ends []string
	for _, s := range i.EOG {
		ends = append(ends, fmt.Sprintf("%d %s", s.ID, shown(s.Text)))
	}
	t.AppendRow(table.Row{"ends a generation", strings.Join(ends, ", ")})
	t.AppendRow(table.Row{"adds BOS", yes(i.AddsBOS)})
	t.AppendRow(table.Row{"chat template", yes(template)})
	for _, s := range i.Warnings {
		t.AppendRow(table.Row{"warning", wrapped(s)})
	}
	return t
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (m *modelInfo) memoryTable() table.Writer {
	t := newTable("Memory", "context", "weights", "activations", "KV f32", "KV f16", "KV q8_0", "in all, KV f16")
	rightFrom(t, 1, 7)
	for _, i := range m.Memory {
		row := table.Row{thousands(int64(i.Context)), size(i.Weights), size(i.Activations)}
		for _, f := range []string{"f32", "f16", "q8_0"} {
			if n, ok := i.KV[f]; ok {
				row = append(row, size(n))
			} else {
				row = append(row, "-")
			}
		}
		t.AppendRow(append(row, size(i.Weights+i.Activations+i.KV["f16"])))
	}
	return t
}

func (m *modelInfo) tensorTable() table.Writer {
	t := newTable("Tensors", "name", "shape", "format", "bytes")
	rightFrom(t, 4, 4)
	for _, x := range m.Tensors {
		t.AppendRow(table.Row{shown(x.Name), fmt.Sprint(x.Shape), x.Format, thousands(x.Bytes)})
	}
	return t
}

func (m *modelInfo) metadataTable() table.Writer {
	t := newTable("Metadata", "key", "type", "value")
	for _, e := range m.Metadata {
		value, kind := "", e.Type
		if s, ok := e.Value.(string); ok {
			value = s
		} else {
			value = compact(e.Value)
		}
		if e.Length != nil {
			kind = fmt.Sprintf("%s, %s", e.Type, thousands(int64(*e.Length)))
			if *e.Length > shownElements {
				value = strings.TrimSuffix(value, "]") + ",...]"
			}
		}
		t.AppendRow(table.Row{shown(e.Key), kind, shown(value)})
	}
	return t
}

// compact is a value as JSON on one line.
func compact(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}
