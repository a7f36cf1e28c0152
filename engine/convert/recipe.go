package convert

import (
	"fmt"
	"strings"

	"github.com/potion-engine/potion/engine/format"
)

// Recipe says which format each tensor of a model gets.
//
// A recipe that is called like a format gives it to every matrix; only the output layer (and
// the embedding, where it is the same tensor) gets Q6_K where the format has fewer bits. The
// others are the mixtures of llama.cpp (src/llama-quant.cpp), in which a few tensors that
// suffer most get more bits.
type Recipe struct {
	Name   string
	Format format.Format

	fileType uint32 // general.file_type, llama.cpp's enum llama_ftype
	value    rule   // attn_v and attn_qkv
	down     rule   // ffn_down
	out      rule   // attn_output
}

// rule gives the format of one kind of tensor by its layer, or Invalid for the recipe's own.
// share is how many query heads share a key/value head.
type rule func(layer, layers, share int) format.Format

// always is the rule that gives f in every layer.
func always(f format.Format) rule {
	return func(int, int, int) format.Format { return f }
}

// outer gives f in the first and last eighth of the layers and in every third one between.
func outer(f format.Format) rule {
	return func(layer, layers, _ int) format.Format {
		if layer < layers/8 || layer >= 7*layers/8 || (layer-layers/8)%3 == 2 {
			return f
		}
		return format.Invalid
	}
}

// first gives f in the layers before until(layers) and then in the others.
func first(f format.Format, until func(layers int) int, then format.Format) rule {
	return func(layer, layers, _ int) format.Format {
		if layer < until(layers) {
			return f
		}
		return then
	}
}

// shared gives f where at least 4 query heads share a value, which makes it small.
func shared(f, otherwise format.Format) rule {
	return func(_, _, share int) format.Format {
		if share >= 4 {
			return f
		}
		return otherwise
	}
}

func part(n int) func(layers int) int { return func(layers int) int { return layers / n } }
func fixed(n int) func(int) int       { return func(int) int { return n } }

var recipes = []Recipe{
	{Name: "F32", Format: format.F32, fileType: 0},
	{Name: "F16", Format: format.F16, fileType: 1},
	{Name: "BF16", Format: format.BF16, fileType: 32},
	{Name: "Q8_0", Format: format.Q8_0, fileType: 7},
	{Name: "Q5_1", Format: format.Q5_1, fileType: 9},
	{Name: "Q5_0", Format: format.Q5_0, fileType: 8},
	{Name: "Q4_1", Format: format.Q4_1, fileType: 3},
	{Name: "Q4_0", Format: format.Q4_0, fileType: 2},
	{Name: "Q6_K", Format: format.Q6_K, fileType: 18},
	{Name: "Q5_K", Format: format.Q5_K, fileType: 16},
	{Name: "Q4_K", Format: format.Q4_K, fileType: 14},
	{Name: "Q3_K", Format: format.Q3_K, fileType: 11},
	{Name: "Q2_K", Format: format.Q2_K, fileType: 21},

	{Name: "Q5_K_M", Format: format.Q5_K, fileType: 17, value: outer(format.Q6_K), down: outer(format.Q6_K)},
	{Name: "Q5_K_S", Format: format.Q5_K, fileType: 16},
	{Name: "Q4_K_M", Format: format.Q4_K, fileType: 15, value: outer(format.Q6_K), down: outer(format.Q6_K)},
	{
		Name: "Q4_K_S", Format: format.Q4_K, fileType: 14,
		value: first(format.Q5_K, fixed(4), format.Invalid),
		down:  first(format.Q5_K, part(8), format.Invalid),
	},
	{
		Name: "Q3_K_L", Format: format.Q3_K, fileType: 13,
		value: always(format.Q5_K), down: always(format.Q5_K), out: always(format.Q5_K),
	},
	{
		Name: "Q3_K_M", Format: format.Q3_K, fileType: 12,
		value: first(format.Q5_K, fixed(2), format.Q4_K),
		down:  first(format.Q5_K, part(16), format.Q4_K),
		out:   always(format.Q4_K),
	},
	{Name: "Q3_K_S", Format: format.Q3_K, fileType: 11},
	{
		Name: "Q2_K_M", Format: format.Q2_K, fileType: 10, // llama.cpp's Q2_K
		value: shared(format.Q4_K, format.Q3_K), down: always(format.Q3_K), out: always(format.Q3_K),
	},
}

// Recipes lists the recipes' names.
func Recipes() []string {
	names := make([]string, len(recipes))
	for i, r := range recipes {
		names[i] = r.Name
	}
	return names
}

// ParseRecipe finds a recipe by its name, in upper or lower case.
func ParseRecipe(name string) (Recipe, error) {
	for _, r := range recipes {
		if strings.EqualFold(r.Name, name) {
			return r, nil
		}
	}
	return Recipe{}, fmt.Errorf("unknown format %q; known: %s", name, strings.Join(Recipes(), " "))
}

// pick is the format that the recipe wants for a matrix of a layer, by the tensor's name
// without the layer.
func (r *Recipe) pick(name string, layer, layers, share int) format.Format {
	var by rule
	switch {
	case isValue(name):
		by = r.value
	case name == "ffn_down.weight":
		by = r.down
	case name == "attn_output.weight":
		by = r.out
	}
	f := r.Format
	if by != nil {
		if g := by(layer, layers, share); g.Valid() {
			f = g
		}
	}
	// Llama 2 70B and its like: 8 query heads share a value, so that values are cheap to keep.
	if r.mixture() && isValue(name) && layers == 80 && share > 1 && (f == format.Q3_K || f == format.Q4_K) {
		return format.Q5_K
	}
	return f
}

func isValue(name string) bool { return name == "attn_v.weight" || name == "attn_qkv.weight" }

// mixture says whether some tensors get other formats than the recipe's own.
func (r *Recipe) mixture() bool { return r.Name != r.Format.String() }

// output is the format for the output layer, whose rows have cols numbers.
func (r *Recipe) output(cols int) format.Format {
	switch {
	case r.Format.BlockLen() == 1:
		return r.Format
	case cols%r.Format.BlockLen() != 0 || r.Format == format.Q8_0:
		return format.Q8_0
	}
	return format.Q6_K
}

// fitting is f, or the nearest format whose blocks fill rows of cols numbers.
func fitting(f format.Format, cols int) format.Format {
	if cols%f.BlockLen() == 0 {
		return f
	}
	switch f {
	case format.Q2_K, format.Q3_K:
		f = format.Q4_0
	case format.Q4_K:
		f = format.Q5_0
	case format.Q5_K:
		f = format.Q5_1
	case format.Q6_K:
		f = format.Q8_0
	}
	if cols%f.BlockLen() == 0 {
		return f
	}
	return format.F16
}
