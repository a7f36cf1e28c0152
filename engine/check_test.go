package engine

import (
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

// plannedWeight and plannedKV have a shape and nothing else.

type plannedWeight struct{ rows, cols int }

func (w plannedWeight) Format() format.Format { return format.F32 }
func (w plannedWeight) Rows() int             { return w.rows }
func (w plannedWeight) Cols() int             { return w.cols }
func (w plannedWeight) Bytes() int64          { return 0 }
func (w plannedWeight) Free()                 {}

type plannedKV struct{ spec KVSpec }

func (k plannedKV) Spec() KVSpec      { return k.spec }
func (k plannedKV) CopyPage(int, int) {}
func (k plannedKV) Free()             {}

// of is a float32 tensor [rows, cols], ints one of int32.
func of(rows, cols int) Tensor { return ramp(rows, cols) }

func ints(rows, cols int) Tensor {
	x, err := Wrap(dense(Int32, rows, cols))
	if err != nil {
		panic(err)
	}
	return x
}

// twoRows is a step of the rows at positions 30 and 32 of sequences 0 and 1.
func twoRows() *Step {
	return &Step{
		IDs: []int32{3, 4}, Pos: []int32{30, 32}, Seq: []int32{0, 1},
		Pages: [][]int32{{2}, {0, 1}},
	}
}

// with is twoRows after a change.
func with(change func(*Step)) *Step {
	s := twoRows()
	change(s)
	return s
}

var smallKV = plannedKV{KVSpec{Pages: 3, Heads: 2, HeadDim: 4, Format: format.F32}}

// Every wrong call fails in these very words, on every backend; "" is a right call.
func TestCheckMessages(t *testing.T) {
	t.Parallel()
	none := Tensor{}
	for _, c := range []struct {
		do   func()
		want string
	}{
		{func() { CheckStep("Rope", twoRows()) }, ""},
		{func() { CheckStep("Rope", &Step{}) }, "engine: Rope: the step has no rows"},
		{func() { CheckStep("Rope", with(func(s *Step) { s.Pos = s.Pos[:1] })) }, "engine: Rope: the step has 2 ids, 1 positions, 2 sequences; they must agree"},
		{func() { CheckStep("Rope", with(func(s *Step) { s.Seq[1] = 2 })) }, "engine: Rope: row 1 belongs to sequence 2 of 2"},
		{func() { CheckStep("Rope", with(func(s *Step) { s.Seq[0] = -1 })) }, "engine: Rope: row 0 belongs to sequence -1 of 2"},
		{func() { CheckStep("Rope", with(func(s *Step) { s.Pos[0] = -5 })) }, "engine: Rope: row 0 has position -5"},

		{func() { CheckEmbed(of(2, 6), twoRows(), ByID, plannedWeight{5, 6}) }, ""},
		{func() { CheckEmbed(of(2, 6), twoRows(), ByID, plannedWeight{4, 6}) }, "engine: Embed: row 1 asks for row 4 of a table of 4"},
		{func() { CheckEmbed(of(2, 6), twoRows(), ByPos, plannedWeight{5, 6}) }, "engine: Embed: row 0 asks for row 30 of a table of 5"},
		{func() { CheckEmbed(of(2, 5), twoRows(), ByID, plannedWeight{5, 6}) }, "engine: Embed: y is [2 5], want [2 6]"},
		{func() { CheckEmbed(none, twoRows(), ByID, plannedWeight{5, 6}) }, "engine: Embed: y is missing"},
		{func() { CheckEmbed(of(2, 6), with(func(s *Step) { s.IDs[0] = -1 }), ByID, plannedWeight{5, 6}) }, "engine: Embed: row 0 asks for row -1 of a table of 5"},

		{func() { CheckNorm("RMSNorm", of(2, 6), of(2, 6), of(1, 6), none) }, ""},
		{func() { CheckNorm("LayerNorm", of(2, 6), of(2, 6), of(1, 6), of(1, 6)) }, ""},
		{func() { CheckNorm("RMSNorm", of(2, 6), of(2, 6), of(1, 5), none) }, "engine: RMSNorm: gain is [1 5], want [1 6]"},
		{func() { CheckNorm("RMSNorm", of(2, 6), of(2, 6), none, none) }, "engine: RMSNorm: gain is missing"},
		{func() { CheckNorm("LayerNorm", of(2, 6), of(2, 6), of(1, 6), of(2, 3)) }, "engine: LayerNorm: bias is [2 3], want [1 6]"},
		{func() { CheckNorm("RMSNorm", of(2, 6), of(3, 6), of(1, 6), none) }, "engine: RMSNorm: y is [2 6], x is [3 6]; they must agree"},

		{func() { CheckLinear(of(2, 7), of(2, 6), plannedWeight{7, 6}, none) }, ""},
		{func() { CheckLinear(of(2, 7), of(2, 6), plannedWeight{7, 6}, of(1, 7)) }, ""},
		{func() { CheckLinear(of(2, 7), of(2, 5), plannedWeight{7, 6}, none) }, "engine: Linear: x is [2 5], want [2 6]"},
		{func() { CheckLinear(of(2, 6), of(2, 6), plannedWeight{7, 6}, none) }, "engine: Linear: y is [2 6], want [2 7]"},
		{func() { CheckLinear(of(1, 7), of(2, 6), plannedWeight{7, 6}, none) }, "engine: Linear: x is [2 6], want [1 6]"},
		{func() { CheckLinear(of(2, 7), ints(2, 6), plannedWeight{7, 6}, none) }, "engine: Linear: x holds int32, want float32"},
		{func() { CheckLinear(of(2, 7), of(2, 6), plannedWeight{7, 6}, of(7, 1)) }, "engine: Linear: bias is [7 1], want [1 7]"},

		{func() { CheckRope(of(2, 8), twoRows(), &RopeSpec{HeadDim: 4, InvFreq: of(1, 2)}) }, ""},
		{func() { CheckRope(of(2, 8), twoRows(), &RopeSpec{HeadDim: 3, InvFreq: of(1, 1)}) }, "engine: Rope: x is [2 8], want 2 rows of heads of 3"},
		{func() { CheckRope(of(3, 8), twoRows(), &RopeSpec{HeadDim: 4, InvFreq: of(1, 2)}) }, "engine: Rope: x is [3 8], want 2 rows of heads of 4"},
		{func() { CheckRope(of(2, 8), twoRows(), &RopeSpec{HeadDim: 0, InvFreq: of(1, 2)}) }, "engine: Rope: x is [2 8], want 2 rows of heads of 0"},
		{func() { CheckRope(of(2, 8), twoRows(), &RopeSpec{HeadDim: 4, InvFreq: of(1, 3)}) }, "engine: Rope: InvFreq is [1 3], want [1 n] with n at most 2"},
		{func() { CheckRope(of(2, 8), twoRows(), &RopeSpec{HeadDim: 4}) }, "engine: Rope: InvFreq is missing"},

		{func() { CheckStore(smallKV, of(2, 8), of(2, 8), twoRows()) }, ""},
		{func() { CheckStore(smallKV, of(2, 8), of(2, 4), twoRows()) }, "engine: Store: k is [2 8], v is [2 4]; they must agree"},
		{func() { CheckStore(smallKV, of(2, 4), of(2, 4), twoRows()) }, "engine: Store: k is [2 4], want [2 8]"},
		{func() { CheckStore(smallKV, of(2, 8), of(2, 8), with(func(s *Step) { s.Pages[1] = []int32{0} })) }, "engine: Store: row 1 at position 32 needs 2 pages, its sequence has 1"},
		{func() { CheckStore(smallKV, of(2, 8), of(2, 8), with(func(s *Step) { s.Pages[1][1] = 3 })) }, "engine: Store: row 1: page 3 of 3"},
		{func() { CheckStore(smallKV, of(2, 8), of(2, 8), with(func(s *Step) { s.Pages[0][0] = -1 })) }, "engine: Store: row 0: page -1 of 3"},
		// The second row of a sequence is checked where the first has not looked.
		{func() {
			CheckStore(smallKV, of(2, 8), of(2, 8), with(func(s *Step) { s.Seq[1], s.Pages[0] = 0, []int32{2, 7} }))
		}, "engine: Store: row 1: page 7 of 3"},

		{func() { CheckSame("GELU", of(2, 3), of(2, 3)) }, ""},
		{func() { CheckSame("Residual", of(2, 3), of(2, 3), of(3, 2)) }, "engine: Residual: y is [2 3], x is [3 2]; they must agree"},
		{func() { CheckSame("GELU", ints(2, 3), of(2, 3)) }, "engine: GELU: y holds int32, want float32"},
		{func() { CheckSame("GELU", of(2, 3), none) }, "engine: GELU: x is missing"},

		{func() { CheckTopK(of(2, 3), ints(2, 3), of(2, 9)) }, ""},
		{func() { CheckTopK(of(2, 3), of(2, 3), of(2, 9)) }, "engine: TopK: cols must hold int32"},
		{func() { CheckTopK(of(2, 3), none, of(2, 9)) }, "engine: TopK: cols must hold int32"},
		{func() { CheckTopK(of(2, 9), ints(2, 9), of(2, 8)) }, "engine: TopK: the 9 greatest of 8"},
		{func() { CheckTopK(of(1, 3), ints(2, 3), of(2, 9)) }, "engine: TopK: vals is [1 3], want [2 3]"},
		{func() { CheckTopK(of(2, 3), ints(2, 4), of(2, 9)) }, "engine: TopK: cols is [2 4], want [2 3]"},

		{func() { CheckGather(of(2, 5), of(3, 5), []int32{2, 2}) }, ""},
		{func() { CheckGather(of(2, 5), of(3, 5), []int32{0, 3}) }, "engine: Gather: row 3 of 3"},
		{func() { CheckGather(of(2, 5), of(3, 5), []int32{-1, 0}) }, "engine: Gather: row -1 of 3"},
		{func() { CheckGather(of(2, 5), of(3, 5), []int32{1}) }, "engine: Gather: y is [2 5], want [1 5]"},
		{func() { CheckGather(of(2, 4), of(3, 5), []int32{1, 0}) }, "engine: Gather: y is [2 4], want [2 5]"},
	} {
		if got := panicText(c.do); got != c.want {
			t.Errorf("panicked with %q, want %q", got, c.want)
		}
	}
}

func TestCheckAttend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		y, q Tensor
		step *Step
		spec AttendSpec
		want string
	}{
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4}, ""},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4, Window: 3, SoftCap: 2, Weights: of(4, 33), WeightRows: []int32{1}}, ""},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 3}, "engine: Attend: 3 heads do not share 2 key/value heads evenly"},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{}, "engine: Attend: 0 heads do not share 2 key/value heads evenly"},
		{of(2, 16), of(2, 8), twoRows(), AttendSpec{Heads: 4}, "engine: Attend: y is [2 16], q is [2 8]; they must agree"},
		{of(2, 8), of(2, 8), twoRows(), AttendSpec{Heads: 4}, "engine: Attend: q is [2 8], want [2 16]"},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4, Window: -1}, "engine: Attend: window -1, soft cap 0: neither may be negative"},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4, SoftCap: -2}, "engine: Attend: window 0, soft cap -2: neither may be negative"},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4, WeightRows: []int32{0}}, "engine: Attend: WeightRows without Weights"},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4, Weights: of(3, 33), WeightRows: []int32{1}}, "engine: Attend: Weights has 3 rows, want 1 rows of 4 heads"},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4, Weights: of(4, 33), WeightRows: []int32{2}}, "engine: Attend: WeightRows asks for row 2 of 2"},
		{of(2, 16), of(2, 16), twoRows(), AttendSpec{Heads: 4, Weights: of(4, 32), WeightRows: []int32{1}}, "engine: Attend: Weights has 32 columns, row 1 sees 33 positions"},
		{of(2, 16), of(2, 16), with(func(s *Step) { s.Pages[1] = nil }), AttendSpec{Heads: 4}, "engine: Attend: row 1 at position 32 needs 2 pages, its sequence has 0"},
	} {
		if got := panicText(func() { CheckAttend(c.y, c.q, smallKV, c.step, &c.spec) }); got != c.want {
			t.Errorf("panicked with %q, want %q", got, c.want)
		}
	}
}

func TestCheckWeight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f          format.Format
		rows, cols int
		bytes      int
		want       string
	}{
		{f: format.Q4_0, rows: 3, cols: 64, bytes: 3 * 36},
		{f: format.Q4_0, rows: 3, cols: 65, bytes: 3 * 36, want: "rows of 65 numbers cannot be packed as Q4_0: its blocks hold 32 numbers"},
		{f: format.Q4_0, rows: 3, cols: 64, bytes: 107, want: "107 bytes for a Q4_0 weight of [3 64], want 108"},
		{f: format.F32, rows: 1 << 62, cols: 4, want: "0 bytes for a F32 weight of [4611686018427387904 4], want 73786976294838206464"},
		{f: format.F32, rows: 1, cols: 1 << 62, want: "rows of 4611686018427387904 numbers cannot be packed as F32: too many bytes for this machine"},
		{f: format.F16, rows: 0, cols: 64, want: "a weight of 0 rows"},
		{f: format.F16, rows: -1, cols: 64, want: "a weight of -1 rows"},
		{f: format.Invalid, rows: 1, cols: 64, want: "Format(0) is not a weight format"},
	} {
		err := CheckWeight(c.f, c.rows, c.cols, make([]byte, c.bytes))
		if got := errorText(err); got != c.want {
			t.Errorf("%v [%d %d] of %d bytes: %q, want %q", c.f, c.rows, c.cols, c.bytes, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The checks run at every operation of every token.
func TestChecksAllocateNothing(t *testing.T) { // counts allocations, so not in parallel
	var kv KV = smallKV
	var w Weight = plannedWeight{7, 6}
	y, x, k, step := of(2, 7), of(2, 6), of(2, 8), twoRows()
	q, spec := of(2, 16), &AttendSpec{Heads: 4}
	vals, cols := of(2, 3), ints(2, 3)
	n := testing.AllocsPerRun(100, func() {
		CheckLinear(y, x, w, Tensor{})
		CheckStore(kv, k, k, step)
		CheckAttend(q, q, kv, step, spec)
		CheckSame("Residual", x, x, x)
		CheckTopK(vals, cols, x)
		CheckEmbed(x, step, ByID, w)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
