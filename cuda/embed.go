//go:build cuda && cgo && linux

package cuda

import "github.com/potion-engine/potion/engine"

// embedCols is how many columns a block of embed_*.ptx writes.
const embedCols = 1024

// Embed launches embed_<format of the table>.
func (b *Backend) Embed(y engine.Tensor, step *engine.Step, by engine.Index, table engine.Weight, scale float32) {
	const op = "Embed"
	engine.CheckEmbed(y, step, by, table)
	w := b.ownWeight(op, table)
	s := b.onDevice(step)
	if s == nil {
		return
	}
	index := s.ids
	if by == engine.ByPos {
		index = s.pos
	}
	a := b.arguments.none()
	a.add(address(op, "y", y), index)
	a.planes(w)
	a.add(uint64(w.Cols()), bits(scale))
	b.launch(b.ops.weights[w.Format()].embed, step.T(), ceilDiv(w.Cols(), embedCols), 1, 0, a.list()...)
}
