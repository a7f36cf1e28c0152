package bench

import (
	"fmt"
	"math"
	"strings"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
)

// Shape is a Llama-like model of known size: those of SmolLM2 135M, Llama 3.2 1B and Llama
// 3.1 8B.
func Shape(name string) (model.Config, error) {
	c := model.Config{Arch: "llama", Context: 131072, Norm: model.RMSNorm, NormEps: 1e-5, FFN: model.SwiGLU, Embed: 1}
	switch name {
	case "135m":
		c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadDim, c.Hidden, c.Vocab = 30, 576, 9, 3, 64, 1536, 49152
	case "1b":
		c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadDim, c.Hidden, c.Vocab = 16, 2048, 32, 8, 64, 8192, 128256
	case "8b":
		c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadDim, c.Hidden, c.Vocab = 32, 4096, 32, 8, 128, 14336, 128256
	default:
		return c, fmt.Errorf("shape %q: want 135m, 1b or 8b", name)
	}
	c.Name = name
	c.Rope = model.Rope{Dims: c.HeadDim, Base: 500000, Interleaved: true}
	c.RopeLocal = c.Rope
	c.Scale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	return c, nil
}

// synthetic is a checkpoint of zeros.
type synthetic struct {
	config *model.Config
	format format.Format
	zeros  []byte
}

// Synthetic is a checkpoint whose weights are zeros in a format, or in Q8_0 or F16 where its
// blocks do not divide a row: for counting what a model costs, which does not depend on what
// it says. The output layer is the embedding's.
func Synthetic(c *model.Config, f format.Format) model.Checkpoint {
	s := &synthetic{config: c, format: f}
	most := 0
	for _, t := range c.Tensors() {
		most = max(most, t.Rows*s.packing(t).RowBytes(t.Cols))
	}
	s.zeros = make([]byte, most)
	return s
}

func (s *synthetic) packing(t model.TensorSpec) format.Format {
	if t.Rows == 1 {
		return format.F32
	}
	for _, f := range []format.Format{s.format, format.Q8_0} {
		if f.CheckCols(t.Cols) == nil {
			return f
		}
	}
	return format.F16
}

func (s *synthetic) Path() string          { return fmt.Sprintf("%s in %v", s.config.Name, s.format) }
func (s *synthetic) Config() *model.Config { return s.config }
func (s *synthetic) Close() error          { return nil }

func (s *synthetic) Tensor(name string) (*model.Data, error) {
	if strings.HasPrefix(name, "output.") {
		return nil, nil
	}
	for _, t := range s.config.Tensors() {
		if t.Name == name && t.Must {
			f := s.packing(t)
			return model.NewData(f, t.Rows, t.Cols, s.zeros[:t.Rows*f.RowBytes(t.Cols)])
		}
	}
	return nil, nil
}
