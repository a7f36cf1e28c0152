package backendtest

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
)

// guardLen is the least number of guard words before and behind a tensor.
const guardLen = 64

// A rig is what a case works with: a backend, seeded numbers, and tensors that notice
// what is done to them.
type rig struct {
	engine.Backend
	*rand.Rand
	arrays []*array
	ints   []*intArray
	free   []func()
}

func newRig(b engine.Backend, name string) *rig {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &rig{Backend: b, Rand: rand.New(rand.NewPCG(h.Sum64(), 0))}
}

// stop ends a case early: rig methods panic with it and Case.Run recovers it.
type stop struct{ err error }

func (r *rig) fail(err error) { panic(stop{err}) }

func (r *rig) close() {
	for i := len(r.free) - 1; i >= 0; i-- {
		r.free[i]()
	}
}

type role uint8

const (
	input  role = iota
	output      // written only
	inout       // read and written
	spent       // read, and left with anything
)

// array is a float32 tensor between guard rows.
type array struct {
	engine.Tensor // the rows under test
	whole         engine.Tensor
	role          role
	content       []float32 // what whole was filled with
	lo, hi        int       // the elements under test within content
	want          []float64
	exact         bool // no tolerance: a copy
	got           []float32
}

// values is what the case put into the tensor, for the oracle; nil for none.
func (a *array) values() []float64 {
	if a.IsZero() {
		return nil
	}
	return widen(a.content[a.lo:a.hi])
}

// Guard rows of inputs are NaN, so that a number read from there shows in the answer;
// those of outputs are a finite number that no case computes.
var guardWord = [...]float32{input: float32(math.NaN()), output: -6.02e23, inout: -6.02e23, spent: -6.02e23}

func (r *rig) array(role role, rows, cols int, data []float32) *array {
	guard := (guardLen + cols - 1) / cols
	a := &array{role: role, lo: guard * cols, hi: (guard + rows) * cols}
	a.whole = r.tensor(engine.Float32, rows+2*guard, cols)
	a.Tensor = a.whole.Part(guard, guard+rows)
	a.content = make([]float32, a.whole.Len())
	for i := range a.content {
		a.content[i] = guardWord[role]
	}
	copy(a.content[a.lo:a.hi], data)
	r.Write(a.whole, a.content)
	r.arrays = append(r.arrays, a)
	return a
}

func (r *rig) input(rows, cols int, data []float32) *array { return r.array(input, rows, cols, data) }

func (r *rig) inout(rows, cols int, data []float32) *array { return r.array(inout, rows, cols, data) }

func (r *rig) output(rows, cols int) *array { return r.array(output, rows, cols, nil) }

func (r *rig) spent(rows, cols int, data []float32) *array { return r.array(spent, rows, cols, data) }

// sourceAndResult is an input and an output of the same shape, or one tensor that is both.
func (r *rig) sourceAndResult(rows, cols int, data []float32, inPlace bool) (x, y *array) {
	if inPlace {
		x = r.inout(rows, cols, data)
		return x, x
	}
	return r.input(rows, cols, data), r.output(rows, cols)
}

// tensor is NewTensor that gives its memory back when the case ends.
func (r *rig) tensor(dt tensor.Dtype, rows, cols int) engine.Tensor {
	t, err := r.NewTensor(dt, rows, cols)
	if err != nil {
		r.fail(err)
	}
	r.free = append(r.free, func() { r.Release(t) })
	return t
}

// intArray is an output of int32 between guard rows. The contract has no way to write
// int32, so its guard rows are the zeros that a new tensor holds.
type intArray struct {
	engine.Tensor
	whole  engine.Tensor
	lo, hi int
	want   []int32
	got    []int32
}

func (r *rig) intOutput(rows, cols int) *intArray {
	guard := (guardLen + cols - 1) / cols
	a := &intArray{lo: guard * cols, hi: (guard + rows) * cols}
	a.whole = r.tensor(engine.Int32, rows+2*guard, cols)
	a.Tensor = a.whole.Part(guard, guard+rows)
	r.ints = append(r.ints, a)
	return a
}

// arm fills outputs with rubbish, another in every pass, and restores what is
// overwritten in place.
func (r *rig) arm(pass int) {
	rubbish := float32(1e9 + float64(pass)*1e8)
	for _, a := range r.arrays {
		if a.role == output {
			for i := a.lo; i < a.hi; i++ {
				a.content[i] = rubbish
			}
		}
		if a.role != input {
			r.Write(a.whole, a.content)
		}
	}
}

// observe waits for the backend, checks guard rows and inputs, and reads the outputs.
func (r *rig) observe() error {
	if err := r.Sync(); err != nil {
		return err
	}
	for i, a := range r.arrays {
		whole := make([]float32, a.whole.Len())
		if err := r.Read(whole, a.whole); err != nil {
			return err
		}
		lo, hi := a.lo, a.hi
		if a.role == input {
			if at := sameBits(whole[lo:hi], a.content[lo:hi]); at >= 0 {
				return fmt.Errorf("input %d was changed at row %d column %d", i, at/a.Cols(), at%a.Cols())
			}
		}
		if at := sameBits(whole[:lo], a.content[:lo]); at >= 0 {
			return fmt.Errorf("tensor %d: %d words before its start were overwritten", i, lo-at)
		}
		if at := sameBits(whole[hi:], a.content[hi:]); at >= 0 {
			return fmt.Errorf("tensor %d: the word %d past its end was overwritten", i, at)
		}
		a.got = whole[lo:hi]
	}
	for _, a := range r.ints {
		whole := make([]int32, a.whole.Len())
		if err := r.ReadInts(whole, a.whole); err != nil {
			return err
		}
		for i, v := range whole {
			if (i < a.lo || i >= a.hi) && v != 0 {
				return fmt.Errorf("an int32 output was overwritten %d words from its start, it has %d", i-a.lo, a.hi-a.lo)
			}
		}
		a.got = whole[a.lo:a.hi]
	}
	return nil
}

// normal is n normally distributed numbers round mean.
func (r *rig) normal(n int, mean, deviation float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + deviation*r.NormFloat64())
	}
	return x
}

// newStep is a step of one sequence without pages, for operations that use none.
func (r *rig) newStep(ids, pos []int32) *engine.Step {
	return &engine.Step{
		IDs: ids, Pos: pos, Seq: make([]int32, len(ids)), Pages: [][]int32{nil},
		Serial: engine.NextSerial(),
	}
}
