package cpu

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
)

func newBackend(t testing.TB, o Options) *Backend {
	t.Helper()
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// Other numbers of threads give the same bits: see threads_test.go.
func TestParity(t *testing.T) {
	t.Parallel()
	for l := generic; l <= bestLevel(); l++ {
		for _, o := range []Options{{Threads: 3}, {Threads: 2, Activations: Int8}, {Threads: 2, Activations: Int16}} {
			t.Run(fmt.Sprintf("%v threads=%d activations=%d", l, o.Threads, o.Activations), func(t *testing.T) {
				t.Parallel()
				testParity(t, l, o)
			})
		}
	}
}

func testParity(t *testing.T, l level, o Options) {
	b := newAt(l, o)
	defer b.Close()
	of := backendtest.Options{
		Int8Activations: o.Activations == Int8,
		Match: func(c backendtest.Case) bool {
			if underRace && c.Flops > 1<<18 {
				return false
			}
			return o.Activations == Float32 || slices.Contains(withProducts, c.Op)
		},
	}
	backendtest.Suite(b, of, func(r backendtest.Result) {
		pass := r.Pass
		if o.Activations == Int16 && r.NMSE > 0 { // what else can be wrong comes before NMSE
			pass = r.NMSE <= int16Limit || strings.Contains(r.Case, "/1x32/") && r.NMSE <= 1e-6
		}
		if !pass {
			t.Error(r)
		}
	})
}

// withProducts is the operations in which activations may be rounded.
var withProducts = []string{"Linear", "Project", "Gate", "Accumulate"}

// int16Limit is the NMSE that rounding to 15 bits may cost. The step of a block is its
// greatest number / 16256, which is 2 to 4 times its RMS, and a rounding's variance is a
// twelfth of the step squared: 2e-10 to 2e-9, more
// where terms cancel: a single output is the worst case.
const int16Limit = 4e-8

func TestNewRefusesImpossibleThreads(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, maxThreads + 1} {
		if _, err := New(Options{Threads: n}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%d threads: %v", n, err)
		}
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Options{Threads: 3})
	i := b.Info()
	if i.Kind != "cpu" || i.Name == "" || i.Units != 3 {
		t.Errorf("Info() = %+v", i)
	}
	if runtime.GOOS == "linux" && (i.Memory < 1<<20 || i.Free <= 0 || i.Free > i.Memory) {
		t.Errorf("memory %d, free %d", i.Memory, i.Free)
	}
	if got, want := newBackend(t, Options{}).Info().Units, runtime.GOMAXPROCS(0); got != want {
		t.Errorf("by default %d threads, want %d", got, want)
	}
}

func TestTensors(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Options{Threads: 1})
	x := mustTensor(t, b, 2, 3)
	if x.Rows() != 2 || x.Cols() != 3 || slices.ContainsFunc(x.F32(), func(v float32) bool { return v != 0 }) {
		t.Errorf("NewTensor gave %v", x)
	}
	want := []float32{1, 2, 3, 4, 5, 6}
	b.Write(x, want)
	got := make([]float32, 6)
	if err := b.Read(got, x); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, %v after writing %v", got, err, want)
	}
	ids, err := b.NewTensor(engine.Int32, 4)
	if err != nil {
		t.Fatal(err)
	}
	ints := make([]int32, 4)
	if err := b.ReadInts(ints, ids); err != nil || ids.Rows() != 1 || ids.Cols() != 4 {
		t.Errorf("int32 tensor of 4: %v, %v", ids, err)
	}
	for _, shape := range [][]int{{}, {0}, {-1, 2}, {2, 0}, {1, 2, 3}, {1 << 40, 1 << 40}} {
		if _, err := b.NewTensor(engine.Float32, shape...); err == nil {
			t.Errorf("a tensor of shape %v was made", shape)
		}
	}
	if _, err := b.NewTensor(tensor.Float64, 2); err == nil {
		t.Error("a tensor of float64 was made")
	}
}

func TestNewWeightKeepsTheBytes(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Options{Threads: 1})
	packed, _ := pack(seeded(30), format.Q4_K, 3, 512)
	w := mustWeight(t, b, format.Q4_K, 3, 512, packed)
	if &w.(*weight).packed[0] != &packed[0] {
		t.Error("the bytes were copied")
	}
	if w.Format() != format.Q4_K || w.Rows() != 3 || w.Cols() != 512 || w.Bytes() != int64(len(packed)) {
		t.Errorf("weight is %v [%d %d] of %d bytes", w.Format(), w.Rows(), w.Cols(), w.Bytes())
	}
	for _, c := range []struct {
		f          format.Format
		rows, cols int
	}{{format.Q4_K, 3, 511}, {format.Q4_K, 2, 512}, {format.Invalid, 3, 512}, {200, 3, 512}, {format.Q4_K, -3, 512}} {
		if _, err := b.NewWeight(c.f, c.rows, c.cols, packed); err == nil {
			t.Errorf("%d bytes became a %v weight of [%d %d]", len(packed), c.f, c.rows, c.cols)
		}
	}
}

func TestNewKVRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Options{Threads: 1})
	for _, s := range []engine.KVSpec{
		{},
		{Pages: 1, Heads: 1, HeadDim: 33, Format: format.Q8_0},
		{Pages: 1, Heads: 1, HeadDim: 256, Format: format.Q4_K},
		{Pages: 1 << 40, Heads: 1 << 10, HeadDim: 1 << 10, Format: format.F32},
		{Pages: 1, Heads: 1 << 40, HeadDim: 1 << 20, Format: format.F16},
	} {
		if _, err := b.NewKV(s); err == nil {
			t.Errorf("a KV cache of %+v was made", s)
		}
	}
}

// Mistakes of the program panic in the words of package engine's checks.
func TestMistakesPanic(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Options{Threads: 1})
	x, y := mustTensor(t, b, 1, 32), mustTensor(t, b, 1, 32)
	packed, _ := pack(seeded(31), format.F32, 32, 32)
	freed := mustWeight(t, b, format.F32, 32, 32, packed)
	freed.Free()
	foreign, err := backendtest.NewReference().NewWeight(format.F32, 32, 32, packed)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.NewKV(engine.KVSpec{Pages: 8, Heads: 1, HeadDim: 32, Format: format.F32})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		call func()
	}{
		{"engine: Linear: the weight was freed", func() { b.Linear(y, x, freed, engine.Tensor{}) }},
		{"engine: Linear: the weight is a ", func() { b.Linear(y, x, foreign, engine.Tensor{}) }},
		{"engine: GELU: y is [1 32], x is [1 31]", func() { b.GELU(y, engine.FromRows(make([]float32, 31), 1, 31)) }},
		{"engine: Write: 3 numbers", func() { b.Write(x, make([]float32, 3)) }},
		{"engine: Read: 3 numbers", func() { b.Read(make([]float32, 3), x) }},
		{"engine: ReadInts: src holds no int32", func() { b.ReadInts(make([]int32, 32), x) }},
		{"engine: CopyPage: page 8 to 0 of 8", func() { kv.CopyPage(0, 8) }},
		{"engine: Store: the KV cache was freed", func() { kv.Free(); b.Store(kv, x, y, conversation(1, 0)) }},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, c.want) {
					t.Errorf("panic %q, want %q", got, c.want)
				}
			}()
			c.call()
		}()
	}
}

func TestWorksAfterClose(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Options{Threads: 3})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	x := engine.FromRows(numbers(seeded(32), 1<<20), 1024, 1024)
	b.Residual(x, x, x)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
}

// Explaining asks for the weights of chosen rows; a row may be asked for twice.
func TestAttendWeightsOfChosenRows(t *testing.T) {
	t.Parallel()
	const heads, d, width = 2, 32, 80
	b := newBackend(t, Options{Threads: 2})
	step := conversation(40, 70)
	rows := step.T()
	kv, err := b.NewKV(engine.KVSpec{Pages: 8, Heads: 1, HeadDim: d, Format: format.F16})
	if err != nil {
		t.Fatal(err)
	}
	r := seeded(33)
	k, v := engine.FromRows(numbers(r, rows*d), rows, d), engine.FromRows(numbers(r, rows*d), rows, d)
	q := engine.FromRows(numbers(r, rows*heads*d), rows, heads*d)
	b.Store(kv, k, v, step)
	plain, y := mustTensor(t, b, rows, heads*d), mustTensor(t, b, rows, heads*d)
	spec := &engine.AttendSpec{Heads: heads, Scale: 0.2, Window: 50}
	b.Attend(plain, q, kv, step, spec)
	spec.WeightRows = []int32{109, 3, 109}
	spec.Weights = engine.FromRows(numbers(r, 3*heads*width), 3*heads, width) // rubbish to be overwritten
	b.Attend(y, q, kv, step, spec)
	if !slices.Equal(y.F32(), plain.F32()) {
		t.Error("asking for weights changes the result")
	}
	for i, row := range spec.WeightRows {
		last := int(step.Pos[row])
		for h := range heads {
			w := spec.Weights.Row(i*heads + h)
			var sum float64
			for p, x := range w {
				sum += float64(x)
				if seen := p <= last && p > last-50; seen != (x > 0) {
					t.Fatalf("row %d at position %d, head %d: weight %v of position %d", row, last, h, x, p)
				}
			}
			if sum < 0.99999 || sum > 1.00001 {
				t.Errorf("row %d, head %d: weights add up to %v", row, h, sum)
			}
			if !slices.Equal(w, spec.Weights.Row(int(slices.Index(spec.WeightRows, row))*heads+h)) {
				t.Errorf("row %d, head %d: the two answers differ", row, h)
			}
		}
	}
}
