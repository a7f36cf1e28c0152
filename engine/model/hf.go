package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/safetensors"
)

// maxJSON bounds what is read of config.json; real ones have a few kilobytes.
const maxJSON = 4 << 20

// hfNames says where the tensors of an architecture stand in a Hugging Face checkpoint,
// and what must be done to them to be GGUF's.
type hfNames struct {
	prefixes []string          // tried in turn before a name: "model.", ""
	global   map[string]string // GGUF's name -> name
	layer    map[string]string // after "blk.N." -> after layers.N.
	layers   string            // "layers.%d." or "h.%d."

	transpose bool                   // projections are stored [K, N] (GPT-2's Conv1D)
	plusOne   func(name string) bool // tensors to which 1 is added (Gemma's norms)
}

// hfCheckpoint is a Checkpoint in a Hugging Face folder.
type hfCheckpoint struct {
	dir    string
	set    *safetensors.Set
	config *Config
	names  hfNames
	tied   bool
}

// FromDir reads a Hugging Face model folder: config.json, and the weights in
// model.safetensors or the parts that model.safetensors.index.json lists.
func FromDir(dir string) (Checkpoint, error) {
	path := filepath.Join(dir, "config.json")
	text, err := readSmall(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s: no config.json in this folder; want a Hugging Face model folder or a .gguf file", dir)
		}
		return nil, err
	}
	c, a, tied, err := hfConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	set, err := safetensors.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	h := &hfCheckpoint{dir: dir, set: set, config: c, names: a.weights(c), tied: tied}
	if err := h.vocabulary(); err != nil {
		set.Close()
		return nil, err
	}
	return h, nil
}

// readSmall reads a whole file that should be small, and refuses one that is not.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(text) > maxJSON {
		return nil, fmt.Errorf("%s: longer than %d MB, which no settings file is", path, maxJSON>>20)
	}
	return text, nil
}

func hfConfig(config []byte) (*Config, *arch, bool, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, nil, false, err
	}
	j := &settings{fields: fields}
	// A multimodal model (Gemma 3 from 4B on) keeps its text part's settings by themselves.
	text := map[string]json.RawMessage{}
	if j.get("text_config", &text) {
		j.fields = text
	}
	a, err := archOfModelType(j.str("model_type", ""))
	if err != nil {
		return nil, nil, false, err
	}
	if j.err == nil && fields["quantization_config"] != nil {
		j.fail("%w", &UnsupportedError{What: "a checkpoint with quantization_config", Supported: []string{"F32, F16 and BF16 safetensors, or a GGUF file"}})
	}
	j.defaults = a.defaults
	c := &Config{Arch: a.name, Name: j.str("_name_or_path", ""), Embed: 1}
	if a != &gpt2 {
		j.common(c)
	}
	a.hf(j, c)
	// Every one of these architectures ties the output to the embedding unless told otherwise
	// by its own default.
	tied := j.boolOr("tie_word_embeddings", a == &gpt2 || strings.HasPrefix(a.name, "gemma"))
	if j.err != nil {
		return nil, nil, false, j.err
	}
	return c, a, tied, c.check()
}

// common reads what all but GPT-2 call alike.
func (j *settings) common(c *Config) {
	c.Layers = j.count("num_hidden_layers")
	c.Context = j.count("max_position_embeddings")
	c.Width = j.count("hidden_size")
	c.Hidden = j.count("intermediate_size")
	c.Heads = j.count("num_attention_heads")
	c.KVHeads = j.countOr("num_key_value_heads", c.Heads)
	c.Vocab = j.count("vocab_size")
	if c.Heads > 0 {
		c.HeadDim = j.countOr("head_dim", c.Width/c.Heads)
	}
	c.Norm, c.NormEps = RMSNorm, float32(j.floatOr("rms_norm_eps", 1e-6))
	c.Scale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	c.Rope = Rope{Base: j.floatOr("rope_theta", 10000), Dims: c.HeadDim}
	if f := j.floatOr("partial_rotary_factor", 1); f > 0 && f <= 1 {
		c.Rope.Dims = int(float64(c.HeadDim) * f)
	} else {
		j.fail("partial_rotary_factor is %v, want a number up to 1", f)
	}
	j.scaling(&c.Rope, c.Context)
	c.RopeLocal = c.Rope
}

func (h *hfCheckpoint) Path() string    { return h.dir }
func (h *hfCheckpoint) Config() *Config { return h.config }
func (h *hfCheckpoint) Close() error    { return h.set.Close() }

// vocabulary checks that the embedding table is as long as config.json says.
func (h *hfCheckpoint) vocabulary() error {
	_, err := TensorSpec{"token_embd.weight", h.config.Vocab, h.config.Width, true}.fetch(h)
	return err
}

// find looks a tensor up by GGUF's name.
func (h *hfCheckpoint) find(name string) *safetensors.Tensor {
	var rest string
	if inner, ok := strings.CutPrefix(name, "blk."); ok {
		number, tail, _ := strings.Cut(inner, ".")
		base, kind, _ := strings.Cut(tail, ".")
		hf, ok := h.names.layer[base]
		if !ok {
			return nil
		}
		var i int
		if _, err := fmt.Sscanf(number, "%d", &i); err != nil {
			return nil
		}
		rest = fmt.Sprintf(h.names.layers, i) + hf + "." + kind
	} else {
		base, kind, _ := strings.Cut(name, ".")
		hf, ok := h.names.global[base]
		if !ok {
			return nil
		}
		rest = hf + "." + kind
	}
	for _, p := range h.names.prefixes {
		if t := h.set.Tensor(p + rest); t != nil {
			return t
		}
	}
	return nil
}

func (h *hfCheckpoint) Tensor(name string) (*Data, error) {
	if name == "output.weight" && h.tied {
		return nil, nil // the embedding serves, whatever lm_head holds
	}
	t := h.find(name)
	if t == nil {
		if name == "output.weight" {
			return nil, fmt.Errorf("%s: tensor lm_head.weight is missing, and config.json does not say tie_word_embeddings", h.dir)
		}
		return nil, nil
	}
	d, err := plainData(t)
	if err != nil {
		return nil, fmt.Errorf("%s: tensor %s: %w", h.dir, t.Name, err)
	}
	switch {
	case h.names.transpose && d.Rows > 1 && strings.HasPrefix(name, "blk."):
		return d.transposed(), nil
	case h.names.plusOne != nil && h.names.plusOne(name):
		return d.plusOne(), nil
	}
	return d, nil
}

// plainData is a safetensors tensor of one or two dimensions as it stands.
func plainData(t *safetensors.Tensor) (*Data, error) {
	d := &Data{Rows: 1, bytes: t.Bytes()}
	switch t.Dtype {
	case "F32":
		d.Format = format.F32
	case "F16":
		d.Format = format.F16
	case "BF16":
		d.Format = format.BF16
	default:
		return nil, &UnsupportedError{What: "element type " + t.Dtype, Supported: []string{"F32", "F16", "BF16"}}
	}
	if len(t.Shape) < 1 || len(t.Shape) > 2 {
		return nil, fmt.Errorf("it has %d dimensions, want 1 or 2", len(t.Shape))
	}
	for _, n := range t.Shape {
		if n <= 0 || n > math.MaxInt32 {
			return nil, fmt.Errorf("its shape is %v", t.Shape)
		}
	}
	d.Cols = int(t.Shape[len(t.Shape)-1])
	if len(t.Shape) == 2 {
		d.Rows = int(t.Shape[0])
	}
	return d, nil
}

// transposed is [K, N] as [N, K].
func (d *Data) transposed() *Data {
	t := &Data{Format: d.Format, Rows: d.Cols, Cols: d.Rows}
	t.make = func() []byte {
		size := d.Format.BlockBytes()
		out := make([]byte, len(d.bytes))
		for r := range d.Rows {
			for c := range d.Cols {
				copy(out[(c*d.Rows+r)*size:][:size], d.bytes[(r*d.Cols+c)*size:])
			}
		}
		return out
	}
	return t
}

// plusOne is d + 1 in float32.
func (d *Data) plusOne() *Data {
	t := &Data{Format: format.F32, Rows: d.Rows, Cols: d.Cols}
	t.make = func() []byte {
		x := d.floats()
		for i := range x {
			x[i]++
		}
		out := make([]byte, t.Size())
		t.Format.Quantize(out, x)
		return out
	}
	return t
}
