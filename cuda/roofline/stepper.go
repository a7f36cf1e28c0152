package roofline

import (
	"fmt"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/session"
)

// Blocks of a launch that run, of larger launches a sample: decode kernels are many small
// blocks, those of prompts few large ones. Nothing is counted of what only fills the cache.
const (
	decodeBlocks = 256
	promptBlocks = 8
	fillBlocks   = 1
)

// Stepper runs steps of a model on an emulated device and models them on a GPU.
type Stepper struct {
	Runner  *session.Runner
	Backend engine.Backend   // the runner's
	Device  *emulator.Device // the backend's, made by GPU.Device
	GPU     GPU
	Layers  int // that each layer of the runner's model stands for
}

// Decode models a step that takes one token in each of some sequences with depth tokens, and
// gives their logits.
func (s *Stepper) Decode(depth, sequences int) (*Step, error) {
	name := fmt.Sprintf("decode of %d rows at depth %d", sequences, depth)
	return s.step(name, depth, sequences, 1, decodeBlocks)
}

// Prompt models a step that takes so many tokens of one sequence with depth tokens before,
// and gives the last one's logits.
func (s *Stepper) Prompt(depth, rows int) (*Step, error) {
	return s.step(fmt.Sprintf("prompt of %d rows at depth %d", rows, depth), depth, 1, rows, promptBlocks)
}

// step has launches of more than that many blocks run a sample of so many.
func (s *Stepper) step(name string, depth, sequences, rows, blocks int) (*Step, error) {
	ids := make([]int32, max(s.Runner.Options().Chunk, rows))
	work := make([]session.Work, sequences)
	s.Device.Sample(fillBlocks)
	for i := range work {
		seq := s.Runner.NewSequence()
		defer seq.Free()
		for seq.Len() < depth {
			n := min(depth-seq.Len(), s.Runner.Options().Chunk)
			if err := s.Runner.Step([]session.Work{{Seq: seq, IDs: ids[:n]}}, nil); err != nil {
				return nil, err
			}
		}
		work[i] = session.Work{Seq: seq, IDs: ids[:rows], Want: session.Last}
	}
	s.Device.Sample(blocks)
	defer s.Device.Sample(0)
	var rec Recorder
	rec.Part(Embedding)
	rec.Record(s.Device)
	defer rec.Stop(s.Device)
	if err := s.run(work, &rec); err != nil {
		return nil, err
	}
	return rec.Estimate(s.GPU, name, float64(s.Layers))
}

// run does the step and tells the recorder where its parts begin.
func (s *Stepper) run(work []session.Work, rec *Recorder) error {
	last := s.Runner.Model.Config.Layers - 1
	var failed error
	s.Runner.Probe(func(layer int, _ engine.Tensor) {
		if err := s.Backend.Sync(); err != nil && failed == nil {
			failed = err
		}
		rec.Part(Layer)
		if layer == last {
			rec.Part(Head)
		}
	})
	defer s.Runner.Probe(nil)
	if err := s.Runner.Step(work, func(int, int, []float32) error { return nil }); err != nil {
		return err
	}
	return failed
}
