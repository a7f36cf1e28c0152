package session

import (
	"context"
	"fmt"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/sample"
)

// Sampler chooses the next token; package sample has one.
type Sampler interface {
	Accept(id int32) // a token of the text, in order
	Sample(logits []float32) (int32, error)
}

// drawer is a Sampler that can say what its next choice is made of, so that a backend makes
// it; false leaves it to Sample. sample.Sampler is one.
type drawer interface {
	Draw(d *sample.Draw) bool
}

// picker lets a backend that is an engine.Sampler choose tokens.
type picker struct {
	b       engine.Backend
	sampler engine.Sampler
	draw    sample.Draw
	id      engine.Tensor
	host    [1]int32
}

// newPicker is nil if b offers nothing.
func newPicker(b engine.Backend) (*picker, error) {
	s, ok := b.(engine.Sampler)
	if !ok {
		return nil, nil
	}
	id, err := b.NewTensor(engine.Int32, 1, 1)
	if err != nil {
		return nil, fmt.Errorf("memory for a token: %w", err)
	}
	return &picker{b: b, sampler: s, id: id}, nil
}

func (p *picker) close() {
	if p != nil {
		p.b.Release(p.id)
	}
}

// Next takes one token in and returns the one that from chooses after it. It allocates
// nothing, and where the backend can choose, only that token comes back from it.
func (s *Sequence) Next(id int32, from Sampler) (int32, error) {
	r := s.r
	r.oneID[0] = id
	r.one[0] = Work{Seq: s, IDs: r.oneID[:], Want: Last}
	return r.choose(r.one[:], from)
}

// feedAndChoose takes ids in, in as many steps as it takes, and returns the token that from
// chooses after the last.
func (s *Sequence) feedAndChoose(ctx context.Context, ids []int32, from Sampler) (next int32, err error) {
	err = s.feed(ctx, ids, Last, func(work []Work, _ int) (err error) {
		if work[0].Want == None {
			return s.r.Step(work, nil)
		}
		next, err = s.r.choose(work, from)
		return err
	})
	return next, err
}

// choose runs work, of which one row of logits is wanted, and returns the token that from
// chooses after it.
func (r *Runner) choose(work []Work, from Sampler) (int32, error) {
	d, ok := from.(drawer)
	if p := r.picker; ok && p != nil && d.Draw(&p.draw) {
		return r.pick(work, from)
	}
	if err := r.Step(work, r.lastOnly); err != nil {
		return 0, err
	}
	return from.Sample(r.last)
}

// pick is choose by the backend, for what the picker's draw says.
func (r *Runner) pick(work []Work, from Sampler) (int32, error) {
	p := r.picker
	if err := r.forward(work); err != nil {
		return 0, err
	}
	logits := r.Model.Logits(r.ws, r.rows)
	p.sampler.Sample(p.id, logits, &p.draw)
	if err := p.b.ReadInts(p.host[:], p.id); err != nil {
		return 0, err
	}
	r.advance(work)
	if p.host[0] >= 0 {
		return p.host[0], nil
	}
	// There is no token: from knows the words for it.
	host := r.host[:r.Model.Config.Vocab]
	if err := p.b.Read(host, logits); err != nil {
		return 0, err
	}
	return from.Sample(host)
}
