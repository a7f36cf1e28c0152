package explain

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Schema is the JSON Schema (draft 2020-12) of what a JSONWriter writes.
//
//go:embed schema.json
var Schema string

// jsonVersion is raised when a field changes its meaning or goes away.
const jsonVersion = 1

// JSONWriter writes an explanation as one JSON object; see Schema. Attention, which has
// L*H*T*T numbers, goes out layer by layer, so that it need not fit the memory at once.
type JSONWriter struct {
	w      *bufio.Writer
	tokens int
	layers int
	number []byte
}

// NewJSONWriter begins an explanation of tokens tokens.
func NewJSONWriter(w io.Writer, tokens int) *JSONWriter {
	j := &JSONWriter{w: bufio.NewWriterSize(w, 1<<16), tokens: tokens}
	fmt.Fprintf(j.w, `{"version":%d,"attention":[`, jsonVersion)
	return j
}

// Layer writes the attention [H,T,T] of the next layer.
func (j *JSONWriter) Layer(_ int, a *Attention) error {
	if len(a.Rows) != j.tokens {
		return fmt.Errorf("attention of %d of %d tokens", len(a.Rows), j.tokens)
	}
	j.comma(j.layers)
	j.layers++
	j.w.WriteByte('[')
	for h := range a.Heads {
		j.comma(h)
		j.w.WriteByte('[')
		for i := range a.Rows {
			j.comma(i)
			j.row(a.Shares(i, h))
		}
		j.w.WriteByte(']')
	}
	_, err := j.w.WriteString("]\n")
	return err
}

func (j *JSONWriter) comma(i int) {
	if i > 0 {
		j.w.WriteByte(',')
	}
}

// row writes numbers with as many digits as a float32 needs to come back the same.
func (j *JSONWriter) row(x []float32) {
	j.w.WriteByte('[')
	for i, v := range x {
		j.comma(i)
		j.number = strconv.AppendFloat(j.number[:0], float64(v), 'g', -1, 32)
		j.w.Write(j.number)
	}
	j.w.WriteByte(']')
}

// Finish writes the rest; a failure to write earlier comes out here at the latest.
func (j *JSONWriter) Finish(e *Explanation) error {
	j.w.WriteByte(']')
	for _, f := range []struct {
		name  string
		value any
	}{{"model", e.Model}, {"tokens", e.Tokens}, {"token", e.Token}, {"candidates", e.Candidates}, {"lens", e.Lenses}} {
		text, err := json.Marshal(f.value)
		if err != nil {
			return err
		}
		fmt.Fprintf(j.w, ",\n%q:%s", f.name, text)
	}
	j.w.WriteString("}\n")
	return j.w.Flush()
}
