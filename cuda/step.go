//go:build cuda && cgo && linux

package cuda

import (
	"encoding/binary"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
)

// deviceStep is the device's copy of a step:
//
//	ids, pos, seq  i32 [T] each
//	pages          i32 [sequences, stride]   a page table each, zeros past its end
//
// one after the other in one buffer, which the host writes in one copy. The stride is a power
// of two, so that the kernels' arguments stay the same while a sequence grows.
type deviceStep struct {
	serial uint64 // of the step that is there; 0 for none
	buffer buffer

	ids, pos, seq, pages uint64 // addresses
	stride               int
	sequences            int // how many have rows

	// Tiles of attend_prompt, which depend on the step and on how many heads share keys
	// and values. They are worked out when they are first asked for.
	tiles     buffer
	tileGroup int // heads that share, of the tiles that are there; 0 for none
	tilePairs int // pairs of a tile
	tileCount int
	tileList  []int32
}

// minStride is how long page tables are at the least: for 2048 positions.
const minStride = 64

// onDevice is the device's copy of a step, which is made if it is not there. It is nil
// if that failed, and the failure kept for the next Sync or Read.
func (b *Backend) onDevice(s *engine.Step) *deviceStep {
	d := &b.step
	if d.serial == s.Serial && s.Serial != 0 {
		return d
	}
	if b.queue.closed {
		return nil
	}
	d.serial, d.tileGroup = 0, 0
	if err := b.sendStep(s); err != nil {
		b.fail(err)
		return nil
	}
	d.serial = s.Serial
	return d
}

func (b *Backend) sendStep(s *engine.Step) error {
	d, t := &b.step, s.T()
	d.stride, d.sequences = minStride, 0
	for i, seq := range s.Seq {
		for d.stride < min(int(s.Pos[i])/engine.PageLen+1, len(s.Pages[seq])) {
			d.stride *= 2
		}
		if i == 0 || seq != s.Seq[i-1] {
			d.sequences++
		}
	}
	n := 4 * (3*t + len(s.Pages)*d.stride)
	if err := b.reserve(&d.buffer, int64(n)); err != nil {
		return err
	}
	part, err := b.room(n)
	if err != nil {
		return err
	}
	at := fillInts(part, s.IDs, t)
	at = fillInts(at, s.Pos, t)
	at = fillInts(at, s.Seq, t)
	for _, table := range s.Pages {
		at = fillInts(at, table[:min(len(table), d.stride)], d.stride)
	}
	b.send(d.buffer.addr, part)
	d.ids = d.buffer.addr
	d.pos = d.ids + uint64(4*t)
	d.seq = d.pos + uint64(4*t)
	d.pages = d.seq + uint64(4*t)
	return nil
}

// fillInts writes x and zeros up to n numbers, and returns what is behind them.
func fillInts(to []byte, x []int32, n int) []byte {
	for i, v := range x {
		binary.NativeEndian.PutUint32(to[4*i:], uint32(v))
	}
	clear(to[4*len(x) : 4*n])
	return to[4*n:]
}

// tiles is the tiles of the step that onDevice returned last, and how many they are; none
// if they could not be brought to the device, with the failure kept.
func (b *Backend) tiles(s *engine.Step, group, pairs int) (addr uint64, n int) {
	d := &b.step
	if d.tileGroup == group && d.tilePairs == pairs {
		return d.tiles.addr, d.tileCount
	}
	d.tileList = kernels.PromptTiles(d.tileList[:0], s.Seq, group, pairs)
	if err := b.sendInts(&d.tiles, d.tileList); err != nil {
		b.fail(err)
		return 0, 0
	}
	d.tileGroup, d.tilePairs, d.tileCount = group, pairs, len(d.tileList)/2
	return d.tiles.addr, d.tileCount
}

// list copies x to the device. It is there for the launches up to the next call.
func (b *Backend) list(x []int32) (addr uint64, ok bool) {
	if len(x) == 0 || b.queue.closed {
		return 0, false
	}
	if err := b.sendInts(&b.lists, x); err != nil {
		b.fail(err)
		return 0, false
	}
	return b.lists.addr, true
}

func (b *Backend) sendInts(to *buffer, x []int32) error {
	if err := b.reserve(to, int64(4*len(x))); err != nil {
		return err
	}
	return b.upload(to.addr, bytesOf(x))
}
