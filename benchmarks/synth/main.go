// Command synth writes a Llama-shaped GGUF file with random weights and no tokenizer: what a
// model costs does not depend on what it says, so speed can be measured on shapes whose
// weights are not at hand.
//
//	go run ./benchmarks/synth -shape 1b -format Q4_K -o 1b-q4_k.gguf
//	potion bench -m 1b-q4_k.gguf
package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/model"
)

// shapes are of Llama 3.2 1B, SmolLM2 135M and Llama 3.1 8B.
var shapes = map[string]model.Config{
	"135m": {Layers: 30, Width: 576, Heads: 9, KVHeads: 3, HeadDim: 64, Hidden: 1536, Vocab: 49152},
	"1b":   {Layers: 16, Width: 2048, Heads: 32, KVHeads: 8, HeadDim: 64, Hidden: 8192, Vocab: 128256},
	"8b":   {Layers: 32, Width: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Hidden: 14336, Vocab: 128256},
}

func main() {
	shape := flag.String("shape", "1b", "135m, 1b or 8b")
	name := flag.String("format", "F16", "weight format of the matrices")
	layers := flag.Int("layers", 0, "layers; 0: as the shape has")
	out := flag.String("o", "", "file to write")
	flag.Parse()
	if err := run(*shape, *name, *layers, *out); err != nil {
		fmt.Fprintln(os.Stderr, "synth:", err)
		os.Exit(1)
	}
}

func run(shape, name string, layers int, out string) error {
	c, ok := shapes[shape]
	f, err := format.Parse(name)
	switch {
	case !ok:
		return fmt.Errorf("shape %q: want 135m, 1b or 8b", shape)
	case err != nil:
		return err
	case out == "":
		return fmt.Errorf("-o FILE is missing")
	}
	if layers > 0 {
		c.Layers = layers
	}
	w, err := gguf.Create(out)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := describe(w, &c, shape); err != nil {
		return err
	}
	for _, t := range c.Tensors() {
		if !t.Must {
			continue // no biases, and the output is tied to the embedding
		}
		typ, dims := gguf.TypeOf(format.F32), []int64{int64(t.Cols)}
		if t.Rows > 1 {
			typ, dims = gguf.TypeOf(packing(f, t.Cols)), append(dims, int64(t.Rows))
		}
		if err := w.Add(t.Name, typ, dims...); err != nil {
			return err
		}
	}
	return w.Write(fill)
}

// packing is f, or Q8_0 or F16 for rows that its blocks do not divide.
func packing(f format.Format, cols int) format.Format {
	for _, g := range []format.Format{f, format.Q8_0} {
		if g.CheckCols(cols) == nil {
			return g
		}
	}
	return format.F16
}

func describe(w *gguf.Writer, c *model.Config, shape string) error {
	for _, kv := range []struct {
		key   string
		value any
	}{
		{"general.architecture", "llama"},
		{"general.name", "random " + shape},
		{"llama.block_count", uint32(c.Layers)},
		{"llama.context_length", uint32(131072)},
		{"llama.embedding_length", uint32(c.Width)},
		{"llama.feed_forward_length", uint32(c.Hidden)},
		{"llama.attention.head_count", uint32(c.Heads)},
		{"llama.attention.head_count_kv", uint32(c.KVHeads)},
		{"llama.attention.key_length", uint32(c.HeadDim)},
		{"llama.attention.value_length", uint32(c.HeadDim)},
		{"llama.attention.layer_norm_rms_epsilon", float32(1e-5)},
		{"llama.rope.freq_base", float32(500000)},
		{"llama.vocab_size", uint32(c.Vocab)},
		{"tokenizer.ggml.model", "no_vocab"}, // llama.cpp asks for one, and knows this
	} {
		if err := w.Set(kv.key, kv.value); err != nil {
			return err
		}
	}
	return nil
}

// fill writes packed normal numbers. A pool of rows is packed once and repeated, each time
// from another row on: quantising billions of numbers would take many minutes.
func fill(t *gguf.Tensor, dst io.Writer) error {
	f, _ := t.Type.Format()
	r := rand.New(rand.NewPCG(1, uint64(len(t.Name))))
	cols, rows := t.Cols(), t.Rows()
	n := min(rows, 64)
	x := make([]float32, cols)
	pool := make([][]byte, n)
	for i := range pool {
		for j := range x {
			x[j] = float32(r.NormFloat64()) / 32
			if rows == 1 {
				x[j]++ // a norm's gain
			}
		}
		pool[i] = make([]byte, f.RowBytes(cols))
		f.Quantize(pool[i], x)
	}
	for i := range rows {
		if _, err := dst.Write(pool[(i+i/n)%n]); err != nil {
			return err
		}
	}
	return nil
}
