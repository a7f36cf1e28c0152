package emulator

import (
	"bytes"
	"math/bits"
)

// The checker of shared memory. Every cell (as many bytes as the kernel's
// smallest access) remembers its last write and the reads since. Time is the
// block's clock, which moves at each barrier; warp x may touch what warp y wrote
// at stamp s when x has learned of y up to a stamp after s: knows[y] > s. Inside
// a warp only bar.warp.sync and the barriers of the block order the lanes.

type cell struct {
	written   uint32 // stamp; before block.start: never in this block
	read      uint32
	readWarps uint32
	writePC   int32
	readPC    int32
	writer    uint16 // thread
	reader    uint16 // thread, or many of the last reading warp
	flags     uint8
}

const (
	cellStrong  = 1 // last written by an atomic, volatile or relaxed access
	cellPending = 2 // a cp.async is on its way

	manyReaders = 0xffff
)

// learn makes everything before the barrier known to a warp that waited at it.
func (w *warp) learn(bar *barrier) {
	for y, stamp := range bar.released {
		w.knows[y] = max(w.knows[y], stamp)
	}
	if bar.expected == 0 {
		// What ended warps did came before a barrier of the whole block.
		for _, o := range w.block.warps {
			if o.state == stateDone {
				w.knows[o.index] = w.block.clock
			}
		}
	}
	for l := range w.synced {
		w.synced[l] = w.block.clock
	}
	w.updateSafe()
}

// syncLanes orders the lanes of a group, as bar.warp.sync does.
func (w *warp) syncLanes(group uint32) {
	w.block.clock++
	for ; group != 0; group &= group - 1 {
		w.synced[bits.TrailingZeros32(group)&31] = w.block.clock
	}
	w.updateSafe()
}

// updateSafe finds the stamp before which every access is ordered before this
// warp's: one comparison then settles most accesses.
func (w *warp) updateSafe() {
	safe := ^uint32(0)
	for y := range w.block.warps {
		if y != w.index {
			safe = min(safe, w.knows[y])
		}
	}
	for l := range w.synced {
		if w.live>>l&1 != 0 {
			safe = min(safe, w.synced[l])
		}
	}
	w.safe = safe
}

// ordered reports whether an access by a thread at a stamp came before this one.
func (w *warp) ordered(stamp uint32, thread uint16, lane int) bool {
	if y := int(thread / 32); y != w.index {
		return stamp < w.knows[y]
	}
	other := int(thread % 32)
	return other == lane || stamp < w.synced[lane] && stamp < w.synced[other]
}

// checkShared applies the rules to one lane's access of n bytes at off. It
// returns false after a fault. next holds the bytes that a write is about to
// store: writing what is already there is never a race.
func (w *warp) checkShared(off uint64, n int, lane int, write, strong bool, next []byte) bool {
	b := w.block
	g := b.prog.granule
	first, last := int(off)/g, (int(off)+n-1)/g
	thread := uint16(w.index*32 + lane)
	for i := first; i <= last; i++ {
		c := &b.cells[i]
		if c.flags&cellPending != 0 && c.written >= b.start {
			w.fault(PendingCopy, lane, sharedWin+off, "shared byte %d: the cp.async of line %d has not been waited for", i*g, b.prog.code[c.writePC].line)
			return false
		}
		if write {
			if !w.noteWrite(c, i*g, lane, strong, next != nil && bytes.Equal(next, b.shared[off:off+uint64(n)])) {
				return false
			}
			continue
		}
		if c.written < b.start {
			w.fault(UninitialisedMemory, lane, sharedWin+off, "shared byte %d was not written in this block, at least not yet: is a barrier missing?", i*g)
			return false
		}
		if c.written >= w.safe && c.writer != thread && !(strong && c.flags&cellStrong != 0) && !w.ordered(c.written, c.writer, lane) {
			w.race(c, i*g, lane, "reads", c.writePC, c.writer, "wrote")
			return false
		}
		w.noteRead(c, thread)
	}
	return true
}

func (w *warp) noteRead(c *cell, thread uint16) {
	if c.read < w.safe {
		c.readWarps = 0
	} else if c.reader != thread && c.readWarps>>w.index&1 != 0 && int(c.reader/32) == w.index {
		thread = manyReaders
	}
	if c.reader == manyReaders && c.read >= w.safe && c.readWarps == 1<<w.index {
		thread = manyReaders
	}
	c.readWarps |= 1 << w.index
	c.read, c.reader, c.readPC = w.block.clock, thread, w.now
}

func (w *warp) noteWrite(c *cell, off, lane int, strong, same bool) bool {
	thread := uint16(w.index*32 + lane)
	if c.written >= w.safe && c.writer != thread && c.written >= w.block.start && !same {
		if !(strong && c.flags&cellStrong != 0) && !w.ordered(c.written, c.writer, lane) {
			w.race(c, off, lane, "writes", c.writePC, c.writer, "wrote")
			return false
		}
	}
	if c.read >= w.safe && c.read >= w.block.start && !same && !strong {
		for y := range w.block.warps {
			if c.readWarps>>y&1 == 0 {
				continue
			}
			other := c.reader
			ok := c.read < w.knows[y]
			switch {
			case y == w.index && other == manyReaders:
				ok, other = c.read < w.synced[lane], uint16(y*32)
			case y == w.index && int(other/32) == y:
				ok = w.ordered(c.read, other, lane)
			case y == w.index:
				ok = true
			case int(other/32) != y:
				other = uint16(y * 32)
			}
			if !ok {
				w.race(c, off, lane, "writes", c.readPC, other, "read")
				return false
			}
		}
	}
	c.written, c.writer, c.writePC = w.block.clock, thread, w.now
	c.read, c.readWarps = 0, 0
	c.flags = uint8(bit(strong))
	return true
}

func (w *warp) race(c *cell, off, lane int, does string, pc int32, thread uint16, did string) {
	w.fault(SharedRace, lane, sharedWin+uint64(off), "%s shared byte %d, which thread %v %s at line %d with no barrier between",
		does, off, w.block.threadOf(int(thread)), did, w.prog.code[pc].line)
}
