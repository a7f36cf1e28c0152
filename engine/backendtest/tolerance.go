package backendtest

import "github.com/potion-engine/potion/engine/format"

// worstFactor times the square root of an NMSE limit limits a single element, in units
// of the RMS of its row: no limit hides one wrong number among thousands of right ones.
const worstFactor = 16

// tolerance is one row of the table.
type tolerance struct {
	op      string
	formats []format.Format // of weights or pages; nil: any
	int8    bool            // activations rounded to int8
	limit   float64         // NMSE
	why     string
}

// tolerances is the only table of what a backend may differ by. The first row that fits
// counts. Limits are NMSE; about four times what the CPU backend was measured to need,
// and never below what a careful float32 implementation can keep on any device.
var tolerances = []tolerance{
	{op: "Embed", limit: 1e-14, why: "one rounding per number"},
	{op: "Gather", limit: 0, why: "a copy"},
	{op: "TopK", limit: 0, why: "a choice among given numbers"},
	{op: "Store", limit: 0, why: "packing is exact by the format's specification"},
	{op: "Residual", limit: 0, why: "one addition, correctly rounded"},
	{op: "Linear", formats: quantised(), int8: true, limit: 1e-11, why: "the oracle rounds the same activations to int8; integer sums are exact"},
	{op: "Linear", limit: 1e-11, why: "float32 sums over K against float64 sums"},
	{op: "LayerNorm", limit: 1e-12, why: "float32 mean and variance"},
	{op: "RMSNorm", limit: 1e-12, why: "float32 mean of squares"},
	{op: "Rope", limit: 1e-10, why: "the angle, position times frequency, must be good to 1e-5 even at position 100000"},
	{op: "Attend", limit: 1e-11, why: "float32 scores and sums; the oracle reads the same packed pages"},
	{op: "GELU", limit: 1e-12, why: "float32 tanh"},
	{op: "SwiGLU", limit: 1e-12, why: "float32 exp"},
	{op: "GeGLU", limit: 1e-12, why: "float32 tanh"},
	{op: "SoftCap", limit: 1e-12, why: "float32 tanh"},
	{op: "Softmax", limit: 1e-12, why: "float32 exp and sum"},

	{op: "Model", formats: quantised(), int8: true, limit: 5e-4, why: "logits of a whole model, activations rounded to int8 in every layer"},
	{op: "Model", formats: []format.Format{format.F32}, limit: 1e-11, why: "logits of a whole model in float32, F32 pages"},
	{op: "Model", limit: 1e-9, why: "logits of a whole model against its dequantised weights, F32 pages"},
}

const defaultLimit = 1e-7

// int8Limit is what 8-bit activations may cost one product of random numbers, against
// the same product with activations as they are: a property of the rounding that the
// format package defines (measured: 2e-5), held here so that it stays one.
const int8Limit = 5e-4

// quantised lists the formats that share scales among numbers.
func quantised() []format.Format {
	var q []format.Format
	for _, f := range format.All() {
		if f.BlockLen() > 1 {
			q = append(q, f)
		}
	}
	return q
}

// Limit is the NMSE that the table allows for an operation of engine.Ops, or for
// "Model", the logits of a whole model with F32 pages, and the reason. f is the format of
// the weights, in Store and Attend that of the pages, else format.Invalid.
func Limit(op string, f format.Format, int8Activations bool) (limit float64, why string) {
	for _, t := range tolerances {
		if t.op != op || t.int8 && !int8Activations {
			continue
		}
		for _, g := range t.formats {
			if g == f {
				return t.limit, t.why
			}
		}
		if t.formats == nil {
			return t.limit, t.why
		}
	}
	return defaultLimit, "no row of the table names it"
}
