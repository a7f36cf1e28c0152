//go:build cuda && cgo && linux

package cuda

import (
	"context"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/engine/session"
)

// A choice is one launch where it can be, and queueing it allocates nothing.
func TestSampleLaunches(t *testing.T) { // alone: AllocsPerRun counts for the process
	const vocab = 5000
	b := openDevice(t, ordinary)
	x := mustTensor(t, b, numbers(3, vocab), 1, vocab)
	id, err := b.NewTensor(engine.Int32, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		d        sample.Draw
		launches uint64
	}{
		{"greedy", sample.Draw{TopP: 1}, 1},
		{"top-k", sample.Draw{Temperature: 1, TopK: 40, TopP: 0.9, MinP: 0.1}, 1},
		{"many", sample.Draw{Temperature: 1, TopK: 1000, TopP: 0.9}, 3},
		{"top-p", sample.Draw{Temperature: 1, TopP: 0.9}, 3},
		{"min-p", sample.Draw{Temperature: 1, TopP: 1, MinP: 0.1}, 2},
	} {
		c.d.Changes = []sample.Change{{ID: 7, Repeat: 1}, {ID: 4999, Bias: 1, Repeat: 1.5}}
		choose := func() { b.Sample(id, x, &c.d) }
		choose() // compiles and makes room
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		before := b.Launches()
		choose()
		if n := b.Launches() - before; n != c.launches {
			t.Errorf("%s: %d launches, want %d", c.name, n, c.launches)
		}
		if n := testing.AllocsPerRun(5, func() {
			choose()
			b.queue.batch.n = 0
			b.staging.settled()
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// hidden is a sampler that only takes logits: its Draw is another method.
type hidden struct{ *sample.Sampler }

func (hidden) Draw() {}

// What the device chooses in a generation is what the host chooses from the same logits, also
// where a recorded step is replayed.
func TestGenerationSampledOnDevice(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	r, _ := decoder(t, b, "llama3", nil)
	const tokens = 20
	p := sample.Defaults()
	p.Temperature, p.RepeatPenalty, p.Seed = 1.2, 1.1, 5
	var texts [2][]int32
	var launches [2]uint64
	for i, wrap := range []func(*sample.Sampler) session.Sampler{
		func(s *sample.Sampler) session.Sampler { return s },
		func(s *sample.Sampler) session.Sampler { return hidden{s} },
	} {
		s, err := sample.New(p, r.Model.Config.Vocab)
		if err != nil {
			t.Fatal(err)
		}
		seq := r.NewSequence()
		before := b.Launches()
		res, err := seq.Generate(context.Background(), session.Request{Prompt: []int32{30, 45, 29}, Sampler: wrap(s), Max: tokens})
		seq.Free()
		if err != nil {
			t.Fatal(err)
		}
		texts[i], launches[i] = res.IDs, b.Launches()-before
	}
	if !slices.Equal(texts[0], texts[1]) {
		t.Errorf("the device chose %v, the host %v", texts[0], texts[1])
	}
	if launches[0] != launches[1]+tokens {
		t.Errorf("%d launches for %d tokens, %d without sampling", launches[0], tokens, launches[1])
	}
}
