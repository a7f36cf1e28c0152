package backendtest

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// Case is one call of one operation with everything that belongs to it.
type Case struct {
	Op     string        // the operation's name in engine.Ops, engine.Fused or engine.Sampler
	Name   string        // what is special about it: shape, format, layout
	Format format.Format // of the weight or of the KV pages; Invalid if it has neither

	// What one call costs at the least: every input read and every output written once,
	// and the operations of the formula. A slow device may leave out the largest cases.
	Bytes, Flops int64

	op   operation
	cond float64 // how much the input magnifies rounding errors; 0 means 1
}

// operation is the part of a case that knows its operation.
type operation interface {
	// prepare makes the tensors and says what to call.
	prepare(r *rig) problem
	// cost is Bytes and Flops of the Case.
	cost() (bytes, flops int64)
}

func newCase(op, name string, f format.Format, o operation) Case {
	bytes, flops := o.cost()
	return Case{Op: op, Name: name, Format: f, Bytes: bytes, Flops: flops, op: o}
}

// problem is an operation with its tensors.
type problem struct {
	call func()      // the operation under test
	want func()      // sets what the outputs of the rig should be
	rows int         // T, if row is set
	row  func(t int) // the same for row t alone
}

// Options say how the backend computes, which decides its row of the tolerance table.
type Options struct {
	// Int8Activations: Linear rounds activations to int8 for quantised weights.
	Int8Activations bool
	// HalfActivations: Linear may work in half precision where it has many rows and the
	// weight is not F32, Attend where it has many rows and the pages are not F32.
	HalfActivations bool
	// Match, if not nil, chooses the cases to run.
	Match func(Case) bool
}

// Result is what came of a case.
type Result struct {
	Op, Case  string
	NMSE      float64 // sum (got-want)^2 / sum want^2, the worst of the case's outputs
	Limit     float64 // what the table allows
	Why       string  // the table's reason for the limit
	WorstErr  float64 // the greatest |got-want| / max(|want|, RMS of its row, or of all in short rows)
	WorstAt   [2]int  // its row and column
	Want, Got float64 // the numbers there
	Pass      bool
	Skip      string // why the case does not apply, else ""
	Err       string // what went wrong, else ""
}

// String is one line of a report.
func (r Result) String() string {
	name := r.Op + "/" + r.Case
	switch {
	case r.Skip != "":
		return fmt.Sprintf("%s: skipped: %s", name, r.Skip)
	case r.Err != "":
		return fmt.Sprintf("%s: %s", name, r.Err)
	}
	return fmt.Sprintf("%s: NMSE %.2g of %.2g; worst element [%d %d] is %v, want %v (off by %.2g)",
		name, r.NMSE, r.Limit, r.WorstAt[0], r.WorstAt[1], r.Got, r.Want, r.WorstErr)
}

// Cases lists every case of the suite. Names are unique within an operation.
func Cases() []Case {
	return slices.Concat(
		embedCases(), normCases(), linearCases(), ropeCases(), storeCases(), attendCases(),
		elementwiseCases(), softmaxCases(), topKCases(), gatherCases(),
		projectCases(), gateCases(), accumulateCases(), ropeStoreCases(), sampleCases(),
	)
}

// Suite runs the cases that o chooses of what b offers, tells report about each, and says
// whether all passed.
func Suite(b engine.Backend, o Options, report func(Result)) bool {
	pass := true
	for _, c := range Cases() {
		if !c.offered(b) || o.Match != nil && !o.Match(c) {
			continue
		}
		res := c.Run(b, o)
		pass = pass && (res.Pass || res.Skip != "")
		report(res)
	}
	return pass
}

// Run runs the case on b. A panic of the backend is a failed case.
func (c Case) Run(b engine.Backend, o Options) (res Result) {
	res = Result{Op: c.Op, Case: c.Name}
	res.Limit, res.Why = o.Limit(c.Op, c.Format)
	if o.Int8Activations {
		c = c.withInt8()
	}
	if r, ok := c.op.(ropeStoring); ok && o.HalfActivations {
		r.half = true
		c.op = r
	}
	if c.cond > 1 {
		res.Limit *= c.cond * c.cond
	}
	r := newRig(b, c.Op+"/"+c.Name)
	defer r.close()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stop:
			if errors.Is(p.err, engine.ErrFormat) {
				res.Skip = p.err.Error()
			} else {
				res.Err = p.err.Error()
			}
			res.Pass = false
		default:
			res.Pass, res.Err = false, fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	p := c.op.prepare(r)
	if err := c.check(r, p, &res); err != nil {
		res.Err = err.Error()
		return res
	}
	res.Pass = true
	return res
}

func (c Case) check(r *rig, p problem, res *Result) error {
	first, err := r.pass(0, p.call)
	if err != nil {
		return err
	}
	second, err := r.pass(1, p.call)
	if err != nil {
		return fmt.Errorf("second call: %w", err)
	}
	for i := range first {
		if at := sameBits(first[i], second[i]); at >= 0 {
			return fmt.Errorf("output %d: element %d is %v in the first call, %v in the second (or was never written)", i, at, first[i][at], second[i][at])
		}
	}
	p.want()
	if err := r.judge(res); err != nil {
		return err
	}
	if p.row == nil || p.rows == 1 {
		return nil
	}
	if _, err := r.pass(2, func() {
		for t := range p.rows {
			p.row(t)
		}
	}); err != nil {
		return fmt.Errorf("row by row: %w", err)
	}
	if err := r.judge(res); err != nil {
		return fmt.Errorf("row by row: %w", err)
	}
	return nil
}

// pass makes the call with outputs that hold rubbish and gives what it wrote.
func (r *rig) pass(number int, call func()) ([][]float32, error) {
	r.arm(number)
	call()
	if err := r.observe(); err != nil {
		return nil, err
	}
	var got [][]float32
	for _, a := range r.arrays {
		if a.role == output || a.role == inout {
			got = append(got, a.got)
		}
	}
	return got, nil
}

// judge compares what was observed with what is wanted.
func (r *rig) judge(res *Result) error {
	for i, a := range r.ints {
		for j, want := range a.want {
			if a.got[j] != want {
				return fmt.Errorf("int32 output %d: row %d column %d is %d, want %d", i, j/a.Cols(), j%a.Cols(), a.got[j], want)
			}
		}
	}
	for _, a := range r.arrays {
		if a.want == nil {
			continue
		}
		d, err := measure(a.got, a.want, a.Cols())
		if err != nil {
			return err
		}
		if a.exact && d.worst > 0 {
			return fmt.Errorf("row %d column %d is %v, want %v exactly: a copy", d.at[0], d.at[1], d.got, d.want)
		}
		res.NMSE = max(res.NMSE, d.nmse)
		if d.worst > res.WorstErr {
			res.WorstErr, res.WorstAt, res.Want, res.Got = d.worst, d.at, d.want, d.got
		}
		if d.nmse > res.Limit || d.worst > worstFactor*math.Sqrt(res.Limit) {
			return fmt.Errorf("NMSE %.3g, limit %.3g (%s); worst element [%d %d] is %v, want %v: off by %.3g, limit %.3g",
				d.nmse, res.Limit, res.Why, d.at[0], d.at[1], d.got, d.want, d.worst, worstFactor*math.Sqrt(res.Limit))
		}
	}
	return nil
}
