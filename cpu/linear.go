package cpu

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// panelRows is how many unpacked rows of a weight a worker keeps at a time: few enough
// to stay in its second-level cache, many enough that x is not read too often.
const panelRows = 8

// Linear computes y = x . wT + bias. The rows of w are shared out among the threads.
//
// With one row of x it reads w once, which is what it takes: w.Bytes() bytes for 2*N*K
// flops. With more, a worker unpacks a few rows of w and multiplies them with all of x,
// so that unpacking costs the less the more rows there are: 2*T*N*K flops.
func (b *Backend) Linear(y, x engine.Tensor, w engine.Weight, bias engine.Tensor) {
	const op = "Linear"
	engine.CheckLinear(y, x, w, bias)
	p := own(op, w)
	l := &b.linear
	*l = linearTask{
		Backend: b, w: p, rows: x.Rows(),
		y: f32(op, "y", y), x: f32(op, "x", x), bias: optional(op, "bias", bias),
	}
	l.blocks = b.int8 && b.kernels.dotBlocks[p.format] != nil
	switch {
	case l.blocks:
		b.packActivations(l.x, p.cols)
	case l.rows > 1 && p.format != format.F32:
		b.reserve(panelRows * p.cols)
	}
	b.run(l, p.rows, l.rows*p.cols)
}

// linearTask is the arguments of Linear; an item is a row of the weight.
type linearTask struct {
	*Backend
	w          *weight
	rows       int // T
	y, x, bias []float32
	blocks     bool // multiply in integers
}

func (l *linearTask) run(worker, from, to int) {
	switch {
	case l.blocks:
		l.runBlocks(from, to)
	case l.rows == 1:
		l.runOne(worker, from, to)
	default:
		l.runPanels(worker, from, to)
	}
	if l.bias == nil {
		return
	}
	for t := range l.rows {
		y := l.y[t*l.w.rows:]
		for n, v := range l.bias[from:to] {
			y[from+n] += v
		}
	}
}

func (l *linearTask) runOne(worker, from, to int) {
	dot, buf := l.kernels.dotRow[l.w.format], &l.scratch[worker].chunk
	for n := from; n < to; n++ {
		l.y[n] = dot(l.w.row(n), l.x, buf)
	}
}

func (l *linearTask) runPanels(worker, from, to int) {
	k, width := l.w.cols, l.w.rows
	for n := from; n < to; n += panelRows {
		end := min(n+panelRows, to)
		packed := l.w.packed[n*l.w.rowBytes : end*l.w.rowBytes]
		var rows []float32
		if l.w.format == format.F32 {
			rows = asFloats(packed)
		} else {
			rows = l.scratch[worker].floats[:(end-n)*k]
			l.kernels.unpack[l.w.format](rows, packed)
		}
		l.kernels.panel(l.y[n:], width, l.x, rows, k)
	}
}

func (l *linearTask) runBlocks(from, to int) {
	dot := l.kernels.dotBlocks[l.w.format]
	for n := from; n < to; n++ {
		row := l.w.row(n)
		for t := range l.rows {
			l.y[t*l.w.rows+n] = dot(row, l.q8[t])
		}
	}
}

// packActivations rounds the rows of x, k numbers each, to integers in b.q8.
func (b *Backend) packActivations(x []float32, k int) {
	rows := len(x) / k
	for len(b.q8) < rows {
		b.q8 = append(b.q8, format.Q8{})
	}
	for t := range rows {
		q := &b.q8[t]
		if cap(q.Qs) < k {
			*q = format.NewQ8(k)
		}
		q.Qs = q.Qs[:k]
		q.D = q.D[:k/format.ActivationBlock]
		q.Sums = q.Sums[:k/format.ActivationSum]
	}
	b.quantize = quantizeTask{q8: b.q8, x: x, k: k}
	b.run(&b.quantize, rows, 4*k)
}

// quantizeTask is the arguments of packActivations; an item is a row.
type quantizeTask struct {
	q8 []format.Q8
	x  []float32
	k  int
}

func (q *quantizeTask) run(_, from, to int) {
	for t := from; t < to; t++ {
		q.q8[t].Quantize(q.x[t*q.k : (t+1)*q.k])
	}
}
