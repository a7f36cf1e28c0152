package engine

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine/format"
)

// The checks below are the first line of every operation of every backend, so that a
// wrong call fails in the same words everywhere. They allocate nothing unless they fail.

func bad(op, form string, args ...any) {
	panic("engine: " + op + ": " + fmt.Sprintf(form, args...))
}

func checkShape(op, name string, t Tensor, rows, cols int) {
	if t.IsZero() {
		bad(op, "%s is missing, want [%d %d]", name, rows, cols)
	}
	if t.rows != rows || t.cols != cols {
		bad(op, "%s is [%d %d], want [%d %d]", name, t.rows, t.cols, rows, cols)
	}
}

func checkFloat(op, name string, t Tensor) {
	if t.IsZero() {
		bad(op, "%s is missing", name)
	}
	if t.Dtype() != tensor.Float32 {
		bad(op, "%s holds %v, want float32", name, t.Dtype())
	}
}

// checkSame checks that b is a float32 tensor of the same shape as a.
func checkSame(op, nameA string, a Tensor, nameB string, b Tensor) {
	checkFloat(op, nameA, a)
	checkFloat(op, nameB, b)
	if a.rows != b.rows || a.cols != b.cols {
		bad(op, "%s is [%d %d], %s is [%d %d]; they must agree", nameA, a.rows, a.cols, nameB, b.rows, b.cols)
	}
}

// CheckStep checks a step by itself.
func CheckStep(op string, s *Step) {
	t := s.T()
	if t == 0 {
		bad(op, "the step has no rows")
	}
	if len(s.Pos) != t || len(s.Seq) != t {
		bad(op, "the step has %d ids, %d positions, %d sequences; they must agree", t, len(s.Pos), len(s.Seq))
	}
	for i := range t {
		if s.Seq[i] < 0 || int(s.Seq[i]) >= len(s.Pages) {
			bad(op, "row %d belongs to sequence %d of %d", i, s.Seq[i], len(s.Pages))
		}
		if s.Pos[i] < 0 {
			bad(op, "row %d has position %d", i, s.Pos[i])
		}
	}
}

// checkPages checks that the step's page tables reach as far as its rows and stay
// within the cache.
func checkPages(op string, s *Step, kv KV) {
	CheckStep(op, s)
	pages := int32(kv.Spec().Pages)
	for i := range s.T() {
		table := s.Pages[s.Seq[i]]
		n := int(s.Pos[i])/PageLen + 1
		if n > len(table) {
			bad(op, "row %d at position %d needs %d pages, its sequence has %d", i, s.Pos[i], n, len(table))
		}
		// The row before has vouched for the pages they share.
		first := 0
		if i > 0 && s.Seq[i] == s.Seq[i-1] && s.Pos[i] >= s.Pos[i-1] {
			first = int(s.Pos[i-1])/PageLen + 1
		}
		for j := first; j < n; j++ {
			if p := table[j]; p < 0 || p >= pages {
				bad(op, "row %d: page %d of %d", i, p, pages)
			}
		}
	}
}

// CheckEmbed checks the arguments of Embed.
func CheckEmbed(y Tensor, step *Step, by Index, table Weight) {
	checkEmbed("Embed", y, step, by, table)
}

func checkEmbed(op string, y Tensor, step *Step, by Index, table Weight) {
	CheckStep(op, step)
	checkFloat(op, "y", y)
	checkShape(op, "y", y, step.T(), table.Cols())
	for i, id := range by.Of(step) {
		if id < 0 || int(id) >= table.Rows() {
			bad(op, "row %d asks for row %d of a table of %d", i, id, table.Rows())
		}
	}
}

// CheckNorm checks the arguments of LayerNorm and RMSNorm.
func CheckNorm(op string, y, x, gain, bias Tensor) {
	checkSame(op, "y", y, "x", x)
	checkFloat(op, "gain", gain)
	checkShape(op, "gain", gain, 1, x.cols)
	if !bias.IsZero() {
		checkFloat(op, "bias", bias)
		checkShape(op, "bias", bias, 1, x.cols)
	}
}

// CheckLinear checks the arguments of Linear.
func CheckLinear(y, x Tensor, w Weight, bias Tensor) { checkLinear("Linear", y, x, w, bias) }

func checkLinear(op string, y, x Tensor, w Weight, bias Tensor) {
	checkFloat(op, "y", y)
	checkFloat(op, "x", x)
	checkShape(op, "x", x, y.rows, w.Cols())
	checkShape(op, "y", y, x.rows, w.Rows())
	if !bias.IsZero() {
		checkFloat(op, "bias", bias)
		checkShape(op, "bias", bias, 1, w.Rows())
	}
}

// CheckRope checks the arguments of Rope.
func CheckRope(x Tensor, step *Step, spec *RopeSpec) {
	const op = "Rope"
	CheckStep(op, step)
	checkHeads(op, "x", x, step.T(), spec.HeadDim)
	checkRopeSpec(op, spec)
}

// checkHeads checks that x is rows of heads of dim numbers.
func checkHeads(op, name string, x Tensor, rows, dim int) {
	checkFloat(op, name, x)
	if dim <= 0 || x.rows != rows || x.cols%dim != 0 {
		bad(op, "%s is [%d %d], want %d rows of heads of %d", name, x.rows, x.cols, rows, dim)
	}
}

func checkRopeSpec(op string, spec *RopeSpec) {
	checkFloat(op, "InvFreq", spec.InvFreq)
	if n := spec.InvFreq.cols; spec.InvFreq.rows != 1 || 2*n > spec.HeadDim {
		bad(op, "InvFreq is [%d %d], want [1 n] with n at most %d", spec.InvFreq.rows, n, spec.HeadDim/2)
	}
}

// CheckStore checks the arguments of Store.
func CheckStore(kv KV, k, v Tensor, step *Step) { checkStore("Store", kv, k, v, step) }

func checkStore(op string, kv KV, k, v Tensor, step *Step) {
	checkPages(op, step, kv)
	spec := kv.Spec()
	checkSame(op, "k", k, "v", v)
	checkShape(op, "k", k, step.T(), spec.Heads*spec.HeadDim)
}

// CheckAttend checks the arguments of Attend.
func CheckAttend(y, q Tensor, kv KV, step *Step, spec *AttendSpec) {
	const op = "Attend"
	checkPages(op, step, kv)
	s := kv.Spec()
	if spec.Heads <= 0 || spec.Heads%s.Heads != 0 {
		bad(op, "%d heads do not share %d key/value heads evenly", spec.Heads, s.Heads)
	}
	checkSame(op, "y", y, "q", q)
	checkShape(op, "q", q, step.T(), spec.Heads*s.HeadDim)
	if spec.Window < 0 || spec.SoftCap < 0 {
		bad(op, "window %d, soft cap %v: neither may be negative", spec.Window, spec.SoftCap)
	}
	if spec.Weights.IsZero() {
		if len(spec.WeightRows) > 0 {
			bad(op, "WeightRows without Weights")
		}
		return
	}
	checkFloat(op, "Weights", spec.Weights)
	if spec.Weights.rows != len(spec.WeightRows)*spec.Heads {
		bad(op, "Weights has %d rows, want %d rows of %d heads", spec.Weights.rows, len(spec.WeightRows), spec.Heads)
	}
	for _, r := range spec.WeightRows {
		if r < 0 || int(r) >= step.T() {
			bad(op, "WeightRows asks for row %d of %d", r, step.T())
		}
		if int(step.Pos[r]) >= spec.Weights.cols {
			bad(op, "Weights has %d columns, row %d sees %d positions", spec.Weights.cols, r, step.Pos[r]+1)
		}
	}
}

// CheckSame checks the arguments of the element-wise operations and Softmax.
func CheckSame(op string, y Tensor, xs ...Tensor) {
	for _, x := range xs {
		checkSame(op, "y", y, "x", x)
	}
}

// CheckTopK checks the arguments of TopK.
func CheckTopK(vals, cols, x Tensor) {
	const op = "TopK"
	checkFloat(op, "vals", vals)
	checkFloat(op, "x", x)
	if cols.IsZero() || cols.Dtype() != tensor.Int32 {
		bad(op, "cols must hold int32")
	}
	if vals.cols < 1 || vals.cols > x.cols {
		bad(op, "the %d greatest of %d", vals.cols, x.cols)
	}
	checkShape(op, "vals", vals, x.rows, vals.cols)
	checkShape(op, "cols", cols, x.rows, vals.cols)
}

// CheckGather checks the arguments of Gather.
func CheckGather(y, x Tensor, rows []int32) {
	const op = "Gather"
	checkFloat(op, "y", y)
	checkFloat(op, "x", x)
	checkShape(op, "y", y, len(rows), x.cols)
	for _, r := range rows {
		if r < 0 || int(r) >= x.rows {
			bad(op, "row %d of %d", r, x.rows)
		}
	}
}

// CheckWeight says what is wrong with the arguments of NewWeight, or nil.
func CheckWeight(f format.Format, rows, cols int, packed []byte) error {
	if err := f.CheckCols(cols); err != nil {
		return err
	}
	if rows <= 0 {
		return fmt.Errorf("a weight of %d rows", rows)
	}
	// Divided, not multiplied: the sizes may come from a hostile file, and a product that
	// overflows could be any number.
	if n := len(packed); n%rows != 0 || n/rows != f.RowBytes(cols) {
		want := float64(rows) * float64(f.RowBytes(cols))
		return fmt.Errorf("%d bytes for a %v weight of [%d %d], want %.0f", n, f, rows, cols, want)
	}
	return nil
}
