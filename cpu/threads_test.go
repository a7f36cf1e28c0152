package cpu

import (
	"fmt"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
)

// The tests in this file hold the promise that results depend neither on the number of
// threads nor on how many rows go through an operation together.

func mustWeight(t testing.TB, b *Backend, f format.Format, rows, cols int, packed []byte) engine.Weight {
	t.Helper()
	w, err := b.NewWeight(f, rows, cols, packed)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustTensor(t testing.TB, b *Backend, shape ...int) engine.Tensor {
	t.Helper()
	x, err := b.NewTensor(engine.Float32, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestLinearGivesTheSameBits(t *testing.T) {
	t.Parallel()
	for l := generic; l <= bestLevel(); l++ {
		for _, a := range []Activations{Float32, Int16, Int8} {
			t.Run(fmt.Sprintf("%v activations=%d", l, a), func(t *testing.T) {
				t.Parallel()
				for _, f := range format.All() {
					testLinearBits(t, l, a, f)
				}
			})
		}
	}
}

func testLinearBits(t *testing.T, l level, a Activations, f format.Format) {
	const rows, n, k = 5, 203, 512
	r := seeded(20)
	packed, _ := pack(r, f, n, k)
	x := engine.FromRows(numbers(r, rows*k), rows, k)
	bias := engine.FromRows(numbers(r, n), 1, n)
	var single, want []float32
	for _, threads := range []int{1, 2, 3, 7} {
		b := newAt(l, Options{Threads: threads, Activations: a})
		defer b.Close()
		y, w := mustTensor(t, b, rows, n), mustWeight(t, b, f, n, k, packed)
		for i := range rows {
			b.Linear(y.Part(i, i+1), x.Part(i, i+1), w, bias)
		}
		if single == nil {
			single = slices.Clone(y.F32())
		}
		if !slices.Equal(y.F32(), single) {
			t.Errorf("%v, %d threads: single rows differ from those of 1 thread", f, threads)
		}
		b.Linear(y, x, w, bias)
		if want == nil {
			want = slices.Clone(y.F32())
		}
		if !slices.Equal(y.F32(), want) {
			t.Errorf("%v, %d threads: rows together differ from those of 1 thread", f, threads)
		}
	}
	if (a == Float32 || l == generic) && !slices.Equal(single, want) {
		t.Errorf("%v: %d rows together differ from one after the other", f, rows)
	}
	var difference, size float64
	for i, v := range single {
		d := float64(v - want[i])
		difference += d * d
		size += float64(v) * float64(v)
	}
	limit, why := backendtest.Limit("Linear", f, a == Int8)
	if a == Int16 {
		limit, why = int16Limit, "what rounding to 15 bits may cost"
	}
	if difference > limit*size {
		t.Errorf("%v: %d rows together differ from one after the other, NMSE %g, limit %g: %s", f, rows, difference/size, limit, why)
	}
}

// conversation is a step whose rows belong to two sequences with pages in odd order.
func conversation(first, second int) *engine.Step {
	s := &engine.Step{Pages: [][]int32{{4, 0, 2, 6}, {5, 1, 3, 7}}}
	for seq, n := range []int{first, second} {
		for i := range n {
			s.IDs = append(s.IDs, 0)
			s.Pos = append(s.Pos, int32(i))
			s.Seq = append(s.Seq, int32(seq))
		}
	}
	return s
}

// rowOf is a step of row t of s alone.
func rowOf(s *engine.Step, t int) *engine.Step {
	return &engine.Step{IDs: s.IDs[t : t+1], Pos: s.Pos[t : t+1], Seq: s.Seq[t : t+1], Pages: s.Pages}
}

func TestAttendGivesTheSameBits(t *testing.T) {
	t.Parallel()
	const heads, groups, d = 6, 2, 32
	step := conversation(67, 101)
	rows := step.T()
	for _, f := range []format.Format{format.F32, format.F16, format.Q8_0} {
		for _, window := range []int{0, 33} {
			spec := &engine.AttendSpec{Heads: heads, Scale: 0.2, Window: window, SoftCap: 5}
			var want []float32
			for _, threads := range []int{1, 2, 3, 7} {
				b := newBackend(t, Options{Threads: threads})
				kv, err := b.NewKV(engine.KVSpec{Pages: 8, Heads: groups, HeadDim: d, Format: f})
				if err != nil {
					t.Fatal(err)
				}
				r := seeded(21)
				k := engine.FromRows(numbers(r, rows*groups*d), rows, groups*d)
				v := engine.FromRows(numbers(r, rows*groups*d), rows, groups*d)
				q := engine.FromRows(numbers(r, rows*heads*d), rows, heads*d)
				b.Store(kv, k, v, step)
				y := mustTensor(t, b, rows, heads*d)
				if want == nil {
					for i := range rows {
						b.Attend(y.Part(i, i+1), q.Part(i, i+1), kv, rowOf(step, i), spec)
					}
					want = slices.Clone(y.F32())
				}
				b.Attend(y, q, kv, step, spec)
				if !slices.Equal(y.F32(), want) {
					t.Errorf("%v, window %d, %d threads: all rows together differ from one after the other", f, window, threads)
				}
			}
		}
	}
}

// A token's worth of operations allocates nothing once the scratch memory is there.
func TestStepAllocatesNothing(t *testing.T) {
	for _, a := range []Activations{Float32, Int16, Int8} {
		for _, rows := range []int{1, 9} {
			t.Run(fmt.Sprintf("activations=%d,rows=%d", a, rows), func(t *testing.T) {
				b := newBackend(t, Options{Threads: 2, Activations: a})
				run := tokenStep(t, b, rows)
				run()
				if n := testing.AllocsPerRun(20, run); n != 0 {
					t.Errorf("%v allocations a step", n)
				}
			})
		}
	}
}

// tokenStep is all operations once, as a model calls them.
func tokenStep(t *testing.T, b *Backend, rows int) func() {
	const c, heads, groups, d, vocab = 256, 4, 2, 64, 400
	const odd = 96 // not a multiple of what loops take at once
	r := seeded(22)
	step := conversation(rows, 0)
	tensor := func(cols int) engine.Tensor { return mustTensor(t, b, rows, cols) }
	weight := func(f format.Format, n, k int) engine.Weight {
		packed, _ := pack(r, f, n, k)
		return mustWeight(t, b, f, n, k, packed)
	}
	kv, err := b.NewKV(engine.KVSpec{Pages: 8, Heads: groups, HeadDim: d, Format: format.F16})
	if err != nil {
		t.Fatal(err)
	}
	cols, err := b.NewTensor(engine.Int32, rows, 5)
	if err != nil {
		t.Fatal(err)
	}
	x, h, q, k, v := tensor(c), tensor(c), tensor(heads*d), tensor(groups*d), tensor(groups*d)
	narrow, narrow2, wodd := tensor(odd), tensor(odd), weight(format.Q4_1, odd, odd)
	logits, vals := tensor(vocab), tensor(5)
	gain := engine.FromRows(numbers(r, c), 1, c)
	gain64 := engine.FromRows(numbers(r, d), 1, d)
	freq := engine.FromRows([]float32{1, 0.1, 0.01}, 1, 3)
	table, wq, wk, out := weight(format.Q4_K, vocab, c), weight(format.Q8_0, heads*d, c), weight(format.Q6_K, groups*d, c), weight(format.F32, vocab, c)
	rope := &engine.RopeSpec{HeadDim: d, InvFreq: freq, Scale: 1}
	norm, scratch := &engine.Norm{Gain: gain, Eps: 1e-5}, &engine.Scratch{Row: tensor(c), Gate: tensor(c)}
	to := []engine.Projection{{Y: q, W: wq}, {Y: k, W: wk}, {Y: v, W: wk}}
	gate := &engine.GateSpec{Gate: wq, Up: wq}
	roped := &engine.RopeStoreSpec{QNorm: gain64, KNorm: gain64, Rope: rope}
	spec := &engine.AttendSpec{Heads: heads, Scale: 0.1}
	last := []int32{int32(rows - 1)}
	return func() {
		b.Embed(x, step, engine.ByID, table, 2)
		b.LayerNorm(h, x, gain, gain, 1e-5)
		b.RMSNorm(h, x, gain, 1e-5)
		b.Linear(q, h, wq, engine.Tensor{})
		b.Linear(k, h, wk, engine.Tensor{})
		b.Linear(v, h, wk, engine.Tensor{})
		b.Rope(q, step, rope)
		b.Rope(k, step, rope)
		b.Store(kv, k, v, step)
		b.Attend(h, q, kv, step, spec)
		b.Residual(x, x, h)
		b.GELU(h, x)
		b.SwiGLU(h, x, h)
		b.GeGLU(h, x, h)
		b.Linear(logits, h, out, engine.Tensor{})
		b.SoftCap(logits, logits, 30)
		b.Softmax(logits, logits)
		b.TopK(vals, cols, logits)
		b.Gather(h.Part(0, 1), x, last)

		b.Project(x, norm, to, scratch)
		b.RopeStore(kv, q, k, v, step, roped)
		b.Gate(h, x, norm, gate, scratch)
		b.Accumulate(x, h, wq, gain, norm, scratch)
		b.Linear(narrow, narrow2, wodd, engine.Tensor{})
	}
}
