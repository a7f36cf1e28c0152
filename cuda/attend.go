//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"strings"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// attention is one call of Attend.
type attention struct {
	y, q uint64
	kv   *kvCache
	k    *pageKernels
	rows int
	step *deviceStep
	spec *engine.AttendSpec
}

// Attend launches attend_prompt_<format of the pages> if a sequence of the step has many
// rows on average, attend_decode_<format> if it has few (or the device too little shared
// memory for tiles), attend_any_<format> for head sizes that those two do not take, and
// attend_weights_<format> if weights are asked for: one launch each.
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
		rows: step.T(), step: s, spec: spec,
	}
	dim := c.spec.HeadDim
	if dim%8 != 0 || dim > 256 {
		b.launch(a.k.any, a.rows, spec.Heads, 1, uint32(4*dim), a.arguments(&b.arguments, a.y)...)
	} else if p := b.prompting(a.k, c.spec.Format, dim); a.rows >= p.rows*s.sequences && p.shared <= b.maxShared {
		b.attendPrompt(&a, p, step)
	} else {
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

// decoding is the kernel of attend_decode for pages of a format: how many heads share a
// block, and its dynamic shared memory.
type decoding struct {
	*kernel
	share, shared int
}

// decoding is the one on tensor cores where the device and the format have it: the results
// are as exact, with fewer instructions, and twice as many heads share what is read.
func (b *Backend) decoding(k *pageKernels, dim int) decoding {
	if shared := kernels.DecodeShared(dim); k.decodeMMA != nil && k.decodeMMA.Target <= b.compute && shared <= b.maxShared {
		return decoding{k.decodeMMA, kernels.DecodeHeadsMMA, shared}
	}
	return decoding{k.decode, kernels.DecodeHeads, 0}
}

// attendDecode launches a block for each row, each few heads that share keys and values,
// and each part of the pages that a row may come to have. The grid, like all arguments,
// stays as it is while a context grows.
func (b *Backend) attendDecode(a *attention) {
	heads, kv := a.spec.Heads, a.kv.spec
	d := b.decoding(a.k, kv.HeadDim)
	blocks := kernels.DecodeBlocks(heads, kv.Heads, d.share)
	pages := min(kv.Pages, a.step.stride)
	if a.spec.Window > 0 {
		pages = min(pages, (a.spec.Window-1)/engine.PageLen+2)
	}
	splits := kernels.Splits(pages, a.rows*blocks, b.info.Units)
	parts := int64(a.rows) * int64(heads) * int64(splits)
	if err := b.reserve(&b.parts, 4*parts*int64(kv.HeadDim+2)); err != nil {
		b.fail(err)
		return
	}
	tickets, ok := b.zeroCounters(a.rows * blocks)
	if !ok {
		return
	}
	sums := b.parts.addr
	stats := sums + uint64(4*parts*int64(kv.HeadDim))
	b.launch(d.kernel, a.rows, blocks, splits, uint32(d.shared), a.arguments(&b.arguments, a.y, sums, stats, tickets)...)
}

// zeroCounters is n counters, words of zero, for a kernel whose blocks count how many of
// them are done. Every kernel leaves them at zero, and so all can use the same ones.
func (b *Backend) zeroCounters(n int) (addr uint64, ok bool) {
	if b.queue.closed {
		return 0, false
	}
	if b.counters.bytes < int64(4*n) {
		if err := b.reserve(&b.counters, int64(4*n)); err != nil {
			b.fail(err)
			return 0, false
		}
		b.set(b.counters.addr, b.counters.bytes, 0)
	}
	return b.counters.addr, true
}

// prompting is a kernel of attend_prompt: how many pairs its tiles have, its dynamic
// shared memory, and from how many rows a sequence on it is the better choice.
type prompting struct {
	*kernel
	pairs, shared, rows int
}

// Rows that are worked on in tiles share what they read, but a tile goes through the whole
// context alone; attend_decode spreads each row's context over the device. Tiles are
// smaller, and each row by itself dearer, without tensor cores.
const (
	promptRows    = 4
	promptRowsMMA = 16
)

// prompting is the one on tensor cores where the device, the format and the head size
// have it, unless everything is to be in float32.
func (b *Backend) prompting(k *pageKernels, f format.Format, dim int) prompting {
	if mma := k.promptMMA[dim]; mma != nil && mma.Target <= b.compute && !b.products.plain {
		p := prompting{mma, kernels.PromptPairsMMA(dim), kernels.PromptSharedMMA(dim, f.BlockLen() > 1), promptRowsMMA}
		if p.shared <= b.maxShared {
			return p
		}
	}
	return prompting{k.prompt, kernels.PromptPairs, kernels.PromptShared(dim), promptRows}
}

// promptKernels is attend_prompt on tensor cores for pages of a format, by head size.
func (b *Backend) promptKernels(f format.Format) map[int]*kernel {
	byDim := map[int]*kernel{}
	for _, dim := range kernels.PromptDims() {
		if f.CheckCols(dim) == nil {
			byDim[dim] = b.kernel(fmt.Sprintf("attend_prompt_%s_mma_%d", strings.ToLower(f.String()), dim))
		}
	}
	return byDim
}

// attendPrompt launches a block for each tile of rows and each key/value head.
func (b *Backend) attendPrompt(a *attention, p prompting, step *engine.Step) {
	kvHeads := a.kv.spec.Heads
	tiles, n := b.tiles(step, a.spec.Heads/kvHeads, p.pairs)
	if n == 0 {
		return
	}
	b.launch(p.kernel, n, kvHeads, 1, uint32(p.shared), a.arguments(&b.arguments, a.y, tiles)...)
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
