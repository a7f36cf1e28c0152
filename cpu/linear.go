package cpu

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

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
	l.way = b.wayOf(p, l.rows)
	switch l.way {
	case integerRows, integerPanels:
		b.packActivations(l.x, p.cols)
	case floatPanels:
		if b.int8 && b.kernels.dotBlocks[p.format] != nil {
			b.packActivations(l.x, p.cols)
			l.x = b.activations.floats()
		}
		if p.format != format.F32 {
			b.reserve(panelRows(p.cols) * p.cols)
		}
	}
	if l.way == integerPanels {
		for i := range b.scratch {
			b.scratch[i].panel.reserve(p.cols)
		}
		b.run(l, (p.rows+blockPanel-1)/blockPanel, blockPanel*l.rows*p.cols)
		return
	}
	b.run(l, p.rows, l.rows*p.cols)
}

// way is how a product is computed.
type way int

const (
	floatRows     way = iota // packed rows times one row of x
	floatPanels              // unpacked rows times all rows of x
	integerRows              // packed rows times single rows of integers
	integerPanels            // rows as integers times all rows of integers
)

// wayOf chooses. Where integers are wanted and there are many rows, but no code for
// panels of integers, floats are the faster: those that the integers stand for.
func (b *Backend) wayOf(w *weight, rows int) way {
	k := b.kernels
	switch f := w.format; {
	case b.int8 && k.dotBlocks[f] != nil:
		if rows >= 4 && k.panelBlocks[f] != nil {
			return integerPanels
		}
		if rows >= 4 && k.level != generic {
			return floatPanels
		}
		return integerRows
	case rows == 1 && k.dotRows[f] != nil:
		return floatRows
	}
	return floatPanels
}

// linearTask is the arguments of Linear; an item is a row of the weight, or, for panels of
// integers, blockPanel rows.
type linearTask struct {
	*Backend
	w          *weight
	rows       int // T
	y, x, bias []float32
	way        way
}

func (l *linearTask) run(worker, from, to int) {
	switch l.way {
	case floatRows, integerRows:
		l.runRows(worker, from, to)
	case floatPanels:
		l.runPanels(worker, from, to)
	case integerPanels:
		from, to = from*blockPanel, min(to*blockPanel, l.w.rows)
		l.runIntegers(worker, from, to)
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

// callBytes is how much a call of an inner loop reads at most, about: nothing can
// interrupt it, and the garbage collector may have to wait for it.
const callBytes = 1 << 17

// runRows takes rows of w with single rows of x.
func (l *linearTask) runRows(worker, from, to int) {
	f, buf, step := l.w.format, &l.scratch[worker].chunk, max(callBytes/l.w.rowBytes/4*4, 4)
	x := &l.scratch[worker].row
	for n := from; n < to; n += step {
		end := min(n+step, to)
		packed := l.w.packed[n*l.w.rowBytes : end*l.w.rowBytes]
		if l.way == floatRows {
			l.kernels.dotRows[f](l.y[n:end], packed, l.x, buf)
			continue
		}
		for t := range l.rows {
			*x = l.activations.row(t)
			l.kernels.dotBlocks[f](l.y[t*l.w.rows:][n:end], packed, x)
		}
	}
}

// panelRows is how many unpacked rows of k columns a worker keeps at a time: few enough to
// stay in its second-level cache, many enough that x is not read too often.
func panelRows(k int) int {
	const floats = 1 << 16
	return min(max(floats/k/4*4, 4), 64)
}

func (l *linearTask) runPanels(worker, from, to int) {
	k, width, step := l.w.cols, l.w.rows, panelRows(l.w.cols)
	for n := from; n < to; n += step {
		end := min(n+step, to)
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

func (l *linearTask) runIntegers(worker, from, to int) {
	multiply, p := l.kernels.panelBlocks[l.w.format], &l.scratch[worker].panel
	for n := from; n < to; n += blockPanel {
		end := min(n+blockPanel, to)
		packed := l.w.packed[n*l.w.rowBytes : end*l.w.rowBytes]
		multiply(l.y[n:], l.w.rows, packed, l.w.format, &l.activations, p)
	}
}

// packActivations rounds the rows of x, k numbers each, to integers in b.activations.
func (b *Backend) packActivations(x []float32, k int) {
	rows := len(x) / k
	b.activations.resize(rows, k)
	b.quantize = quantizeTask{kernels: b.kernels, activations: &b.activations, x: x}
	b.run(&b.quantize, rows, 4*k)
}

// quantizeTask is the arguments of packActivations; an item is a row.
type quantizeTask struct {
	kernels     *kernels
	activations *activations
	x           []float32
}

func (q *quantizeTask) run(_, from, to int) {
	k := q.activations.k
	for t := from; t < to; t++ {
		q.kernels.quantize(q.activations.row(t), q.x[t*k:(t+1)*k])
	}
}
