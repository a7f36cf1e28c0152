package emulator

import (
	"bytes"
	"math/bits"
	"sync"
	"sync/atomic"
)

// The checker of global memory between the blocks of a launch. Blocks run in any order, so
// that a word that one of them writes must not be touched by another, unless the one has
// published what it did (a fence for the device, then an atomic or strong access) and the
// other has made an atomic or strong access since: the order that a ticket gives, whose last
// holder reads what all have written.
//
// Publishing covers the stores of the publishing warp and of those that a barrier has ordered
// before it. Each 32-byte sector of an allocation that a kernel has ever written remembers, of
// the present launch, one warp that wrote and which of the eight words, and one block that read
// and which words, those apart that others have read, too. What does not fit there is
// forgotten, so that a race may be missed but none is invented. Writes of the value that is
// there already, atomics, and accesses of less than a word are not looked at.
type history struct {
	writes []atomic.Uint64 // launch 24 bits, block 27, warp 5, words 8
	reads  []atomic.Uint64 // launch 16 bits, block 32, words of that block 8, words of several 8
}

// maxHistory is the largest allocation that has a history, which takes half as much again.
const maxHistory = 256 << 20

// maxLaunch is the greatest number of a launch, which begin again at 1 behind it.
const maxLaunch = 1<<16 - 1

// order is how the blocks of a launch come to be ordered.
type order struct {
	once      sync.Once
	published []atomic.Uint64 // of each block: the time when it published, 0 for never
	without   []atomic.Uint32 // and the warps whose stores no barrier had ordered before that
	clock     atomic.Uint64
}

// maxOrdered is the largest grid whose blocks may publish anything.
const maxOrdered = 1 << 22

// fence is membar.gl and its kin.
func (b *block) fence() { b.fenced = true }

// publish is for an atomic or strong store of global memory that is about to be made: others
// who see it may see what came before the block's last fence.
func (w *warp) publish(op *memOp) {
	b := w.block
	b.fenced = b.fenced || op.fence
	o := b.order
	if o == nil || !b.fenced {
		return
	}
	o.once.Do(func() {
		o.published = make([]atomic.Uint64, b.grid.count())
		o.without = make([]atomic.Uint32, b.grid.count())
	})
	without := uint32(0)
	for y, other := range b.warps {
		if other != w && other.stored >= b.start && other.stored >= w.knows[y] {
			without |= 1 << y
		}
	}
	o.without[b.number].Store(without)
	o.published[b.number].CompareAndSwap(0, o.clock.Add(1))
}

// stores notes that the warp stores to global memory, which an earlier publishing does not
// cover.
func (w *warp) stores() {
	b := w.block
	w.stored = b.clock
	if b.fenced && b.order.clock.Load() != 0 && b.order.published[b.number].Load() != 0 {
		b.order.without[b.number].Or(1 << w.index)
	}
}

// acquire is for an atomic or strong load that was made: the block learns what others have
// published.
func (b *block) acquire() {
	if b.order != nil {
		b.acquired = b.order.clock.Load()
	}
}

// after reports whether what another block did is ordered before what b does now.
func (b *block) after(other uint64) bool {
	if b.acquired == 0 { // so nobody may have published either
		return false
	}
	at := b.order.published[other].Load()
	return at != 0 && at <= b.acquired
}

// sees is after for the write that a record of history.writes is of.
func (b *block) sees(v uint64) bool {
	return b.after(writerOf(v)) && b.order.without[writerOf(v)].Load()>>(v>>8&31)&1 == 0
}

func writerOf(v uint64) uint64 { return v >> 13 & (1<<27 - 1) }

// words is the mask of the words of sector s in bytes [off, off+n).
func words(s, off, n uint64) uint64 {
	mask := uint64(0xff)
	if first := off / 32; s == first {
		mask &= 0xff << (off % 32 / 4)
	}
	if last := off + n - 1; s == last/32 {
		mask &= 0xff >> (7 - last%32/4)
	}
	return mask
}

// readGlobal notes that a lane, or from lane on several, reads bytes [off, off+n) of r. It
// returns false after a fault.
func (w *warp) readGlobal(r *region, lane int, off, n uint64) bool {
	h := r.history.Load()
	if h == nil {
		return true
	}
	b := w.block
	me := uint64(b.number)
	for s := off / 32; s <= (off+n-1)/32; s++ {
		mask := words(s, off, n)
		if v := h.writes[s].Load(); v>>40 == b.launch && v&mask != 0 && writerOf(v) != me && !b.sees(v) {
			return w.globalRace(r, lane, s, v&mask, "reads", "wrote", writerOf(v))
		}
		for {
			old := h.reads[s].Load()
			one, many := old>>8&0xff, old&0xff
			next := b.launch<<48 | me<<16 | mask<<8
			if old>>48 == b.launch {
				switch {
				case old>>16&0xffffffff == me:
					one |= mask
				default:
					many |= one & mask
				}
				next = old>>16<<16 | one<<8 | many
			}
			if next == old || h.reads[s].CompareAndSwap(old, next) {
				break
			}
		}
	}
	return true
}

// writeGlobal is readGlobal for a write.
func (w *warp) writeGlobal(r *region, lane int, off, n uint64) bool {
	h := r.history.Load()
	if h == nil {
		if h = r.begin(); h == nil {
			return true
		}
	}
	b := w.block
	w.stores()
	me := uint64(b.number)
	for s := off / 32; s <= (off+n-1)/32; s++ {
		mask := words(s, off, n)
		if v := h.reads[s].Load(); v>>48 == b.launch {
			if v&mask != 0 && b.acquired == 0 {
				return w.globalRace(r, lane, s, v&mask, "writes", "read", v>>16&0xffffffff)
			}
			if other := v >> 16 & 0xffffffff; v>>8&mask != 0 && other != me && !b.after(other) {
				return w.globalRace(r, lane, s, v>>8&mask, "writes", "read", other)
			}
		}
		for {
			old := h.writes[s].Load()
			next := b.launch<<40 | me<<13 | uint64(w.index)<<8 | mask
			if old>>40 == b.launch {
				if writerOf(old) != me && old&mask != 0 && !b.sees(old) {
					return w.globalRace(r, lane, s, old&mask, "writes", "wrote", writerOf(old))
				}
				if old>>8 == next>>8 {
					next |= old & 0xff
				}
			}
			if h.writes[s].CompareAndSwap(old, next) {
				break
			}
		}
	}
	return true
}

// begin gives an allocation a history, from the first write on.
func (r *region) begin() *history {
	if r.size > maxHistory {
		return nil
	}
	n := (r.size + 31) / 32
	h := &history{writes: make([]atomic.Uint64, n), reads: make([]atomic.Uint64, n)}
	if !r.history.CompareAndSwap(nil, h) {
		return r.history.Load()
	}
	return h
}

// globalRace reports words of sector s; other is the number of the other block.
func (w *warp) globalRace(r *region, lane int, s, mask uint64, does, did string, other uint64) bool {
	b := w.block
	addr := r.base + 32*s + 4*uint64(bits.TrailingZeros64(mask))
	w.fault(GlobalRace, lane, addr, "%s 0x%x, which block %v %s in the same launch, with no fence and atomic between: %s",
		does, addr, b.place(int64(other)), did, b.device.memory.describe(addr))
	return false
}

// readLanes is readGlobal for lanes one by one.
func (w *warp) readLanes(r *region, m uint32, width uint64) bool {
	if w.block.order == nil || width < 4 || r.history.Load() == nil {
		return true
	}
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		if !w.readGlobal(r, l, w.addr[l]-r.base, width) {
			return false
		}
	}
	return true
}

// writeLane is writeGlobal for one lane that is about to store next at off, if that changes
// anything.
func (w *warp) writeLane(r *region, lane int, off uint64, next []byte) bool {
	if w.block.order == nil || len(next) < 4 || bytes.Equal(next, r.data[off:off+uint64(len(next))]) {
		return true
	}
	return w.writeGlobal(r, lane, off, uint64(len(next)))
}

// forget drops all histories, when launches are numbered from 1 again.
func (m *memory) forget() {
	for _, r := range m.regions() {
		r.history.Store(nil)
	}
}
