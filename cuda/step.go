//go:build cuda && cgo && linux

package cuda

import (
	"encoding/binary"

	"github.com/potion-engine/potion/engine"
)

// deviceStep is the device's copy of a step:
//
//	ids, pos, seq  i32 [T] each
//	pages          i32 [sequences, stride]   a page table each, zeros past its end
//
// one after the other in one buffer, which the host writes in one copy.
type deviceStep struct {
	serial uint64 // of the step that is there; 0 for none
	buffer buffer

	ids, pos, seq, pages uint64 // addresses
	stride               int
}

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
	d.serial = 0
	if err := b.sendStep(s); err != nil {
		b.fail(err)
		return nil
	}
	d.serial = s.Serial
	return d
}

func (b *Backend) sendStep(s *engine.Step) error {
	d, t := &b.step, s.T()
	d.stride = 1
	for i, seq := range s.Seq {
		d.stride = max(d.stride, min(int(s.Pos[i])/engine.PageLen+1, len(s.Pages[seq])))
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

// ints is a short list that an operation takes beside its tensors.
type ints struct{ buffer buffer }

// list copies x to the device. The list is there for the launches up to the next call.
func (b *Backend) list(x []int32) (addr uint64, ok bool) {
	if len(x) == 0 || b.queue.closed {
		return 0, false
	}
	err := b.reserve(&b.lists.buffer, int64(4*len(x)))
	if err == nil {
		err = b.upload(b.lists.buffer.addr, bytesOf(x))
	}
	if err != nil {
		b.fail(err)
	}
	return b.lists.buffer.addr, err == nil
}
