package backendtest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// The operator cases of ONNX 1.21, with the outputs of its reference implementation,
// hold the oracle to somebody else's reading of the same formulas.

type onnxTensor struct {
	Name  string
	Dtype string
	Shape []int
	Data  onnxNumbers
}

// onnxNumbers are a tensor's numbers, infinities written as strings; none for booleans.
type onnxNumbers []float64

func (n *onnxNumbers) UnmarshalJSON(data []byte) error {
	var mixed []any
	if err := json.Unmarshal(data, &mixed); err != nil {
		return err
	}
	for _, v := range mixed {
		switch v := v.(type) {
		case float64:
			*n = append(*n, v)
		case string:
			x, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return err
			}
			*n = append(*n, x)
		}
	}
	return nil
}

type onnxCase struct {
	Name       string
	Op         string
	NodeInputs []string `json:"node_inputs"`
	Attributes struct {
		Axis        *int
		Epsilon     float64
		Approximate string
		Alpha       float64
		Causal      int `json:"is_causal"`
		Heads       int `json:"q_num_heads"`
		KVHeads     int `json:"kv_num_heads"`
		Scale       float64
		SoftCap     float64
		Interleaved int
		NumHeads    int `json:"num_heads"`
		RotaryDim   int `json:"rotary_embedding_dim"`
	}
	Inputs, Outputs []onnxTensor
}

// in is an input by its name, nil if the case has none.
func (c onnxCase) in(name string) *onnxTensor {
	for i := range c.Inputs {
		if c.Inputs[i].Name == name {
			return &c.Inputs[i]
		}
	}
	return nil
}

func TestONNXOperators(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("POTION_TESTDATA")
	if folder == "" {
		t.Skip("POTION_TESTDATA is not set: no ONNX operator cases")
	}
	data, err := os.ReadFile(filepath.Join(folder, "numerics", "onnx_node_tests.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []onnxCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	runners := map[string]func(onnxCase) ([]float64, string){
		"Attention": onnxAttention, "RotaryEmbedding": onnxRotary, "Softmax": onnxSoftmax,
		"LayerNormalization": onnxNorm, "RMSNormalization": onnxNorm, "Gelu": onnxGELU, "Swish": onnxSwish,
	}
	ran := map[string]int{}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			run := runners[c.Op]
			if run == nil {
				t.Skipf("no operation for %s", c.Op)
			}
			got, skip := run(c)
			if skip != "" {
				t.Skip(skip)
			}
			ran[c.Op]++
			limit := 1e-12 // their arithmetic is float32
			if c.Outputs[0].Dtype == "f16" {
				limit = 1e-6
			}
			d, err := measure(narrow(got), c.Outputs[0].Data, len(got))
			if err != nil || d.nmse > limit {
				t.Errorf("NMSE %.3g, element %d is %v, want %v; %v", d.nmse, d.at[1], d.got, d.want, err)
			}
		})
	}
	for op, least := range map[string]int{
		"Attention": 26, "RotaryEmbedding": 8, "LayerNormalization": 19, "RMSNormalization": 19,
		"Softmax": 7, "Gelu": 2, "Swish": 1,
	} {
		if ran[op] < least {
			t.Errorf("%d cases of %s ran, want %d", ran[op], op, least)
		}
	}
}

// on gives the Reference and a tensor of it that holds x.
func on(b *Reference, x []float64, cols int) engine.Tensor {
	y, err := b.NewTensor(engine.Float32, len(x)/cols, cols)
	if err != nil {
		panic(err)
	}
	b.Write(y, narrow(x))
	return y
}

func product64(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

func onnxNorm(c onnxCase) ([]float64, string) {
	x := c.in("X")
	axis, eps := -1, c.Attributes.Epsilon
	if c.Attributes.Axis != nil {
		axis = *c.Attributes.Axis
	}
	if axis < 0 {
		axis += len(x.Shape)
	}
	if eps == 0 {
		eps = 1e-5
	}
	cols := product64(x.Shape[axis:])
	b := NewReference()
	in, gain := on(b, x.Data, cols), on(b, c.in("W").Data, cols)
	y := on(b, make([]float64, len(x.Data)), cols)
	if c.Op == "RMSNormalization" {
		b.RMSNorm(y, in, gain, float32(eps))
	} else {
		b.LayerNorm(y, in, gain, on(b, c.in("B").Data, cols), float32(eps))
	}
	return b.Values(y), ""
}

func onnxSoftmax(c onnxCase) ([]float64, string) {
	x := c.Inputs[0]
	axis := -1
	if c.Attributes.Axis != nil {
		axis = *c.Attributes.Axis
	}
	if axis < 0 {
		axis += len(x.Shape)
	}
	n, stride := x.Shape[axis], product64(x.Shape[axis+1:])
	got := make([]float64, len(x.Data))
	b := NewReference()
	for first := range x.Data {
		if first/stride%n != 0 {
			continue
		}
		row := make([]float64, n)
		for i := range row {
			row[i] = x.Data[first+i*stride]
		}
		y := on(b, row, n)
		b.Softmax(y, on(b, row, n))
		for i, v := range b.Values(y) {
			got[first+i*stride] = v
		}
	}
	return got, ""
}

func onnxGELU(c onnxCase) ([]float64, string) {
	if c.Attributes.Approximate != "tanh" {
		return nil, "GELU by erf: the engine has the tanh form"
	}
	b, x := NewReference(), c.Inputs[0].Data
	y := on(b, x, len(x))
	b.GELU(y, y)
	return b.Values(y), ""
}

func onnxSwish(c onnxCase) ([]float64, string) {
	if c.Attributes.Alpha != 1 {
		return nil, "Swish with a factor"
	}
	b, x := NewReference(), c.Inputs[0].Data
	y := on(b, x, len(x))
	b.SwiGLU(y, y, on(b, slices.Repeat([]float64{1}, len(x)), len(x)))
	return b.Values(y), ""
}

// heads3 gives [batch][position][heads*dim] of a tensor [B,T,heads*dim] or [B,heads,T,dim],
// every head padded with zeros to width.
func heads3(x *onnxTensor, heads, width int) (rows [][][]float64, dim int) {
	batches := x.Shape[0]
	length := x.Shape[1]
	if len(x.Shape) == 4 {
		heads, length = x.Shape[1], x.Shape[2]
	}
	dim = len(x.Data) / batches / length / heads
	rows = make([][][]float64, batches)
	for b := range batches {
		for t := range length {
			row := make([]float64, heads*max(width, dim))
			for h := range heads {
				at := ((b*length+t)*heads + h) * dim
				if len(x.Shape) == 4 {
					at = ((b*heads+h)*length + t) * dim
				}
				copy(row[h*max(width, dim):], x.Data[at:at+dim])
			}
			rows[b] = append(rows[b], row)
		}
	}
	return rows, dim
}

// flat undoes heads3 in the shape of want, cutting the padding.
func flat(rows [][][]float64, want onnxTensor, heads int) []float64 {
	got := make([]float64, len(want.Data))
	length, dim := len(rows[0]), len(want.Data)/len(rows)/len(rows[0])/heads
	for b := range rows {
		for t, row := range rows[b] {
			for h := range heads {
				at := ((b*length+t)*heads + h) * dim
				if len(want.Shape) == 4 {
					at = ((b*heads+h)*length + t) * dim
				}
				copy(got[at:at+dim], row[h*len(row)/heads:])
			}
		}
	}
	return got
}

func onnxAttention(c onnxCase) ([]float64, string) {
	if c.in("attn_mask") != nil {
		return nil, "an additive mask: the engine has causal masks and windows"
	}
	a := c.Attributes
	heads, kvHeads := a.Heads, a.KVHeads
	if q := c.in("Q"); len(q.Shape) == 4 {
		heads, kvHeads = q.Shape[1], c.in("K").Shape[1]
	}
	// The engine's keys and values are of one size; zeros change neither products nor sums.
	_, keyDim := heads3(c.in("K"), kvHeads, 0)
	_, valueDim := heads3(c.in("V"), kvHeads, 0)
	dim := max(keyDim, valueDim)
	q, _ := heads3(c.in("Q"), heads, dim)
	k, _ := heads3(c.in("K"), kvHeads, dim)
	v, _ := heads3(c.in("V"), kvHeads, dim)
	spec := &engine.AttendSpec{Heads: heads, Scale: float32(a.Scale), SoftCap: float32(a.SoftCap)}
	if a.Scale == 0 {
		spec.Scale = float32(1 / math.Sqrt(float64(keyDim)))
	}

	b := NewReference()
	y := make([][][]float64, len(q))
	for batch := range q {
		kv, err := b.NewKV(engine.KVSpec{Pages: 1, Heads: kvHeads, HeadDim: dim, Format: format.F32})
		if err != nil {
			return nil, err.Error()
		}
		r := newRig(b, c.Name)
		pages := [][]int32{{0}}
		for p := range k[batch] {
			step := r.newStep([]int32{0}, []int32{int32(p)})
			step.Pages = pages
			b.Store(kv, on(b, k[batch][p], kvHeads*dim), on(b, v[batch][p], kvHeads*dim), step)
		}
		for t, row := range q[batch] {
			pos := len(k[batch]) - 1 // without a mask every row sees all
			if a.Causal == 1 {
				pos = t
			}
			step := r.newStep([]int32{0}, []int32{int32(pos)})
			step.Pages = pages
			mixed := on(b, make([]float64, len(row)), len(row))
			b.Attend(mixed, on(b, row, len(row)), kv, step, spec)
			y[batch] = append(y[batch], b.Values(mixed))
		}
	}
	return flat(y, c.Outputs[0], heads), ""
}

// onnxRotary: the cases' cosines and sines are random numbers and no angle's. A pair
// (c, s) is an angle atan2(s, c) and a scale hypot(c, s), so each pair is rotated by a
// call of its own.
func onnxRotary(c onnxCase) ([]float64, string) {
	a := c.Attributes
	x, cos, sin := c.in("input"), c.in("cos_cache"), c.in("sin_cache")
	heads := a.NumHeads
	if len(x.Shape) == 4 {
		heads = x.Shape[1]
	}
	rows, dim := heads3(x, heads, 0)
	n := cos.Shape[len(cos.Shape)-1]
	b := NewReference()
	r := newRig(b, c.Name)
	for batch := range rows {
		for t, row := range rows[batch] {
			at := (batch*len(rows[batch]) + t) * n
			if ids := c.in("position_ids"); ids != nil {
				at = int(ids.Data[batch*len(rows[batch])+t]) * n
			}
			turned := slices.Clone(row)
			for i := range n {
				freq := make([]float64, n)
				freq[i] = math.Atan2(sin.Data[at+i], cos.Data[at+i])
				y := on(b, row, len(row))
				b.Rope(y, r.newStep([]int32{0}, []int32{1}), &engine.RopeSpec{
					HeadDim: dim, Interleaved: a.Interleaved == 1, InvFreq: on(b, freq, n),
					Scale: float32(math.Hypot(sin.Data[at+i], cos.Data[at+i])),
				})
				first, second := i, i+n
				if a.Interleaved == 1 {
					first, second = 2*i, 2*i+1
				}
				for h := 0; h < len(row); h += dim {
					turned[h+first], turned[h+second] = b.Values(y)[h+first], b.Values(y)[h+second]
				}
				for j, v := range b.Values(y) {
					if j%dim >= 2*n && v != row[j] && float32(v) != float32(row[j]) {
						return nil, fmt.Sprintf("element %d past the rotated ones changed", j)
					}
				}
			}
			rows[batch][t] = turned
		}
	}
	return flat(rows, c.Outputs[0], heads), ""
}
