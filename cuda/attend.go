//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"slices"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
)

// Attend launches attend_decode_<format of the pages>.
func (b *Backend) Attend(y, q engine.Tensor, kv engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	const op = "Attend"
	engine.CheckAttend(y, q, kv, step, spec)
	c := b.ownKV(op, kv)
	s := b.onDevice(step)
	if s == nil {
		return
	}
	if d := c.spec.HeadDim; d%8 != 0 || d > 256 {
		b.fail(errors.New("attend_any to come"))
		return
	}
	b.attendDecode(address(op, "y", y), address(op, "q", q), c, step, s, spec)
}

// attendDecode launches attend_decode: a block for each row and each few heads that share
// keys and values, or several with a part of the pages each, and attend_combine after them.
func (b *Backend) attendDecode(y, q uint64, c *kvCache, step *engine.Step, s *deviceStep, spec *engine.AttendSpec) {
	rows, heads, kvHeads, dim := step.T(), spec.Heads, c.spec.Heads, c.spec.HeadDim
	blocks := kernels.DecodeBlocks(heads, kvHeads)
	positions := int(slices.Max(step.Pos)) + 1
	if spec.Window > 0 {
		positions = min(positions, spec.Window+engine.PageLen)
	}
	splits := kernels.Splits(positions, rows*blocks, b.info.Units)
	var sums, stats uint64
	if splits > 1 {
		parts := int64(rows) * int64(heads) * int64(splits)
		if err := b.reserve(&b.parts, 4*parts*int64(dim+2)); err != nil {
			b.fail(err)
			return
		}
		sums = b.parts.addr
		stats = sums + uint64(4*parts*int64(dim))
	}
	b.launch(b.ops.pages[c.spec.Format].decode, rows, blocks, splits, 0,
		y, sums, stats, q, c.addr, s.pos, s.seq, s.pages,
		uint64(s.stride), uint64(heads), uint64(kvHeads), uint64(dim), uint64(spec.Window), bits(spec.Scale), bits(spec.SoftCap))
	if splits > 1 {
		b.launch(b.ops.attendCombine, rows, heads, 1, 0, y, sums, stats, uint64(splits), uint64(dim))
	}
}
