package model

import (
	"fmt"

	"github.com/potion-engine/potion/engine/format"
)

// Checkpoint is a model's hyper-parameters and weights on disk, whatever the files look
// like: its tensors go by GGUF's names ("blk.3.attn_q.weight") and layout ([N, K], a row
// after the other).
type Checkpoint interface {
	// Path is the file or folder, for messages.
	Path() string
	Config() *Config
	// Tensor is the tensor of that name, or nil and no error where there is none.
	Tensor(name string) (*Data, error)
	Close() error
}

// Data is one packed tensor of a checkpoint. A vector is one row.
type Data struct {
	Format     format.Format
	Rows, Cols int
	bytes      []byte
	make       func() []byte // where bytes must be worked out from what the file holds
}

// Size is the number of packed bytes.
func (d *Data) Size() int { return d.Rows * d.Format.RowBytes(d.Cols) }

// Bytes is the packed rows. They are the file's own memory where its layout allows it, else
// made anew by each call; they must not be changed.
func (d *Data) Bytes() []byte {
	if d.make != nil {
		return d.make()
	}
	return d.bytes
}

// part is rows [from, from+n) of d, without a copy.
func (d *Data) part(from, n int) *Data {
	rb := d.Format.RowBytes(d.Cols)
	return &Data{Format: d.Format, Rows: n, Cols: d.Cols, bytes: d.Bytes()[from*rb : (from+n)*rb]}
}

// floats unpacks all of d.
func (d *Data) floats() []float32 {
	x := make([]float32, d.Rows*d.Cols)
	d.Format.Dequantize(x, d.Bytes())
	return x
}

// TensorSpec is a tensor that a configuration asks for.
type TensorSpec struct {
	Name       string // GGUF's
	Rows, Cols int
	Must       bool // its absence is an error
}

// fetch is the tensor, or nil where an optional one is absent.
func (t TensorSpec) fetch(ck Checkpoint) (*Data, error) {
	d, err := ck.Tensor(t.Name)
	switch {
	case err != nil:
		return nil, err
	case d == nil && t.Must:
		return nil, fmt.Errorf("%s: tensor %s is missing; a %s model needs it", ck.Path(), t.Name, ck.Config().Arch)
	case d == nil:
		return nil, nil
	case d.Rows != t.Rows || d.Cols != t.Cols:
		return nil, fmt.Errorf("%s: tensor %s is [%d %d], but the model's hyper-parameters want [%d %d]", ck.Path(), t.Name, d.Rows, d.Cols, t.Rows, t.Cols)
	}
	return d, nil
}

// Check says what keeps a checkpoint from being loaded, without loading it: a tensor that
// is missing, of the wrong shape or in a format that is not supported.
func Check(ck Checkpoint) error {
	for _, t := range ck.Config().Tensors() {
		if _, err := t.fetch(ck); err != nil {
			return err
		}
	}
	return nil
}

// Bytes is the size of all tensors of a checkpoint that its model uses.
func Bytes(ck Checkpoint) int64 {
	var n int64
	for _, t := range ck.Config().Tensors() {
		if d, err := t.fetch(ck); err == nil && d != nil {
			n += int64(d.Size())
		}
	}
	return n
}

// Tensors lists every tensor that a model of this configuration has or may have, in the
// order of a GGUF file.
func (c *Config) Tensors() []TensorSpec {
	list := []TensorSpec{{"token_embd.weight", c.Vocab, c.Width, true}}
	if c.Learned {
		list = append(list, TensorSpec{"position_embd.weight", c.Context, c.Width, true})
	}
	for i := range c.Layers {
		list = c.layerTensors(list, fmt.Sprintf("blk.%d.", i))
	}
	list = c.normTensors(list, "output_norm")
	return append(list, TensorSpec{"output.weight", c.Vocab, c.Width, false})
}

func (c *Config) normTensors(list []TensorSpec, name string) []TensorSpec {
	list = append(list, TensorSpec{name + ".weight", 1, c.Width, true})
	if c.Norm == LayerNorm {
		list = append(list, TensorSpec{name + ".bias", 1, c.Width, true})
	}
	return list
}

// layerTensors adds the tensors of one layer, whose names begin with p.
func (c *Config) layerTensors(list []TensorSpec, p string) []TensorSpec {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	linear := func(name string, n, k int, bias bool) {
		list = append(list, TensorSpec{p + name + ".weight", n, k, true}, TensorSpec{p + name + ".bias", 1, n, bias})
	}
	vector := func(name string, n int) {
		list = append(list, TensorSpec{p + name + ".weight", 1, n, true})
	}
	list = c.normTensors(list, p+"attn_norm")
	if c.FusedQKV {
		linear("attn_qkv", q+2*kv, c.Width, c.Biased)
	} else {
		must := c.Biased || c.BiasQKV
		linear("attn_q", q, c.Width, must)
		linear("attn_k", kv, c.Width, must)
		linear("attn_v", kv, c.Width, must)
	}
	if c.QKNorm {
		vector("attn_q_norm", c.HeadDim)
		vector("attn_k_norm", c.HeadDim)
	}
	linear("attn_output", c.Width, q, c.Biased)
	if c.PostNorm {
		vector("post_attention_norm", c.Width)
	}
	list = c.normTensors(list, p+"ffn_norm")
	switch {
	case c.FusedFFN:
		linear("ffn_up", 2*c.Hidden, c.Width, c.Biased)
	case c.FFN == GELU:
		linear("ffn_up", c.Hidden, c.Width, c.Biased)
	default:
		linear("ffn_gate", c.Hidden, c.Width, c.Biased)
		linear("ffn_up", c.Hidden, c.Width, c.Biased)
	}
	linear("ffn_down", c.Width, c.Hidden, c.Biased)
	if c.PostNorm {
		vector("post_ffw_norm", c.Width)
	}
	return list
}
