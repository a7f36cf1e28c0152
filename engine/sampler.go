package engine

import (
	"math"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine/sample"
)

// Sampler is what a backend offers, found by type assertion, that chooses tokens where the
// logits are, so that four bytes of a token come back instead of a row of them. Without
// one, the row is read and [sample.Sampler] does it; the token is the same.
type Sampler interface {
	// Sample queues the choice of a token from logits [1,V] and writes its id to id [1,1]
	// (Int32): the token that [sample.Reference] defines for what d was made of, to the bit.
	// It writes -1 where there is none: a logit is NaN or +Inf, or no token is allowed.
	// logits are as before once it is done. d may be reused at once.
	Sample(id, logits Tensor, d *sample.Draw)
}

// CheckSample checks the arguments of Sample. V is at most 2^23.
func CheckSample(id, logits Tensor, d *sample.Draw) {
	const op = "Sample"
	checkFloat(op, "logits", logits)
	checkShape(op, "logits", logits, 1, logits.Cols())
	checkShape(op, "id", id, 1, 1)
	if id.Dtype() != tensor.Int32 {
		bad(op, "id holds %v, want int32", id.Dtype())
	}
	v := logits.Cols()
	if v > sample.MaxVocab {
		bad(op, "logits of %d tokens, at most %d", v, sample.MaxVocab)
	}
	if !(d.Temperature >= 0 && d.Temperature <= math.MaxFloat32 && d.TopP >= 0 && d.TopP <= 1 && d.MinP >= 0 && d.MinP <= 1) || d.TopK < 0 {
		bad(op, "temperature %v, top-k %d, top-p %v, min-p %v are out of range", d.Temperature, d.TopK, d.TopP, d.MinP)
	}
	for i := range d.Changes {
		if c := &d.Changes[i]; c.ID < 0 || int(c.ID) >= v {
			bad(op, "change %d is of token %d; the logits are of %d", i, c.ID, v)
		}
	}
}
