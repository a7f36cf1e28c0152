//go:build cuda && cgo && linux

package cuda

import (
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// embedCols is how many columns a block of embed_*.ptx writes.
const embedCols = 1024

// Embed launches embed_<format of the table>.
func (b *Backend) Embed(y engine.Tensor, step *engine.Step, by engine.Index, table engine.Weight, scale float32) {
	const op = "Embed"
	engine.CheckEmbed(y, step, by, table)
	b.embed(op, y, step, by, b.ownWeight(op, table), scale, nil)
}

// EmbedBoth launches embed_<format of ids> once if positions are F32, as files have them,
// else what it is made of.
func (b *Backend) EmbedBoth(y engine.Tensor, step *engine.Step, ids engine.Weight, scale float32, pos engine.Weight, s *engine.Scratch) {
	const op = "EmbedBoth"
	engine.CheckEmbedBoth(y, step, ids, pos, s)
	if pos.Format() != format.F32 {
		engine.Unfused{Ops: b}.EmbedBoth(y, step, ids, scale, pos, s)
		return
	}
	b.embed(op, y, step, engine.ByID, b.ownWeight(op, ids), scale, b.ownWeight(op, pos))
}

// embed queues y = scale * table[index], and added[position] to it unless that is nil.
func (b *Backend) embed(op string, y engine.Tensor, step *engine.Step, by engine.Index, table *weight, scale float32, added *weight) {
	s := b.onDevice(step)
	if s == nil {
		return
	}
	index, places := s.ids, uint64(0)
	if by == engine.ByPos {
		index = s.pos
	}
	if added != nil {
		places = added.addr
	}
	a := b.arguments.none()
	a.add(address(op, "y", y), index)
	a.planes(table)
	a.add(s.pos, places, uint64(table.Cols()), bits(scale))
	b.launch(b.ops.weights[table.Format()].embed, step.T(), ceilDiv(table.Cols(), embedCols), 1, 0, a.list()...)
}
