//go:build cuda && cgo && linux

package cuda

import (
	"slices"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
)

// attention is one call of Attend.
type attention struct {
	y, q uint64
	kv   *kvCache
	k    *pageKernels
	rows int
	step *deviceStep
	last int // the greatest position
	spec *engine.AttendSpec
}

// promptRows is from how many rows a sequence on Attend works on tiles of rows, which
// share what they read, and not on each row by itself, in parts of its pages.
const promptRows = 4

// Attend launches attend_prompt_<format of the pages> if a sequence of the step has many
// rows on average, attend_decode_<format> if it has few (or the device too little shared
// memory for tiles), attend_any_<format> for head sizes that those two do not take, and
// attend_weights_<format> if weights are asked for.
func (b *Backend) Attend(y, q engine.Tensor, kv engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	const op = "Attend"
	engine.CheckAttend(y, q, kv, step, spec)
	c := b.ownKV(op, kv)
	s := b.onDevice(step)
	if s == nil {
		return
	}
	a := attention{
		y: address(op, "y", y), q: address(op, "q", q), kv: c, k: b.ops.pages[c.spec.Format],
		rows: step.T(), step: s, last: int(slices.Max(step.Pos)), spec: spec,
	}
	switch dim := c.spec.HeadDim; {
	case dim%8 != 0 || dim > 256:
		b.launch(a.k.any, a.rows, spec.Heads, 1, uint32(4*dim), a.arguments(&b.arguments, a.y)...)
	case a.rows >= promptRows*s.sequences && kernels.PromptShared(dim) <= b.maxShared:
		b.attendPrompt(&a, step)
	default:
		b.attendDecode(&a)
	}
	if len(spec.WeightRows) > 0 {
		b.attendWeights(&a, address(op, "Weights", spec.Weights))
	}
}

// addresses and sizes are what every attention kernel ends with.
func (a *attention) addresses(list *arguments) {
	list.add(a.q, a.kv.addr, a.step.pos, a.step.seq, a.step.pages)
}

func (a *attention) sizes(list *arguments) {
	list.add(uint64(a.step.stride),
		uint64(a.spec.Heads), uint64(a.kv.spec.Heads), uint64(a.kv.spec.HeadDim), uint64(a.spec.Window),
		bits(a.spec.Scale), bits(a.spec.SoftCap))
}

// arguments is first, and then those.
func (a *attention) arguments(list *arguments, first ...uint64) []uint64 {
	list.none().add(first...)
	a.addresses(list)
	a.sizes(list)
	return list.list()
}

// attendDecode launches a block for each row and each few heads that share keys and
// values, or several of them with a part of the pages each, and attend_combine then.
func (b *Backend) attendDecode(a *attention) {
	heads, dim := a.spec.Heads, a.kv.spec.HeadDim
	blocks := kernels.DecodeBlocks(heads, a.kv.spec.Heads)
	positions := a.last + 1
	if a.spec.Window > 0 {
		positions = min(positions, a.spec.Window+engine.PageLen)
	}
	splits := kernels.Splits(positions, a.rows*blocks, b.info.Units)
	var sums, stats uint64
	if splits > 1 {
		parts := int64(a.rows) * int64(heads) * int64(splits)
		if err := b.reserve(&b.parts, 4*parts*int64(dim+2)); err != nil {
			b.fail(err)
			return
		}
		sums = b.parts.addr
		stats = sums + uint64(4*parts*int64(dim))
	}
	b.launch(a.k.decode, a.rows, blocks, splits, 0, a.arguments(&b.arguments, a.y, sums, stats)...)
	if splits > 1 {
		b.launch(b.ops.attendCombine, a.rows, heads, 1, 0, a.y, sums, stats, uint64(splits), uint64(dim))
	}
}

// attendPrompt launches a block for each tile of rows and each key/value head.
func (b *Backend) attendPrompt(a *attention, step *engine.Step) {
	kvHeads := a.kv.spec.Heads
	tiles, n := b.tiles(step, a.spec.Heads/kvHeads)
	if n == 0 {
		return
	}
	shared := kernels.PromptShared(a.kv.spec.HeadDim)
	b.launch(a.k.prompt, n, kvHeads, 1, uint32(shared), a.arguments(&b.arguments, a.y, tiles)...)
}

// attendWeights launches a block for each of the rows asked for and each head.
func (b *Backend) attendWeights(a *attention, weights uint64) {
	chosen, ok := b.list(a.spec.WeightRows)
	if !ok {
		return
	}
	list := b.arguments.none()
	list.add(weights, chosen)
	a.addresses(list)
	list.add(uint64(a.spec.Weights.Cols()))
	a.sizes(list)
	b.launch(a.k.weights, len(a.spec.WeightRows), a.spec.Heads, 1, 0, list.list()...)
}
