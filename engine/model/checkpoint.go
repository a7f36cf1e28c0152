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
	Bytes      []byte
}

// part is rows [from, from+n) of d, without a copy.
func (d *Data) part(from, n int) *Data {
	rb := d.Format.RowBytes(d.Cols)
	return &Data{Format: d.Format, Rows: n, Cols: d.Cols, Bytes: d.Bytes[from*rb : (from+n)*rb]}
}

// floats unpacks all of d.
func (d *Data) floats() []float32 {
	x := make([]float32, d.Rows*d.Cols)
	d.Format.Dequantize(x, d.Bytes)
	return x
}

// need is the tensor of that name and shape, or an error that says what is wrong.
func need(ck Checkpoint, name string, rows, cols int) (*Data, error) {
	d, err := optional(ck, name, rows, cols)
	if err == nil && d == nil {
		err = fmt.Errorf("%s: tensor %s is missing; a %s model needs it", ck.Path(), name, ck.Config().Arch)
	}
	return d, err
}

// optional is need for a tensor that may be absent.
func optional(ck Checkpoint, name string, rows, cols int) (*Data, error) {
	d, err := ck.Tensor(name)
	if err != nil || d == nil {
		return nil, err
	}
	if d.Rows != rows || d.Cols != cols {
		return nil, fmt.Errorf("%s: tensor %s is [%d %d], but the model's hyper-parameters want [%d %d]", ck.Path(), name, d.Rows, d.Cols, rows, cols)
	}
	return d, nil
}
