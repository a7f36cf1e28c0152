package cpu

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// productTask is the products of the same rows of x with some weights, y_i = x . w_iT +
// bias_i, in one pass of the pool. The rows of the weights are shared out among the
// threads, by their bytes.
//
// With one row of x it reads each w once, which is what it takes: w.Bytes() bytes for 2*N*K
// flops. With more, a worker unpacks a few rows of w and multiplies them with all of x,
// so that unpacking costs the less the more rows there are: 2*T*N*K flops.
type productTask struct {
	*Backend
	rows     int // T
	products []product
	cost     int // of all, in bytes of weights
	shares   int // items: equal parts of the cost

	// What happens to columns [from, to) of the results as soon as they are there, in the
	// first-level cache still. The products then have equal columns, and are cut alike.
	finish func(t *productTask, from, to int)
	act    elementFunc // of activate
	stream []float32   // of addToStream
}

// product is one matrix of the pass.
type product struct {
	w          *weight
	y, bias    []float32
	x          []float32 // for the ways of floats
	way        way
	begin, end int // its part of the cost
}

// way is how a product is computed.
type way int

const (
	floatRows     way = iota // packed rows times one row of x
	floatPanels              // unpacked rows times all rows of x
	integerRows              // packed rows times single rows of integers
	integerPanels            // rows as integers times all rows of integers
)

// manyRows is from how many rows on bringing weights into panels of integers pays: below, each
// row by itself is faster, since its weights come from a cache for all rows but the first.
const manyRows = 8

// wayOf chooses. Where integers are wanted and there are many rows, but no code for
// panels of integers, floats are the faster.
func (b *Backend) wayOf(w *weight, rows int) way {
	switch f := w.format; {
	case b.rounds(w):
		switch panels := b.integers.panel[f] != nil; {
		case rows >= manyRows && panels:
			return integerPanels
		case rows >= 4 && !panels && b.kernels.level != generic:
			return floatPanels
		}
		return integerRows
	case rows == 1 && b.kernels.dotRows[f] != nil:
		return floatRows
	}
	return floatPanels
}

// startProducts begins a pass over rows rows.
func (b *Backend) startProducts(rows int) *productTask {
	t := &b.product
	*t = productTask{Backend: b, rows: rows, products: t.products[:0]}
	return t
}

// add adds a product to the pass.
func (t *productTask) add(op string, y engine.Tensor, w engine.Weight, bias engine.Tensor) {
	p := own(op, w)
	bytes := p.rows * p.rowBytes
	t.products = append(t.products, product{
		w: p, y: f32(op, "y", y), bias: optional(op, "bias", bias), way: t.wayOf(p, t.rows),
		begin: t.cost, end: t.cost + bytes,
	})
	t.cost += bytes
}

// together has the products cut alike, into columns that finish is called with.
func (t *productTask) together(finish func(t *productTask, from, to int)) {
	t.finish = finish
	for i := range t.products {
		t.products[i].begin, t.products[i].end = 0, t.cost
	}
}

// sharesPerWorker is how many items a pass has for each thread: enough that the pool can
// cut it as it likes.
const sharesPerWorker = 16

// multiply runs the pass with h = norm(x), or x if norm is nil; h may hold the result.
func (b *Backend) multiply(op string, x engine.Tensor, norm *engine.Norm, h engine.Tensor) {
	t := &b.product
	rows := b.prepare(op, x, norm, h)
	k, steps := x.Cols(), 0
	for i := range t.products {
		p := &t.products[i]
		p.x = rows
		steps += p.w.rows * k * t.rows
		switch {
		case p.way == floatPanels && p.w.format != format.F32:
			b.reserve(panelRows(k) * k)
			if b.wantsNumbers(p) {
				p.x = b.activations.numbers
			}
		case p.way == integerPanels:
			for i := range b.scratch {
				b.scratch[i].panel.reserve(k)
			}
		}
	}
	if b.kernels.level != generic {
		steps /= vectorGain
	}
	t.shares = sharesPerWorker * b.pool.threads()
	b.run(t, t.shares, steps/t.shares)
}

// vectorGain is how many products, about, take as long as a step of plain Go where there
// is code with vectors.
const vectorGain = 4

// rounds says whether activations are rounded for products with w.
func (b *Backend) rounds(w *weight) bool {
	return b.integers != nil && b.integers.dot[w.format] != nil
}

// wantsNumbers says whether a product of floats is one of those that 8-bit integers stand
// for, so that it does not differ from products of less rows. With more bits it does not
// matter.
func (b *Backend) wantsNumbers(p *product) bool {
	return p.way == floatPanels && b.rounds(p.w) && b.integers.planes == 1
}

func (t *productTask) run(worker, from, to int) {
	for i := range t.products {
		p := &t.products[i]
		lo, hi := t.cut(p, from), t.cut(p, to)
		if lo == hi {
			continue
		}
		t.rowsOf(p, worker, lo, hi)
		if p.bias == nil {
			continue
		}
		for r := range t.rows {
			y := p.y[r*p.w.rows:][lo:hi]
			t.kernels.add(y, y, p.bias[lo:hi], 0)
		}
	}
	if t.finish != nil {
		lo, hi := t.cut(&t.products[0], from), t.cut(&t.products[0], to)
		if lo < hi {
			t.finish(t, lo, hi)
		}
	}
}

// cut is the row of p's weight at which share i of the pass begins, a multiple of what the
// inner loops like to have together.
func (t *productTask) cut(p *product, i int) int {
	at := t.cost*i/t.shares - p.begin
	switch {
	case at <= 0:
		return 0
	case at >= p.end-p.begin:
		return p.w.rows
	}
	row := int(float64(p.w.rows) * float64(at) / float64(p.end-p.begin))
	return row / blockPanel * blockPanel
}

// rowsOf does rows [from, to) of one weight.
func (t *productTask) rowsOf(p *product, worker, from, to int) {
	switch p.way {
	case floatRows, integerRows:
		t.runRows(p, worker, from, to)
	case floatPanels:
		t.runPanels(p, worker, from, to)
	case integerPanels:
		t.runIntegers(p, worker, from, to)
	}
}

// callBytes is how much a call of an inner loop reads at most, about: nothing can
// interrupt it, and the garbage collector may have to wait for it.
const callBytes = 1 << 17

// runRows takes rows of w with single rows of x.
func (t *productTask) runRows(p *product, worker, from, to int) {
	w, buf, step := p.w, &t.scratch[worker].chunk, max(callBytes/p.w.rowBytes/4*4, 4)
	x := &t.scratch[worker].row
	for n := from; n < to; n += step {
		end := min(n+step, to)
		packed := w.packed[n*w.rowBytes : end*w.rowBytes]
		if p.way == floatRows {
			t.kernels.dotRows[w.format](p.y[n:end], packed, p.x, buf)
			continue
		}
		for r := range t.rows {
			*x = t.activations.row(r)
			t.integers.dot[w.format](p.y[r*w.rows:][n:end], packed, x)
		}
	}
}

// panelRows is how many unpacked rows of k columns a worker keeps at a time: few enough to
// stay in its second-level cache, many enough that x is not read too often.
func panelRows(k int) int {
	const floats = 1 << 16
	return min(max(floats/k/4*4, 4), 64)
}

func (t *productTask) runPanels(p *product, worker, from, to int) {
	w := p.w
	k, step := w.cols, panelRows(w.cols)
	for n := from; n < to; n += step {
		end := min(n+step, to)
		packed := w.packed[n*w.rowBytes : end*w.rowBytes]
		var rows []float32
		if w.format == format.F32 {
			rows = asFloats(packed)
		} else {
			rows = t.scratch[worker].floats[:(end-n)*k]
			t.kernels.unpack[w.format](rows, packed)
		}
		t.kernels.panel(p.y[n:], w.rows, p.x, rows, k)
	}
}

func (t *productTask) runIntegers(p *product, worker, from, to int) {
	w := p.w
	multiply, panel := t.integers.panel[w.format], &t.scratch[worker].panel
	for n := from; n < to; n += blockPanel {
		end := min(n+blockPanel, to)
		packed := w.packed[n*w.rowBytes : end*w.rowBytes]
		multiply(p.y[n:], w.rows, packed, w.format, &t.activations, panel)
	}
}
