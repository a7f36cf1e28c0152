package emulator

import (
	"encoding/binary"
	"math/bits"
)

// sharedLanes checks the bounds and alignment of the lanes' accesses to shared
// memory and counts them.
func (w *warp) sharedLanes(m uint32, width, align uint64) bool {
	size := uint64(len(w.block.shared))
	lo, hi, low := ^uint64(0), uint64(0), uint64(0)
	for rest := m; rest != 0; rest &= rest - 1 {
		a := w.addr[bits.TrailingZeros32(rest)&31]
		lo, hi, low = min(lo, a), max(hi, a), low|a
	}
	if width > size || hi > size-width || low&(align-1) != 0 {
		w.badShared(m, width, align)
		return false
	}
	w.counts.SharedAccesses++
	if width <= 4 && hi-lo+4 <= 128 {
		w.counts.SharedPasses++
		return true // no two words on one bank
	}
	passes, ideal := w.wavefronts(m, int(width))
	w.counts.SharedPasses += passes
	w.counts.BankConflicts += passes - ideal
	return true
}

// badShared reports the first lane that leaves shared memory or is misaligned.
func (w *warp) badShared(m uint32, width, align uint64) {
	size := uint64(len(w.block.shared))
	for rest := m; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros32(rest) & 31
		a := w.addr[l]
		if a > size || width > size-a {
			w.fault(OutOfBounds, l, sharedWin+a, "%d bytes at %d of %d bytes of shared memory", width, a, size)
			return
		}
		if a&(align-1) != 0 {
			w.fault(Misaligned, l, sharedWin+a, "%d bytes at %d of shared memory, which is no multiple of %d", width, a, align)
			return
		}
	}
}

func (w *warp) loadShared(op *memOp, m uint32) {
	width := op.width()
	if e := w.evenness(m, width); e != uneven && w.loadSharedEven(op, e) {
		return
	}
	if !w.sharedLanes(m, width, width) || w.block.checked && !w.readShared(m, width, op.strong) {
		return
	}
	if prefix(m) && op.size == 4 && !op.wide {
		for e := range op.n {
			c, s := w.r32[op.cols[e]][:bits.Len32(m)], w.block.shared[4*e:]
			for l := range c {
				c[l] = binary.LittleEndian.Uint32(s[w.addr[l]:])
			}
		}
		return
	}
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		w.fetch(op, l, w.block.shared[w.addr[l]:])
	}
}

// readShared checks the reads of all lanes. Cells that an earlier barrier has
// settled are passed over quickly; lanes that read one place count once.
func (w *warp) readShared(m uint32, width uint64, strong bool) bool {
	b := w.block
	g := uint64(b.prog.granule)
	shift := bits.TrailingZeros64(g) & 3
	last := ^uint64(0)
	self := uint32(1) << w.index
	for rest := m; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros32(rest) & 31
		a := w.addr[l]
		settled := true
		if width == g { // one cell, most often read before
			c, thread := &b.cells[a>>shift], uint16(w.index*32+l)
			if c.flags&cellPending == 0 && c.written >= b.start && (c.written < w.safe || c.writer == thread) {
				if c.read == b.clock && c.readWarps&self != 0 && (c.reader == manyReaders || c.reader == thread) {
					continue
				}
				w.noteRead(c, thread)
				continue
			}
		}
		for i := a >> shift; i <= (a+width-1)>>shift; i++ {
			c := &b.cells[i]
			if c.flags&cellPending != 0 || c.written < b.start || c.written >= w.safe {
				settled = false
				break
			}
			if a == last {
				c.reader = manyReaders
				continue
			}
			w.noteRead(c, uint16(w.index*32+l))
		}
		if !settled && !w.checkShared(a, int(width), l, false, strong, nil) {
			return false
		}
		last = a
	}
	return true
}

func (w *warp) storeShared(op *memOp, m uint32) {
	width := op.width()
	if !w.sharedLanes(m, width, width) {
		return
	}
	if op.size == 4 && op.n == 1 && !op.wide {
		w.storeSharedWords(op, m)
		return
	}
	var buf [32]byte
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		next := w.bytesOf(op, l, buf[:])
		if w.block.checked && !w.checkShared(w.addr[l], int(width), l, true, op.strong, next) {
			return
		}
		copy(w.block.shared[w.addr[l]:], next)
	}
}

// storeSharedWords stores one word for each lane. Words that fill a cell which no
// other thread has touched since the last barrier need no closer look.
func (w *warp) storeSharedWords(op *memOp, m uint32) {
	b, v := w.block, w.s32(op.cols[0])
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		a := w.addr[l]
		p := b.shared[a:][:4]
		if b.checked && !(b.prog.granule == 4 && w.rewrite(&b.cells[a/4], uint16(w.index*32+l), op.strong)) {
			var next [4]byte
			binary.LittleEndian.PutUint32(next[:], v[l])
			if !w.checkShared(a, 4, l, true, op.strong, next[:]) {
				return
			}
		}
		binary.LittleEndian.PutUint32(p, v[l])
	}
}

// rewrite notes a write to a cell that is the thread's own: whatever others did with it
// came before a barrier. It returns false, and notes nothing, for any other cell.
func (w *warp) rewrite(c *cell, thread uint16, strong bool) bool {
	if c.flags&cellPending != 0 || c.written >= w.safe && c.writer != thread ||
		c.read >= w.safe && (c.reader != thread || c.readWarps != 1<<w.index) {
		return false
	}
	c.written, c.writer, c.writePC = w.block.clock, thread, w.now
	c.read, c.readWarps = 0, 0
	c.flags = uint8(bit(strong))
	return true
}
