package backendtest

import (
	"fmt"
	"math"

	"github.com/potion-engine/potion/engine/format"
)

// norm is LayerNorm, or RMSNorm if rms is set.
type norm struct {
	rms          bool
	t, c         int
	mean         float64
	deviation    float64
	eps          float32
	noBias       bool
	rowOfZeros   bool
	inPlace      bool
	bad          float32 // goes into row 1, unless 0
	magnitudeRow bool    // every row ten times the one before
}

func (n norm) prepare(r *rig) problem {
	data := r.normal(n.t*n.c, n.mean, n.deviation)
	if n.rowOfZeros {
		clear(data[:n.c])
	}
	if n.magnitudeRow {
		for i := range data {
			data[i] *= float32(math.Pow10(i/n.c - 4))
		}
	}
	if n.bad != 0 {
		data[n.c+n.c/3] = n.bad
	}
	x, y := r.sourceAndResult(n.t, n.c, data, n.inPlace)
	gain := r.input(1, n.c, r.normal(n.c, 1, 0.3))
	if n.rms {
		return problem{
			call: func() { r.RMSNorm(y.Tensor, x.Tensor, gain.Tensor, n.eps) },
			want: func() { y.want = rmsNorm(x.values(), gain.values(), float64(n.eps)) },
		}
	}
	bias := &array{}
	if !n.noBias {
		bias = r.input(1, n.c, r.normal(n.c, 0, 0.3))
	}
	return problem{
		call: func() { r.LayerNorm(y.Tensor, x.Tensor, gain.Tensor, bias.Tensor, n.eps) },
		want: func() { y.want = layerNorm(x.values(), gain.values(), bias.values(), float64(n.eps)) },
	}
}

func (n norm) cost() (bytes, flops int64) {
	size := int64(n.t * n.c)
	if n.rms {
		return 8*size + 4*int64(n.c), 4 * size
	}
	return 8*size + 8*int64(n.c), 7 * size
}

func normCases() []Case {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	list := []struct {
		name string
		norm
	}{
		{"width 1", norm{t: 3, c: 1}},
		{"width 31", norm{t: 1, c: 31}},
		{"width 32", norm{t: 2, c: 32}},
		{"width 33", norm{t: 3, c: 33, noBias: true}},
		{"width 97", norm{t: 8, c: 97}},
		{"width 256", norm{t: 33, c: 256}},
		{"width 576", norm{t: 1, c: 576, noBias: true}},
		{"width 640", norm{t: 3, c: 640}},
		{"width 768", norm{t: 8, c: 768}},
		{"width 1023", norm{t: 2, c: 1023}},
		{"width 4096", norm{t: 2, c: 4096}},
		{"width 8191", norm{t: 1, c: 8191}},
		{"heads of 64", norm{t: 72, c: 64}},
		{"in place", norm{t: 3, c: 576, inPlace: true}},
		{"in place, heads of 64", norm{t: 72, c: 64, inPlace: true}},
		{"a row of zeros", norm{t: 3, c: 96, rowOfZeros: true}},
		{"large eps", norm{t: 2, c: 96, eps: 0.5}},
		{"rows of different magnitude", norm{t: 8, c: 128, magnitudeRow: true, eps: 1e-12}},
		{"mean 1000", norm{t: 3, c: 768, mean: 1000}},
		{"mean -1000, odd width", norm{t: 3, c: 301, mean: -1000}},
		{"NaN in one row", norm{t: 3, c: 96, bad: nan}},
		{"infinity in one row", norm{t: 3, c: 96, bad: inf}},
	}
	var cases []Case
	for _, l := range list {
		n := l.norm
		n.deviation = 1
		if n.eps == 0 {
			n.eps = 1e-5
		}
		cond := math.Abs(n.mean) / n.deviation
		name := fmt.Sprintf("%s/rows %d", l.name, n.t)
		layer := newCase("LayerNorm", name, format.Invalid, n)
		layer.cond = cond
		n.rms = true
		cases = append(cases, layer, newCase("RMSNorm", name, format.Invalid, n))
	}
	return cases
}
