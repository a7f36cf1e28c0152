package backendtest

import (
	"fmt"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// packed is a weight whose packed bytes are known to the oracle.
type packed struct {
	engine.Weight
	f     format.Format
	cols  int
	bytes []byte
}

// row is row i of the weight as the format defines it.
func (w packed) row(i int) []float64 {
	n := w.f.RowBytes(w.cols)
	x := make([]float32, w.cols)
	w.f.Dequantize(x, w.bytes[i*n:(i+1)*n])
	return widen(x)
}

// weight makes a weight of random rows. Packing is slow in some formats, so a pool of
// blocks is packed, of different magnitudes and some of them degenerate, and every
// block of the weight is one of these at random.
func (r *rig) weight(f format.Format, rows, cols int) packed {
	const poolLen = 96
	block := f.BlockLen()
	if block == 1 && cols%32 == 0 {
		block = 32 // one by one takes long
	}
	pool := make([][]byte, poolLen)
	for i := range pool {
		numbers := r.normal(block, 0, 0.02*float64(1+i%5))
		switch {
		case f.BlockLen() == 1:
		case i == 0: // all zero: scales of zero
			clear(numbers)
		case i == 1: // one value: no spread for formats with a minimum
			for j := range numbers {
				numbers[j] = 0.25
			}
		case i == 2: // one-sided: the minimum matters
			for j := range numbers {
				numbers[j] += 1
			}
		}
		pool[i] = make([]byte, f.RowBytes(block))
		f.Quantize(pool[i], numbers)
	}
	w := packed{f: f, cols: cols}
	for range rows * cols / block {
		w.bytes = append(w.bytes, pool[r.IntN(poolLen)]...)
	}
	var err error
	if w.Weight, err = r.NewWeight(f, rows, cols, w.bytes); err != nil {
		r.fail(err)
	}
	r.free = append(r.free, w.Weight.Free)
	return w
}

type embedding struct {
	f           format.Format
	v, c, t     int
	scale       float32
	by          engine.Index
	firstAndEnd bool // only the first and last row of the table
	both        bool // EmbedBoth, with positions in the format places
	places      format.Format
}

func (e embedding) prepare(r *rig) problem {
	table := r.weight(e.f, e.v, e.c)
	y := r.output(e.t, e.c)
	ids, pos := make([]int32, e.t), make([]int32, e.t)
	for i := range ids {
		ids[i], pos[i] = int32(r.IntN(e.v)), int32(i%e.v)
		if e.firstAndEnd {
			ids[i] = int32(i % 2 * (e.v - 1))
		}
	}
	step := r.newStep(ids, pos)
	if e.both {
		places, s := r.weight(e.places, e.v, e.c), r.scratch(e.t, e.c, 0)
		return problem{
			call: func() {
				engine.EmbedderOf(r.Backend).EmbedBoth(y.Tensor, step, table.Weight, e.scale, places.Weight, s.rows(0, e.t))
			},
			want: func() {
				y.want = embed(ids, table.row, float64(e.scale))
				for i, v := range embed(pos, places.row, 1) {
					y.want[i] += v
				}
			},
		}
	}
	return problem{
		call: func() { r.Embed(y.Tensor, step, e.by, table.Weight, e.scale) },
		want: func() { y.want = embed(e.by.Of(step), table.row, float64(e.scale)) },
	}
}

func (e embedding) cost() (bytes, flops int64) {
	return int64(e.t) * int64(e.f.RowBytes(e.c)+4*e.c), int64(e.t * e.c)
}

func embedCases() []Case {
	var cases []Case
	add := func(e embedding) {
		name := fmt.Sprintf("%v/%dx%d/rows %d", e.f, e.v, e.c, e.t)
		if e.by == engine.ByPos {
			name += "/by position"
		}
		if e.scale != 1 {
			name += fmt.Sprintf("/scale %v", e.scale)
		}
		if e.firstAndEnd {
			name += "/first and last"
		}
		cases = append(cases, newCase("Embed", name, e.f, e))
	}
	for _, f := range format.All() {
		add(embedding{f: f, v: 37, c: 768, t: 8, scale: 1})
		add(embedding{f: f, v: 101, c: 256, t: 1, scale: 16})
		add(embedding{f: f, v: 13, c: 512, t: 33, scale: 0.37, by: engine.ByPos})
		if f.BlockLen() == 32 {
			add(embedding{f: f, v: 7, c: 32, t: 3, scale: 1})
			add(embedding{f: f, v: 41, c: 576, t: 2, scale: 1})
			add(embedding{f: f, v: 41, c: 640, t: 2, scale: 25.25})
		}
		if f.BlockLen() == 1 {
			for _, c := range []int{1, 31, 33, 97} {
				add(embedding{f: f, v: 11, c: c, t: 5, scale: 1})
			}
		}
		add(embedding{f: f, v: 509, c: 256, t: 4, scale: 1, firstAndEnd: true})
	}
	both := func(f, places format.Format, c, t int, scale float32) {
		e := embedding{f: f, v: 67, c: c, t: t, scale: scale, both: true, places: places}
		name := fmt.Sprintf("%v+%v/%dx%d/rows %d/scale %v", f, places, e.v, c, t, scale)
		cases = append(cases, newCase("EmbedBoth", name, f, e))
	}
	for i, f := range format.All() {
		both(f, format.F32, 256, 1+i%3, 1)
		both(f, []format.Format{format.F16, f}[i%2], 256, 3, 1)
	}
	for _, c := range []int{1, 2, 7, 12, 97, 1029} {
		both(format.F32, format.F32, c, 5, 1)
		both(format.F16, format.F32, c, 5, 0.37)
	}
	both(format.Q8_0, format.F32, 1056, 70, 25.25)
	return cases
}
