//go:build cuda && cgo && linux

package cuda

import (
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// layer is some operations of a decoder's layer for one token, which queue and run nothing.
func layer(t testing.TB) (b *Backend, queue func(), launches uint64) {
	b = openDevice(t, ordinary)
	x, y := mustTensor(t, b, numbers(6, 64), 1, 64), mustTensor(t, b, nil, 1, 64)
	gain := mustTensor(t, b, numbers(7, 64), 1, 64)
	w, err := b.NewWeight(format.F32, 64, 64, make([]byte, 4*64*64))
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.NewKV(engine.KVSpec{Pages: 2, Heads: 2, HeadDim: 32, Format: format.F16})
	if err != nil {
		t.Fatal(err)
	}
	step := &engine.Step{IDs: []int32{3}, Pos: []int32{0}, Seq: []int32{0}, Pages: [][]int32{{1, 0}}}
	spec := &engine.AttendSpec{Heads: 2, Scale: 0.2}
	rows := []int32{0}
	norm, heads := &engine.Norm{Gain: gain, Eps: 1e-5}, mustTensor(t, b, numbers(8, 32), 1, 32)
	q, k, v := mustTensor(t, b, nil, 1, 64), mustTensor(t, b, nil, 1, 64), mustTensor(t, b, nil, 1, 64)
	to := []engine.Projection{{Y: q, W: w}, {Y: k, W: w}, {Y: v, W: w}}
	gate := &engine.GateSpec{Gate: w, Up: w}
	roped := &engine.RopeStoreSpec{QNorm: heads, KNorm: heads, Eps: 1e-5}
	scratch := &engine.Scratch{Row: mustTensor(t, b, nil, 1, 64), Gate: mustTensor(t, b, nil, 1, 64)}
	fused := engine.FusedOf(b)
	pass := func() {
		step.Serial = engine.NextSerial()
		b.Embed(x, step, engine.ByID, w, 1)
		b.RMSNorm(y, x, gain, 1e-5)
		b.Linear(x, y, w, engine.Tensor{})
		b.Store(kv, x, y, step)
		b.Attend(y, x, kv, step, spec)
		b.Residual(x, x, y)
		b.Gather(y, x, rows)

		fused.Project(x, norm, to, scratch)
		fused.RopeStore(kv, q, k, v, step, roped)
		fused.Accumulate(x, q, w, gain, norm, scratch)
		fused.Gate(y, x, norm, gate, scratch)
		fused.Accumulate(x, y, w, gain, nil, scratch)
	}
	before := b.Launches()
	pass() // compiles
	launches = b.Launches() - before
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	return b, func() {
		pass()
		b.queue.batch.n = 0
		b.staging.settled()
	}, launches
}

// Queueing an operation allocates nothing: that is what the token loop is made of.
func TestOperationsAllocateNothing(t *testing.T) { // alone: AllocsPerRun counts for the process
	_, queue, launches := layer(t)
	if n := testing.AllocsPerRun(10, queue); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if launches != 12 {
		t.Errorf("%d launches for 12 operations on one token", launches)
	}
}

func BenchmarkQueue(b *testing.B) {
	_, queue, launches := layer(b)
	for b.Loop() {
		queue()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(launches), "ns/launch")
}
