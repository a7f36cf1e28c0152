package emulator

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
)

// globalLanes finds the allocation of the first lane of m and the lanes that lie
// in it wholly. It returns nil after a fault.
func (w *warp) globalLanes(m uint32, width, align uint64) (*region, uint32) {
	first := bits.TrailingZeros32(m) & 31
	cached := &w.regions[w.now&7]
	r := *cached
	if a := w.addr[first]; r == nil || a-r.base >= r.size {
		if r = w.block.device.memory.find(a); r == nil {
			w.outside(first, a, width)
			return nil, 0
		}
		*cached = r
	}
	if r.size < width || w.addr[first]-r.base > r.size-width {
		w.outside(first, w.addr[first]+width-1, width)
		return nil, 0
	}
	limit, in, low := r.size-width, uint32(0), uint64(0)
	if m == fullMask {
		for l := range w.addr {
			in |= bit(w.addr[l]-r.base <= limit) << l
			low |= w.addr[l]
		}
	} else {
		for rest := m; rest != 0; rest &= rest - 1 {
			l := bits.TrailingZeros32(rest) & 31
			in |= bit(w.addr[l]-r.base <= limit) << l
			low |= w.addr[l]
		}
	}
	if low&(align-1) != 0 {
		w.misaligned(m, width, align)
		return nil, 0
	}
	return r, in
}

func (w *warp) outside(lane int, addr, width uint64) {
	w.fault(OutOfBounds, lane, w.addr[lane], "%d bytes at 0x%x, %s", width, w.addr[lane], w.block.device.memory.describe(addr))
}

func (w *warp) misaligned(m uint32, width, align uint64) {
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		if w.addr[l]&(align-1) != 0 {
			w.fault(Misaligned, l, w.addr[l], "%d bytes at 0x%x, which is no multiple of %d; %s", width, w.addr[l], align, w.block.device.memory.describe(w.addr[l]))
			return
		}
	}
}

// valued checks that the lanes' bytes were written before. Accesses are aligned
// and at most 16 bytes, so each lies in one sector.
func (w *warp) valued(r *region, m uint32, width uint64) bool {
	if !w.block.checked || r.full.Load() {
		return true
	}
	need := uint32(1)<<width - 1
	for rest := m; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros32(rest) & 31
		off := w.addr[l] - r.base
		if mask := need << (off & 31); atomic.LoadUint32(&r.defined[off>>5])&mask != mask {
			at := uint64(r.undefined(off, width)) + r.base
			w.fault(UninitialisedMemory, l, at, "0x%x was never written: %s", at, w.block.device.memory.describe(at))
			return false
		}
	}
	return true
}

// define marks the bytes that the lanes are about to write.
func (w *warp) define(r *region, m uint32, width uint64) {
	if !w.block.checked || r.full.Load() {
		return
	}
	need := uint32(1)<<width - 1
	word, pending := ^uint64(0), uint32(0)
	for ; m != 0; m &= m - 1 {
		off := w.addr[bits.TrailingZeros32(m)&31] - r.base
		if off>>5 != word {
			r.markWord(word, pending)
			word, pending = off>>5, 0
		}
		pending |= need << (off & 31)
	}
	r.markWord(word, pending)
}

func (r *region) markWord(word uint64, bits uint32) {
	if bits != 0 && atomic.LoadUint32(&r.defined[word])&bits != bits {
		atomic.OrUint32(&r.defined[word], bits)
	}
}

func (w *warp) loadGlobal(op *memOp, s space, m uint32) {
	width := op.width()
	if s == spaceGlobal {
		n := bits.OnesCount32(m)
		w.counts.GlobalRequests++
		w.counts.GlobalLoadBytes += int64(n) * int64(width)
	}
	if e := w.evenness(m, width); e != uneven && !op.strong && w.loadEven(op, e, s == spaceGlobal) {
		return
	}
	if s == spaceGlobal {
		w.counts.GlobalLoadSectors += w.sectors(m, width)
	}
	for m != 0 {
		r, lanes := w.globalLanes(m, width, width)
		if r == nil || !w.valued(r, lanes&m, width) {
			return
		}
		lanes &= m
		m &^= lanes
		w.touchLanes(r, lanes, width)
		if !op.strong && !w.readLanes(r, lanes, width) {
			return
		}
		switch {
		case op.strong:
			w.fetchLocked(op, r, lanes)
			w.block.acquire()
		case prefix(lanes) && op.size == 4 && !op.wide:
			w.fetchWords(op, r, bits.Len32(lanes))
		default:
			for ; lanes != 0; lanes &= lanes - 1 {
				l := bits.TrailingZeros32(lanes) & 31
				w.fetch(op, l, r.data[w.addr[l]-r.base:])
			}
		}
	}
}

// fetchWords loads 32-bit elements into the first lanes.
func (w *warp) fetchWords(op *memOp, r *region, lanes int) {
	for e := range op.n {
		c := w.r32[op.cols[e]][:lanes]
		at := r.base - uint64(4*e)
		for l := range c {
			c[l] = binary.LittleEndian.Uint32(r.data[w.addr[l]-at:])
		}
	}
}

// lockOf is the lock of the atomics on an address.
func (m *memory) lockOf(addr uint64) *atomicLock { return &m.locks[addr/32%uint64(len(m.locks))] }

func (w *warp) fetchLocked(op *memOp, r *region, lanes uint32) {
	for ; lanes != 0; lanes &= lanes - 1 {
		l := bits.TrailingZeros32(lanes) & 31
		lock := w.block.device.memory.lockOf(w.addr[l])
		lock.Lock()
		w.fetch(op, l, r.data[w.addr[l]-r.base:])
		lock.Unlock()
	}
}

func (w *warp) storeGlobal(op *memOp, m uint32) {
	width := op.width()
	w.counts.GlobalRequests++
	w.counts.GlobalStoreBytes += int64(bits.OnesCount32(m)) * int64(width)
	if op.size == 4 && !op.wide && !op.strong && w.evenness(m, width) == sideBySide && w.storeEven(op) {
		return
	}
	w.counts.GlobalStoreSectors += w.sectors(m, width)
	for m != 0 {
		r, lanes := w.globalLanes(m, width, width)
		if r == nil {
			return
		}
		lanes &= m
		m &^= lanes
		w.define(r, lanes, width)
		w.touchLanes(r, lanes, width)
		for ; lanes != 0; lanes &= lanes - 1 {
			l := bits.TrailingZeros32(lanes) & 31
			off := w.addr[l] - r.base
			if !op.strong {
				var buf [16]byte
				next := w.bytesOf(op, l, buf[:])
				if !w.writeLane(r, l, off, next) {
					return
				}
				copy(r.data[off:], next)
				continue
			}
			w.publish(op)
			lock := w.block.device.memory.lockOf(w.addr[l])
			lock.Lock()
			w.bytesOf(op, l, r.data[off:])
			lock.Unlock()
		}
	}
}
