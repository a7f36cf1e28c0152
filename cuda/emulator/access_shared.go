package emulator

import (
	"encoding/binary"
	"math/bits"
)

// sharedLanes checks the bounds and alignment of the lanes' accesses to shared
// memory and counts them.
func (w *warp) sharedLanes(m uint32, width, align uint64) bool {
	size := uint64(len(w.block.shared))
	for rest := m; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros32(rest) & 31
		a := w.addr[l]
		if a > size || width > size-a {
			w.fault(OutOfBounds, l, sharedWin+a, "%d bytes at %d of %d bytes of shared memory", width, a, size)
			return false
		}
		if a&(align-1) != 0 {
			w.fault(Misaligned, l, sharedWin+a, "%d bytes at %d of shared memory, which is no multiple of %d", width, a, align)
			return false
		}
	}
	w.counts.SharedAccesses++
	passes, ideal := w.wavefronts(m, int(width))
	w.counts.BankConflicts += passes - ideal
	return true
}

func (w *warp) loadShared(op *memOp, m uint32) {
	width := op.width()
	if !w.sharedLanes(m, width, width) || w.block.checked && !w.readShared(m, width, op.strong) {
		return
	}
	if m == fullMask && op.size == 4 && !op.wide {
		for e := range op.n {
			c, s := &w.r32[op.cols[e]], w.block.shared[4*e:]
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
			c := &b.cells[a>>shift]
			if c.flags&cellPending == 0 && c.written >= b.start && c.written < w.safe {
				if c.read == b.clock && c.readWarps&self != 0 && (c.reader == manyReaders || c.reader == uint16(w.index*32+l)) {
					continue
				}
				w.noteRead(c, uint16(w.index*32+l))
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
