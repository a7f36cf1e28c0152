package cpu

import "github.com/potion-engine/potion/engine"

// TopK moves 4*V bytes a row. A row's k best so far are kept in the row of vals and cols
// as a heap with the worst at the root, so that most numbers cost one comparison. NaN
// counts as less than every number.
func (b *Backend) TopK(vals, cols, x engine.Tensor) {
	engine.CheckTopK(vals, cols, x)
	if cols.I32() == nil {
		wrong("TopK", "cols holds no int32 in this computer's memory")
	}
	b.topK = topKTask{
		vals: f32("TopK", "vals", vals), cols: cols.I32(), x: f32("TopK", "x", x),
		k: vals.Cols(), width: x.Cols(), above: b.kernels.above,
	}
	b.run(&b.topK, x.Rows(), 2*x.Cols())
}

// topKTask is the arguments of TopK; an item is a row.
type topKTask struct {
	vals     []float32
	cols     []int32
	x        []float32
	k, width int
	above    func(x []float32, bound float32) int
}

func (s *topKTask) run(_, from, to int) {
	for r := from; r < to; r++ {
		h := heap{s.vals[r*s.k : (r+1)*s.k], s.cols[r*s.k : (r+1)*s.k]}
		h.greatest(s.x[r*s.width:(r+1)*s.width], s.above)
	}
}

// heap is numbers with their columns; each entry is worse than, or the same as, the two
// below it.
type heap struct {
	vals []float32
	cols []int32
}

// greatest fills the heap's memory with the len(h.vals) best of x, best first.
func (h heap) greatest(x []float32, above func(x []float32, bound float32) int) {
	k := len(h.vals)
	for i := range h.vals {
		h.vals[i], h.cols[i] = x[i], int32(i)
	}
	for i := k/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
	for i := k; i < len(x); i++ {
		// A later column has to be greater; only a NaN at the root gives way to any number.
		if h.vals[0] == h.vals[0] {
			i += above(x[i:], h.vals[0])
		}
		if i < len(x) && (x[i] == x[i]) {
			h.vals[0], h.cols[0] = x[i], int32(i)
			h.sink(0)
		}
	}
	for n := k - 1; n > 0; n-- {
		h.swap(0, n)
		heap{h.vals[:n], h.cols[:n]}.sink(0)
	}
}

// above looks for the next number that enters a heap, which most do not.
func above(x []float32, bound float32) int {
	for i, v := range x {
		if v > bound {
			return i
		}
	}
	return len(x)
}

// sink moves entry i down to where it belongs.
func (h heap) sink(i int) {
	for {
		worst := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h.vals); c++ {
			if h.worse(c, worst) {
				worst = c
			}
		}
		if worst == i {
			return
		}
		h.swap(i, worst)
		i = worst
	}
}

// worse says whether entry i comes after entry j in the result.
func (h heap) worse(i, j int) bool {
	a, b := h.vals[i], h.vals[j]
	switch {
	case a < b || a != a && b == b:
		return true
	case a > b || b != b && a == a:
		return false
	}
	return h.cols[i] > h.cols[j]
}

func (h heap) swap(i, j int) {
	h.vals[i], h.vals[j] = h.vals[j], h.vals[i]
	h.cols[i], h.cols[j] = h.cols[j], h.cols[i]
}
