// Package convert writes models as GGUF files in any of the weight formats: from a Hugging
// Face folder or from another GGUF file, which may be split.
//
// The files are those that llama.cpp's convert_hf_to_gguf.py and llama-quantize write, as
// far as they say all that the model says; model.Config.GGUF says where they do not.
package convert

import (
	"fmt"
	"math"
	"runtime"
	"strings"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
)

// Options say what to make of a model.
type Options struct {
	To     Recipe
	Output format.Format // of the output layer, also where the embedding serves as such; Invalid: the recipe's
	// Requantize allows packing what is packed already, which loses more than packing the
	// original does.
	Requantize bool
	Name       string                  // general.name; empty: the model's own, or the folder's
	Threads    int                     // 0: all cores
	Progress   func(done, total int64) // bytes written; may be nil
}

// Tensor is what becomes of one tensor.
type Tensor struct {
	Name   string
	Dims   []int64 // ggml's order
	From   gguf.Type
	To     gguf.Type
	Wanted gguf.Type // To, unless its blocks do not fill a row

	// The source as rows of cols numbers; order says where row r stands there, nil: at r.
	rows, cols int
	bytes      func() []byte
	order      func(r int) int
}

// Plan is a conversion that is known to be possible.
type Plan struct {
	Tensors  []*Tensor
	Warnings []string // what the new file lacks that a user might expect

	keys []model.KeyValue
	o    Options
}

// New plans the conversion of a model. The file must stay open until Write is done.
func New(file *modelfile.File, o Options) (*Plan, error) {
	ck, err := file.Checkpoint()
	if err != nil {
		return nil, err
	}
	if err := model.Check(ck); err != nil {
		return nil, err
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	p := &Plan{o: o}
	if file.GGUF() != nil {
		err = p.fromGGUF(file.GGUF())
	} else {
		err = p.fromDir(file, ck)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Path(), err)
	}
	return p, p.choose(ck)
}

// Size is the number of bytes of all tensors in the new file.
func (p *Plan) Size() int64 {
	var n int64
	for _, t := range p.Tensors {
		n += t.numbers() / int64(t.To.BlockLen()) * int64(t.To.BlockBytes())
	}
	return n
}

// Parameters is the number of numbers in all tensors.
func (p *Plan) Parameters() int64 {
	var n int64
	for _, t := range p.Tensors {
		n += t.numbers()
	}
	return n
}

func (t *Tensor) numbers() int64 { return int64(t.rows) * int64(t.cols) }

// fromGGUF takes tensors and metadata as they are.
func (p *Plan) fromGGUF(f *gguf.File) error {
	for _, t := range f.Tensors() {
		if t.Rows() > math.MaxInt32 || t.Cols() > math.MaxInt32 {
			return fmt.Errorf("tensor %s is [%d %d]; neither may exceed %d", t.Name, t.Rows(), t.Cols(), math.MaxInt32)
		}
		p.Tensors = append(p.Tensors, &Tensor{
			Name: t.Name, Dims: t.Dims, From: t.Type, To: t.Type, Wanted: t.Type,
			rows: t.Rows(), cols: t.Cols(), bytes: t.Bytes,
		})
	}
	for _, key := range f.Keys() {
		if strings.HasPrefix(key, "split.") || key == keyFileType || key == keyQuantization {
			continue
		}
		value, _ := f.Get(key)
		if key == keyName && p.o.Name != "" {
			continue
		}
		p.keys = append(p.keys, model.KeyValue{Key: key, Value: value})
	}
	if p.o.Name != "" {
		p.set(keyName, p.o.Name)
	}
	p.keys = append(p.keys, p.formatKeys()...)
	return nil
}

// fromDir takes the tensors under GGUF's names and puts the metadata together.
func (p *Plan) fromDir(file *modelfile.File, ck model.Checkpoint) error {
	c := ck.Config()
	keys, vectors, err := c.GGUF()
	if err != nil {
		return err
	}
	for _, v := range vectors {
		packed := make([]byte, format.F32.RowBytes(len(v.Values)))
		format.F32.Quantize(packed, v.Values)
		p.Tensors = append(p.Tensors, &Tensor{
			Name: v.Name, Dims: []int64{int64(len(v.Values))}, From: gguf.F32, To: gguf.F32, Wanted: gguf.F32,
			rows: 1, cols: len(v.Values), bytes: func() []byte { return packed },
		})
	}
	for _, spec := range c.Tensors() {
		d, err := ck.Tensor(spec.Name)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		t := &Tensor{
			Name: spec.Name, Dims: []int64{int64(d.Cols)}, From: gguf.TypeOf(d.Format), To: gguf.F32, Wanted: gguf.F32,
			rows: d.Rows, cols: d.Cols, bytes: d.Bytes, order: c.GGUFRow(spec.Name),
		}
		switch {
		case d.Rows > 1:
			t.Dims = append(t.Dims, int64(d.Rows))
		case t.order != nil: // a bias is a row, but it is its numbers that move
			t.rows, t.cols = d.Cols, 1
		}
		p.Tensors = append(p.Tensors, t)
	}
	return p.describe(file, c, keys)
}

// choose gives each tensor its format.
func (p *Plan) choose(ck model.Checkpoint) error {
	c := ck.Config()
	tied := true
	for _, t := range p.Tensors {
		tied = tied && t.Name != "output.weight"
	}
	for _, t := range p.Tensors {
		if !t.packable() {
			continue
		}
		want := p.want(t, c, tied)
		t.Wanted, t.To = gguf.TypeOf(want), gguf.TypeOf(fitting(want, t.cols))
		if t.From == t.To {
			continue
		}
		if _, ok := t.From.Format(); !ok {
			return fmt.Errorf("%s: tensor %s: %w", ck.Path(), t.Name, &model.UnsupportedError{What: fmt.Sprintf("weight format %v", t.From)})
		}
		if t.From.BlockLen() > 1 && t.To.BlockLen() > 1 && !p.o.Requantize {
			return &RequantizeError{Path: ck.Path(), Tensor: t}
		}
	}
	return nil
}

// RequantizeError says that a model is packed already.
type RequantizeError struct {
	Path   string
	Tensor *Tensor
}

func (e *RequantizeError) Error() string {
	return fmt.Sprintf("%s: tensor %s is packed as %v already; packing it again as %v loses more than packing the original model would",
		e.Path, e.Tensor.Name, e.Tensor.From, e.Tensor.To)
}

// packable says whether a recipe applies to a tensor: matrices only, and no positions.
func (t *Tensor) packable() bool {
	matrix := false
	for _, d := range t.Dims[1:] {
		matrix = matrix || d > 1
	}
	return matrix && strings.HasSuffix(t.Name, ".weight") && !strings.HasSuffix(t.Name, "_norm.weight") && t.Name != "position_embd.weight"
}

// want is the format that the options ask for, whatever the length of the rows.
func (p *Plan) want(t *Tensor, c *model.Config, tied bool) format.Format {
	if t.Name == "output.weight" || tied && t.Name == "token_embd.weight" {
		if p.o.Output.Valid() {
			return p.o.Output
		}
		return p.o.To.output(t.cols)
	}
	var layer int
	name := t.Name
	if inner, ok := strings.CutPrefix(t.Name, "blk."); ok {
		_, name, _ = strings.Cut(inner, ".")
		fmt.Sscanf(inner, "%d", &layer)
	}
	return p.o.To.pick(name, layer, c.Layers, c.Heads/c.KVHeads)
}
