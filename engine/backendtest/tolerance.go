package backendtest

import (
	"slices"

	"github.com/potion-engine/potion/engine/format"
)

// worstFactor times the square root of an NMSE limit limits the error of a single element,
// as a share of itself or, if that is greater, of the RMS of its row (of all rows where they
// are short): no limit hides one wrong number among thousands of right ones.
const worstFactor = 16

// tolerance is one row of the table.
type tolerance struct {
	op      string
	formats []format.Format // of weights or pages; nil: any
	int8    bool            // of Options.Int8Activations only
	half    bool            // of Options.HalfActivations only
	limit   float64         // NMSE
	why     string
}

// tolerances is the only table of what a backend may differ by. The first row that fits
// counts. Limits are NMSE. The CPU backend, which keeps its sums in float64 or in short
// float32 ones, was measured at the figures in brackets; the limits leave about four
// times what careful float32 arithmetic needs, with a GPU's approximate exp2, reciprocal
// and square root (relative error 2^-22, so NMSE 6e-14 where everything rests on one).
var tolerances = []tolerance{
	{op: "Embed", formats: unshared(), limit: 0, why: "a copy, or one product correctly rounded"},
	{op: "Embed", limit: 1e-14, why: "unpacking and scaling round once each [0]"},
	{op: "EmbedBoth", limit: 1e-14, why: "unpacking, scaling and adding round once each [1e-15]"},
	{op: "Gather", limit: 0, why: "a copy"},
	{op: "TopK", limit: 0, why: "a choice among given numbers"},
	{op: "Store", formats: quantised(), half: true, limit: 1e-6, why: "Attend, through which it is seen, rounds what it unpacks"},
	{op: "Store", limit: 0, why: "packing is exact by the format's specification"},
	{op: "Residual", limit: 0, why: "one addition, correctly rounded"},
	{op: "Linear", formats: quantised(), int8: true, limit: 1e-11, why: "the oracle rounds the same activations to int8, and integer sums are exact [7e-13]"},
	{op: "Linear", formats: bfloat(), half: true, limit: 1.6e-5, why: "activations rounded to 8 bits of precision; the worst are single outputs whose terms cancel [2.9e-6]"},
	{op: "Linear", formats: rounded(), half: true, limit: 4e-6, why: "activations and what is unpacked rounded to 11 bits of precision; the worst as above [4.7e-7]"},
	{op: "Linear", limit: 1e-11, why: "float32 sums over K; the worst are single outputs whose terms cancel [2e-12]"},
	{op: "Project", formats: bfloat(), half: true, limit: 1.6e-5, why: "as Linear"},
	{op: "Project", formats: rounded(), half: true, limit: 4e-6, why: "as Linear"},
	{op: "Gate", formats: bfloat(), half: true, limit: 1.6e-5, why: "as Linear"},
	{op: "Gate", formats: rounded(), half: true, limit: 4e-6, why: "as Linear"},
	{op: "Accumulate", formats: bfloat(), half: true, limit: 1.6e-5, why: "as Linear"},
	{op: "Accumulate", formats: rounded(), half: true, limit: 4e-6, why: "as Linear"},
	{op: "Project", limit: 1e-11, why: "as Linear"},
	{op: "Gate", limit: 1e-11, why: "as Linear"},
	{op: "Accumulate", limit: 1e-11, why: "as Linear"},
	{op: "RopeStore", formats: []format.Format{format.F16}, half: true, limit: 1e-6, why: "as Attend, through which it is seen"},
	{op: "RopeStore", formats: []format.Format{format.F32}, limit: 1e-12, why: "as RMSNorm and Rope, seen through Attend"},
	{op: "RopeStore", formats: []format.Format{format.F16}, limit: 1e-9, why: "a key next to the middle between two half-precision numbers may become either"},
	{op: "RopeStore", limit: 1e-6, why: "a key next to the middle between two codes may become either"},
	{op: "Attend", formats: rounded(), half: true, limit: 1e-6, why: "queries and weights rounded to 11 bits of precision"},
	{op: "Attend", limit: 1e-12, why: "float32 scores, exp and sums; the oracle reads the same packed pages [2e-13]"},
	{op: "LayerNorm", limit: 1e-13, why: "float32 mean and variance; grows with (mean/deviation)^2 [0]"},
	{op: "RMSNorm", limit: 1e-13, why: "float32 mean of squares [0]"},
	{op: "Rope", limit: 1e-13, why: "float32 cosine and sine of the float32 angle [3e-15]"},
	{op: "GELU", limit: 1e-13, why: "float32 tanh [1e-20]"},
	{op: "SwiGLU", limit: 1e-13, why: "float32 exp [7e-20]"},
	{op: "GeGLU", limit: 1e-13, why: "float32 tanh [4e-21]"},
	{op: "SoftCap", limit: 1e-13, why: "float32 tanh, also of small numbers [0]"},
	{op: "Softmax", limit: 1e-13, why: "float32 exp and sum [3e-15]"},

	{op: "Model", formats: quantised(), int8: true, limit: 5e-4, why: "logits of a whole model, activations rounded to int8 in every layer"},
	{op: "Model", formats: rounded(), half: true, limit: 1e-4, why: "logits of a whole model, activations rounded to half precision in every layer"},
	{op: "Model", formats: []format.Format{format.F32}, limit: 1e-11, why: "logits of a whole model in float32, F32 pages"},
	{op: "Model", limit: 1e-9, why: "logits of a whole model against its dequantised weights, F32 pages"},
}

const defaultLimit = 1e-7

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

// unshared lists the formats without scales.
func unshared() []format.Format { return []format.Format{format.F32, format.F16, format.BF16} }

// rounded lists the formats that half precision serves: all but F32.
func rounded() []format.Format {
	var fs []format.Format
	for _, f := range format.All() {
		if f != format.F32 {
			fs = append(fs, f)
		}
	}
	return fs
}

func bfloat() []format.Format { return []format.Format{format.BF16} }

// Limit is the NMSE that the table allows a backend with such options for an operation of
// engine.Ops or engine.Fused, or for "Model", the logits of a whole model with F32 pages,
// and the reason. f is the format of the weights, in Store, RopeStore and Attend that of the
// pages, else format.Invalid.
func (o Options) Limit(op string, f format.Format) (limit float64, why string) {
	for _, t := range tolerances {
		if t.op != op || t.int8 && !o.Int8Activations || t.half && !o.HalfActivations {
			continue
		}
		if t.formats == nil || slices.Contains(t.formats, f) {
			return t.limit, t.why
		}
	}
	return defaultLimit, "no row of the table names it"
}

// Limit is Options.Limit for a backend that rounds activations to int8, or rounds nothing.
func Limit(op string, f format.Format, int8Activations bool) (limit float64, why string) {
	return Options{Int8Activations: int8Activations}.Limit(op, f)
}
