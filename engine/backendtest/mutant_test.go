package backendtest

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// A mutant is the Reference with one mistake of the kind that kernels have. The suite
// must notice each of them.

type lateMask struct{ *Reference } // a row does not see itself

func (m lateMask) Attend(y, q engine.Tensor, kv engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	moved := *step
	moved.Pos = nil
	for _, p := range step.Pos {
		moved.Pos = append(moved.Pos, max(0, p-1))
	}
	m.Reference.Attend(y, q, kv, &moved, spec)
}

type wideWindow struct{ *Reference } // one position too many

func (m wideWindow) Attend(y, q engine.Tensor, kv engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	wider := *spec
	if wider.Window > 0 {
		wider.Window++
	}
	m.Reference.Attend(y, q, kv, step, &wider)
}

type interleavedHeads struct{ *Reference } // head h reads key/value head h mod G

func (m interleavedHeads) Attend(y, q engine.Tensor, cache engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	kv := cache.(*refKV)
	dim, groups := kv.spec.HeadDim, kv.spec.Heads
	for t, p := range step.Pos {
		pages := step.Pages[step.Seq[t]]
		head := func(of []float64, h int) func(int) []float64 {
			return func(p int) []float64 { return kv.at(of, pages, p)[h%groups*dim : (h%groups+1)*dim] }
		}
		var row []float64
		query := m.Values(q.Part(t, t+1))
		for h := range spec.Heads {
			mixed, _ := attention{
				heads: 1, kvHeads: 1, dim: dim, scale: float64(spec.Scale), softCap: float64(spec.SoftCap),
				window: spec.Window, pos: int(p), key: head(kv.keys, h), value: head(kv.values, h),
			}.attend(query[h*dim : (h+1)*dim])
			row = append(row, mixed...)
		}
		m.set(y.Part(t, t+1), row)
	}
}

type wholePages struct{ *Reference } // multiplies what is masked by zero instead of leaving it out

func (m wholePages) Attend(y, q engine.Tensor, cache engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	m.Reference.Attend(y, q, cache, step, spec)
	kv := cache.(*refKV)
	for t, p := range step.Pos {
		rest := kv.at(kv.values, step.Pages[step.Seq[t]], int(p)|(engine.PageLen-1))
		row := m.Values(y.Part(t, t+1))
		for i := range row {
			row[i] += 0 * rest[i%len(rest)]
		}
		m.set(y.Part(t, t+1), row)
	}
}

type pagesInOrder struct{ *Reference } // takes page tables for consecutive pages

func (m pagesInOrder) Attend(y, q engine.Tensor, cache engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	moved := *step
	moved.Pages = nil
	for _, pages := range step.Pages {
		run := make([]int32, len(pages))
		for i := range run {
			run[i] = (pages[0] + int32(i)) % int32(cache.Spec().Pages)
		}
		moved.Pages = append(moved.Pages, run)
	}
	m.Reference.Attend(y, q, cache, &moved, spec)
}

type halfPages struct{ *Reference } // keeps float32 pages in half precision

func (m halfPages) Store(kv engine.KV, k, v engine.Tensor, step *engine.Step) {
	round := func(t engine.Tensor) engine.Tensor {
		return engine.FromRows(narrow(asStored(format.F16, m.Values(t), t.Cols())), t.Rows(), t.Cols())
	}
	m.Reference.Store(kv, round(k), round(v), step)
}

type noBias struct{ *Reference }

func (m noBias) Linear(y, x engine.Tensor, w engine.Weight, _ engine.Tensor) {
	m.Reference.Linear(y, x, w, engine.Tensor{})
}

type lostTail struct{ *Reference } // one row alone: forgets the last column of x

func (m lostTail) Linear(y, x engine.Tensor, w engine.Weight, bias engine.Tensor) {
	if x.Rows() == 1 && x.Cols() > 1 {
		part := append([]float32{}, x.F32()...)
		part[len(part)-1] = 0
		x = engine.FromRows(part, 1, len(part))
	}
	m.Reference.Linear(y, x, w, bias)
}

type accumulates struct{ *Reference } // adds to what the destination held

func (m accumulates) Linear(y, x engine.Tensor, w engine.Weight, bias engine.Tensor) {
	before := m.Values(y)
	m.Reference.Linear(y, x, w, bias)
	after := m.Values(y)
	for i := range after {
		after[i] += before[i]
	}
	m.set(y, after)
}

type halfActivations struct{ *Reference } // rounds x to half precision

func (m halfActivations) Linear(y, x engine.Tensor, w engine.Weight, bias engine.Tensor) {
	rounded := narrow(asStored(format.F16, m.Values(x), x.Cols()))
	m.Reference.Linear(y, engine.FromRows(rounded, x.Rows(), x.Cols()), w, bias)
}

type writesPast struct{ *Reference } // one word too many

func (m writesPast) GELU(y, x engine.Tensor) {
	m.Reference.GELU(y, x)
	*(*float32)(unsafe.Add(unsafe.Pointer(&y.F32()[0]), 4*y.Len())) = 1
}

type unwritten struct{ *Reference } // forgets the last element

func (m unwritten) SwiGLU(y, gate, up engine.Tensor) {
	last := y.F32()[y.Len()-1]
	m.Reference.SwiGLU(y, gate, up)
	y.F32()[y.Len()-1] = last
}

type writesInput struct{ *Reference }

func (m writesInput) Softmax(y, x engine.Tensor) {
	m.Reference.Softmax(y, x)
	copy(x.F32(), y.F32())
}

type restless struct { // another last bit at every call
	*Reference
	calls *int
}

func (m restless) RMSNorm(y, x, gain engine.Tensor, eps float32) {
	*m.calls++
	m.Reference.RMSNorm(y, x, gain, eps*(1+0.01*float32(*m.calls)))
}

type roughMean struct{ *Reference } // var = mean(x^2) - mean^2 in float32

func (m roughMean) LayerNorm(y, x, gain, bias engine.Tensor, eps float32) {
	m.Reference.LayerNorm(y, x, gain, bias, eps)
	c := x.Cols()
	for r := range x.Rows() {
		var sum, squares float32
		for _, v := range x.Row(r) {
			sum += v
			squares += v * v
		}
		mean := sum / float32(c)
		exactMean, exactVar := 0.0, 0.0
		for _, v := range x.Row(r) {
			exactMean += float64(v) / float64(c)
		}
		for _, v := range x.Row(r) {
			exactVar += (float64(v) - exactMean) * (float64(v) - exactMean) / float64(c)
		}
		rough := float64(squares/float32(c) - mean*mean)
		for i := range c {
			b := float32(0)
			if !bias.IsZero() {
				b = bias.F32()[i]
			}
			y.Row(r)[i] = (y.Row(r)[i]-b)*float32((exactVar+1e-5)/(rough+1e-5)) + b
		}
	}
}

type wrongPairs struct{ *Reference }

func (m wrongPairs) Rope(x engine.Tensor, step *engine.Step, spec *engine.RopeSpec) {
	other := *spec
	other.Interleaved = false
	m.Reference.Rope(x, step, &other)
}

type staleStep struct { // keeps a step's positions by its address, not by its serial number
	*Reference
	seen map[*engine.Step][]int32
}

func (m staleStep) Rope(x engine.Tensor, step *engine.Step, spec *engine.RopeSpec) {
	if m.seen[step] == nil {
		m.seen[step] = step.Pos
	}
	old := *step
	old.Pos = m.seen[step]
	m.Reference.Rope(x, &old, spec)
}

type lastOfTies struct{ *Reference } // of equal numbers the higher column

func (m lastOfTies) TopK(vals, cols, x engine.Tensor) {
	m.Reference.TopK(vals, cols, x)
	for r := range x.Rows() {
		for c, v := range x.Row(r) {
			if v == vals.Row(r)[0] {
				cols.I32()[r*cols.Cols()] = int32(c)
			}
		}
	}
}

type idForPosition struct{ *Reference }

func (m idForPosition) Embed(y engine.Tensor, step *engine.Step, _ engine.Index, table engine.Weight, scale float32) {
	m.Reference.Embed(y, step, engine.ByID, table, scale)
}

type silentNaN struct{ *Reference } // takes NaN for zero

func (m silentNaN) Residual(y, a, b engine.Tensor) {
	m.Reference.Residual(y, a, b)
	for i, v := range y.F32() {
		if v != v {
			y.F32()[i] = 0
		}
	}
}

type swappedRows struct{ *Reference }

func (m swappedRows) Gather(y, x engine.Tensor, rows []int32) {
	m.Reference.Gather(y, x, append(append([]int32{}, rows[1:]...), rows[0]))
}

type crudeTanh struct{ *Reference } // loses small numbers to cancellation

func (m crudeTanh) SoftCap(y, x engine.Tensor, limit float32) {
	m.Reference.SoftCap(y, x, limit)
	for i, v := range y.F32() {
		y.F32()[i] = (1 + v/limit - 1) * limit
	}
}

func TestSuiteNoticesMistakes(t *testing.T) {
	t.Parallel()
	ref := NewReference
	for _, m := range []struct {
		name, op string
		backend  engine.Backend
		says     string // part of the complaint
	}{
		{"late mask", "Attend", lateMask{ref()}, "NMSE"},
		{"wide window", "Attend", wideWindow{ref()}, "NMSE"},
		{"interleaved heads", "Attend", interleavedHeads{ref()}, "NMSE"},
		{"whole pages", "Attend", wholePages{ref()}, "NaN"},
		{"pages in order", "Attend", pagesInOrder{ref()}, "NMSE"},
		{"half pages", "Store", halfPages{ref()}, "NMSE"},
		{"no bias", "Linear", noBias{ref()}, "NMSE"},
		{"lost tail", "Linear", lostTail{ref()}, "row by row"},
		{"accumulates", "Linear", accumulates{ref()}, "second"},
		{"half activations", "Linear", halfActivations{ref()}, "NMSE"},
		{"writes past", "GELU", writesPast{ref()}, "past its end"},
		{"unwritten", "SwiGLU", unwritten{ref()}, "never written"},
		{"writes input", "Softmax", writesInput{ref()}, "was changed"},
		{"restless", "RMSNorm", restless{ref(), new(int)}, "second"},
		{"rough mean", "LayerNorm", roughMean{ref()}, "NMSE"},
		{"wrong pairs", "Rope", wrongPairs{ref()}, "NMSE"},
		{"stale step", "Rope", staleStep{ref(), map[*engine.Step][]int32{}}, "row by row"},
		{"last of ties", "TopK", lastOfTies{ref()}, "column"},
		{"id for position", "Embed", idForPosition{ref()}, "NMSE"},
		{"silent NaN", "Residual", silentNaN{ref()}, "NaN"},
		{"swapped rows", "Gather", swappedRows{ref()}, "want"},
		{"crude tanh", "SoftCap", crudeTanh{ref()}, "NMSE"},
		{"forgets the norm's bias", "Project", forgetsNormBias{newFuses()}, "NMSE"},
		{"one bias for all", "Project", oneBiasForAll{newFuses()}, "NMSE"},
		{"gates with up", "Gate", gatesWithUp{newFuses()}, "NMSE"},
		{"overwrites", "Accumulate", overwrites{newFuses()}, "NMSE"},
		{"norms the sum", "Accumulate", normsTheSum{newFuses()}, "NMSE"},
		{"one gain for both", "RopeStore", oneGainForBoth{newFuses()}, "NMSE"},
		{"stores keys unturned", "RopeStore", storesKeysUnturned{newFuses()}, "NMSE"},
		{"half values", "RopeStore", halfValues{newFuses()}, "exactly"},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			complaint := ""
			for _, c := range Cases() {
				if c.Op != m.op || c.Flops > 1e6 {
					continue
				}
				res := c.Run(m.backend, Options{})
				if !res.Pass && strings.Contains(res.Err, m.says) {
					return
				}
				complaint = res.Err
			}
			t.Errorf("no case of %s complained of %q; the last said %q", m.op, m.says, complaint)
		})
	}
}

// A backend that panics fails its case and no more; one without a kernel is excused.
func TestPanicsAndMissingFormats(t *testing.T) {
	t.Parallel()
	var missing, panicked int
	Suite(partial{NewReference()}, Options{Match: func(c Case) bool { return c.Op == "Gather" || c.Op == "Embed" && c.Flops < 1000 }}, func(r Result) {
		switch {
		case r.Pass:
			t.Errorf("%v passed", r)
		case r.Op == "Embed" && r.Skip != "":
			missing++
		case r.Op == "Gather" && strings.Contains(r.Err, "panic: no such kernel"):
			panicked++
		default:
			t.Error(r)
		}
	})
	if missing == 0 || panicked == 0 {
		t.Errorf("%d cases skipped, %d panicked", missing, panicked)
	}
}

type partial struct{ *Reference }

func (partial) NewWeight(format.Format, int, int, []byte) (engine.Weight, error) {
	return nil, engine.ErrFormat
}

func (partial) Gather(_, _ engine.Tensor, _ []int32) { panic("no such kernel") }
