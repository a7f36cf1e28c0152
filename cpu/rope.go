package cpu

import (
	"math"
	"slices"

	"github.com/potion-engine/potion/engine"
)

// Rope reads and writes 8*heads*n of a row's bytes and does 6 flops a pair. The angle is
// rounded to float32, as the programs that models were trained with do it, and its
// cosine and sine are the nearest float32 numbers.
func (b *Backend) Rope(x engine.Tensor, step *engine.Step, spec *engine.RopeSpec) {
	engine.CheckRope(x, step, spec)
	b.rope = b.ropeOf("Rope", x, step, spec)
	b.run(&b.rope, x.Rows(), 2*x.Cols())
}

// ropeOf is the rotation of x as a task.
func (b *Backend) ropeOf(op string, x engine.Tensor, step *engine.Step, spec *engine.RopeSpec) ropeTask {
	freq := f32(op, "InvFreq", spec.InvFreq)
	return ropeTask{
		x: f32(op, "x", x), cols: x.Cols(), head: spec.HeadDim, n: len(freq),
		interleaved: spec.Interleaved, scale: spec.Scale,
		angles: b.angles.find(step.Pos, freq),
	}
}

// ropeTask is the arguments of Rope; an item is a row.
type ropeTask struct {
	x             []float32
	cols, head, n int
	interleaved   bool
	scale         float32
	angles        *angles
}

func (r *ropeTask) run(_, from, to int) {
	for t := from; t < to; t++ {
		cos, sin := r.angles.row(t)
		for at := t * r.cols; at < (t+1)*r.cols; at += r.head {
			head := r.x[at : at+r.head]
			if r.interleaved {
				rotateNeighbours(head, cos, sin, r.scale)
			} else {
				rotateHalves(head[:r.n], head[r.n:2*r.n], cos, sin, r.scale)
			}
		}
	}
}

// rotateNeighbours rotates the pairs (0,1), (2,3), ...
func rotateNeighbours(x, cos, sin []float32, scale float32) {
	sin, x = sin[:len(cos)], x[:2*len(cos)]
	for i, c := range cos {
		s, u, w := sin[i], x[2*i], x[2*i+1]
		x[2*i] = scale * (u*c - w*s)
		x[2*i+1] = scale * (u*s + w*c)
	}
}

// rotateHalves rotates the pairs (lo[i], hi[i]).
func rotateHalves(lo, hi, cos, sin []float32, scale float32) {
	lo, hi, sin = lo[:len(cos)], hi[:len(cos)], sin[:len(cos)]
	for i, c := range cos {
		s, u, w := sin[i], lo[i], hi[i]
		lo[i] = scale * (u*c - w*s)
		hi[i] = scale * (u*s + w*c)
	}
}

// angles is cos and sin of pos[t]*freq[i], [T, n] each.
type angles struct {
	pos      []int32
	freq     []float32
	cos, sin []float32
}

func (a *angles) row(t int) (cos, sin []float32) {
	n := len(a.freq)
	return a.cos[t*n : (t+1)*n], a.sin[t*n : (t+1)*n]
}

func (a *angles) fill(pos []int32, freq []float32) {
	a.pos = append(a.pos[:0], pos...)
	a.freq = append(a.freq[:0], freq...)
	n := len(pos) * len(freq)
	a.cos = slices.Grow(a.cos[:0], n)[:n]
	a.sin = slices.Grow(a.sin[:0], n)[:n]
	for t, p := range pos {
		cos, sin := a.row(t)
		for i, f := range freq {
			s, c := math.Sincos(float64(float32(p) * f))
			cos[i], sin[i] = float32(c), float32(s)
		}
	}
}

// angleCache keeps the angles of the last few steps and frequencies, since all layers of
// a model ask for the same one or two in turn. It compares the numbers themselves, which
// is little work next to rotating with them, and cannot be out of date.
type angleCache struct {
	kept [4]angles
	next int // the one to replace
}

func (c *angleCache) find(pos []int32, freq []float32) *angles {
	for i := range c.kept {
		a := &c.kept[i]
		if slices.Equal(a.pos, pos) && slices.Equal(a.freq, freq) {
			return a
		}
	}
	a := &c.kept[c.next]
	c.next = (c.next + 1) % len(c.kept)
	a.fill(pos, freq)
	return a
}
