//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/kernels"
)

var _ engine.Sampler = (*Backend)(nil)

// sampler is what Sample keeps on the device. Where a choice has a buffer is the same for
// all that follow, until one needs a larger buffer.
type sampler struct {
	best, few, cut, draw *kernel

	state                             uint64 // address of kernels.SampleState bytes, zero before the first choice
	choice, saved                     buffer // the choice in numbers; logits that it changes, as they were
	tops, sums, picked, buckets, list buffer // see the kernels
}

// Sample launches one kernel for the greatest logit and for top-k of at most
// kernels.SampleFew, else two, or three for a greater top-k or top-p. All that differs
// between choices of the same kind is in one upload before them, whose size hardly ever
// changes, so that a recorded step goes on to hold for the next token.
func (b *Backend) Sample(id, logits engine.Tensor, d *sample.Draw) {
	const op = "Sample"
	engine.CheckSample(id, logits, d)
	to, x := address(op, "id", id), address(op, "logits", logits)
	if b.queue.closed {
		return
	}
	if err := b.readyToSample(logits.Cols(), d); err != nil {
		b.fail(err)
		return
	}
	s, width := &b.sampler, uint64(logits.Cols())
	blocks := kernels.SampleBlocks(logits.Cols())
	greedy, few, cut := kernels.SamplePath(d)
	if few {
		b.launch(s.few, blocks, 1, 1, 0, to, x, s.choice.addr, s.saved.addr, s.tops.addr, s.list.addr, s.state, width)
		return
	}
	more := uint64(1)
	if greedy {
		more = 0
	}
	b.launch(s.best, blocks, 1, 1, 0, to, x, s.choice.addr, s.saved.addr, s.tops.addr, s.buckets.addr, s.state, width, more)
	if cut {
		b.launch(s.cut, blocks, 1, 1, 0, x, s.choice.addr, s.tops.addr, s.buckets.addr, s.list.addr, s.picked.addr, s.state, width)
	}
	if !greedy {
		b.launch(s.draw, blocks, 1, 1, 0, to, x, s.choice.addr, s.saved.addr, s.tops.addr, s.sums.addr, s.state, width)
	}
}

// sendChoice copies d to the device.
func (b *Backend) sendChoice(d *sample.Draw) error {
	n := kernels.SampleBytes(d)
	if err := b.reserve(&b.sampler.choice, int64(n)); err != nil {
		return err
	}
	part, err := b.room(n)
	if err != nil {
		return err
	}
	kernels.PutSample(part, d)
	b.send(b.sampler.choice.addr, part)
	return nil
}

// readyToSample copies d, and makes room for what the kernels write.
func (b *Backend) readyToSample(vocab int, d *sample.Draw) (err error) {
	s := &b.sampler
	if s.state == 0 {
		s.best, s.few = b.kernel("sample_best"), b.kernel("sample_few")
		s.cut, s.draw = b.kernel("sample_cut"), b.kernel("sample_draw")
		if s.state, err = b.zeros(kernels.SampleState); err != nil {
			return err
		}
	}
	if err := b.sendChoice(d); err != nil {
		return err
	}
	groups := int64(kernels.SampleGroups(vocab))
	greedy, few, cut := kernels.SamplePath(d)
	for _, w := range [...]struct {
		buffer *buffer
		bytes  int64
		wanted bool
	}{
		{&s.saved, 4 * int64(len(d.Changes)), true},
		{&s.tops, 8 * groups, true},
		{&s.list, 8 * int64(kernels.SampleList(vocab, few)), few || cut},
		{&s.buckets, 8 * kernels.SampleBuckets, !few && !greedy},
		{&s.sums, 8 * groups, !few && !greedy},
		{&s.picked, 4 * groups, cut},
	} {
		if w.wanted {
			if err := b.reserve(w.buffer, w.bytes); err != nil {
				return err
			}
		}
	}
	return nil
}
