package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

type softmaxRows struct {
	t, c      int
	mean      float64
	deviation float64
	special   []float32 // the first numbers of row 1
	constant  bool      // all of a row is equal
	inPlace   bool
}

func (s softmaxRows) prepare(r *rig) problem {
	data := r.normal(s.t*s.c, s.mean, s.deviation)
	if s.constant {
		for i := range data {
			data[i] = 7.5
		}
	}
	if s.special != nil {
		copy(data[s.c:], s.special)
	}
	x, y := r.sourceAndResult(s.t, s.c, data, s.inPlace)
	return problem{
		call: func() { r.Softmax(y.Tensor, x.Tensor) },
		want: func() { y.want = softmax(x.values(), s.c) },
	}
}

func (s softmaxRows) cost() (bytes, flops int64) {
	n := int64(s.t * s.c)
	return 8 * n, 4 * n
}

func softmaxCases() []Case {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	hidden := make([]float32, 64)
	for i := range hidden {
		hidden[i] = -inf
	}
	list := []struct {
		name string
		softmaxRows
	}{
		{"one column", softmaxRows{t: 3, c: 1, deviation: 1}},
		{"in place", softmaxRows{t: 3, c: 97, deviation: 1, inPlace: true}},
		{"plain", softmaxRows{t: 1, c: 31, deviation: 1}},
		{"plain", softmaxRows{t: 2, c: 32, deviation: 1}},
		{"plain", softmaxRows{t: 3, c: 33, deviation: 3}},
		{"plain", softmaxRows{t: 8, c: 257, deviation: 3}},
		{"plain", softmaxRows{t: 33, c: 100, deviation: 3}},
		{"vocabulary", softmaxRows{t: 2, c: 32003, deviation: 3}},
		{"mean 1000", softmaxRows{t: 3, c: 129, mean: 1000, deviation: 3}},
		{"mean -10000", softmaxRows{t: 3, c: 129, mean: -10000, deviation: 3}},
		{"one number far above", softmaxRows{t: 3, c: 65, deviation: 200}},
		{"all equal", softmaxRows{t: 2, c: 77, constant: true}},
		{"some hidden by -infinity", softmaxRows{t: 3, c: 96, deviation: 1, special: hidden}},
		{"all hidden by -infinity", softmaxRows{t: 3, c: 64, deviation: 1, special: hidden}},
		{"NaN in one row", softmaxRows{t: 3, c: 65, deviation: 1, special: []float32{1, nan}}},
		{"infinity in one row", softmaxRows{t: 3, c: 65, deviation: 1, special: []float32{1, inf}}},
	}
	var cases []Case
	for _, l := range list {
		cases = append(cases, newCase("Softmax", fmt.Sprintf("%s/%dx%d", l.name, l.t, l.c), format.Invalid, l.softmaxRows))
	}
	return cases
}
