//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine"
)

// Gate launches matvec_<format> once for few rows, with the norm, both products and the
// activation in it, unless the two weights differ in format. Then, and for many rows, the
// activation is a launch of its own.
func (b *Backend) Gate(y, x engine.Tensor, norm *engine.Norm, spec *engine.GateSpec, s *engine.Scratch) {
	const op = "Gate"
	engine.CheckGate(y, x, norm, spec, s)
	up := b.ownWeight(op, spec.Up)
	one := spec.Act == engine.ActGELU
	if !b.few(x.Rows(), up.Format()) || !one && spec.Gate.Format() != up.Format() {
		b.gateMany(y, x, norm, spec, s)
		return
	}
	c := matvecCall{op: op, verb: repack.MatvecGELU, x: x, norm: norm}
	if !one {
		c.verb = repack.MatvecSwiGLU
		if spec.Act == engine.ActGeGLU {
			c.verb = repack.MatvecGeGLU
		}
		c.add(address(op, "y", y), b.ownWeight(op, spec.Gate), optional(op, "the gate's bias", spec.GateBias))
	}
	c.add(address(op, "y", y), up, optional(op, "the bias", spec.UpBias))
	b.matvec(&c)
}

// gateMany is Gate by Project and an activation.
func (b *Backend) gateMany(y, x engine.Tensor, norm *engine.Norm, spec *engine.GateSpec, s *engine.Scratch) {
	to := [2]engine.Projection{{Y: y, W: spec.Up, Bias: spec.UpBias}, {Y: s.Gate, W: spec.Gate, Bias: spec.GateBias}}
	switch spec.Act {
	case engine.ActGELU:
		b.Project(x, norm, to[:1], s)
		b.GELU(y, y)
	case engine.ActGeGLU:
		b.Project(x, norm, to[:], s)
		b.GeGLU(y, s.Gate, y)
	default:
		b.Project(x, norm, to[:], s)
		b.SwiGLU(y, s.Gate, y)
	}
}
