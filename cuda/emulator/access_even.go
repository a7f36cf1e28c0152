package emulator

import (
	"math/bits"
	"sync/atomic"
)

// Whole warps whose lanes stand side by side, or all at one place, make up most accesses.
// They need no look at each lane: the ends tell bounds, alignment, sectors and banks.

// even is how the lanes' addresses lie.
type even uint8

const (
	uneven     even = iota
	sideBySide      // lane l at the first address + l*width
	together        // all at one address
)

// evenness looks at the addresses of a whole warp's access of width bytes a lane.
func (w *warp) evenness(m uint32, width uint64) even {
	switch step := w.addr[1] - w.addr[0]; {
	case m != fullMask || step != 0 && step != width || !w.block.device.loops.inARow(&w.addr, step):
		return uneven
	case step == 0:
		return together
	}
	return sideBySide
}

// extent is the number of bytes from the first one touched to the end.
func (e even) extent(width uint64) uint64 {
	if e == together {
		return width
	}
	return 32 * width
}

// evenSectors counts the 32-byte sectors touched from a on.
func evenSectors(a, n uint64) int64 { return int64((a+n-1)/32 - a/32 + 1) }

// evenRegion finds the allocation that holds the n bytes from the first lane's address on,
// or nil where the lanes must be looked at one by one.
func (w *warp) evenRegion(n, align uint64) *region {
	a := w.addr[0]
	cached := &w.regions[w.now&7]
	r := *cached
	if r == nil || a-r.base >= r.size {
		if r = w.block.device.memory.find(a); r == nil {
			return nil
		}
		*cached = r
	}
	if n > r.size-(a-r.base) || a&(align-1) != 0 {
		return nil
	}
	return r
}

// loadEven is loadGlobal for such a warp. It returns false where the slow way must find out
// what is wrong.
func (w *warp) loadEven(op *memOp, e even, counted bool) bool {
	width := op.width()
	n := e.extent(width)
	r := w.evenRegion(n, width)
	if r == nil {
		return false
	}
	off := w.addr[0] - r.base
	if w.block.checked && !r.full.Load() && !r.holds(off, n) {
		return false
	}
	if counted {
		w.counts.GlobalLoadSectors += evenSectors(w.addr[0], n)
	}
	if w.block.order != nil && width >= 4 && !w.readGlobal(r, 0, off, n) {
		return true
	}
	if r.owners != nil {
		r.touch(w.block.number, off, n)
	}
	w.fetchEven(op, e, r.data[off:off+n])
	return true
}

// holds reports whether bytes [off, off+n) hold values, n small.
func (r *region) holds(off, n uint64) bool {
	first, last := off/32, (off+n-1)/32
	for s := first; s <= last; s++ {
		need := ^uint32(0)
		if s == first {
			need <<= off % 32
		}
		if s == last {
			need &= ^uint32(0) >> (31 - (off+n-1)%32)
		}
		if atomic.LoadUint32(&r.defined[s])&need != need {
			return false
		}
	}
	return true
}

// fetchEven loads the registers of all lanes from p, which holds all they touch.
func (w *warp) fetchEven(op *memOp, e even, p []byte) {
	switch {
	case e == together:
		w.fetch(op, 0, p)
		w.spread(op, 0, fullMask&^1)
	case op.size == 4 && !op.wide:
		var to [4]*col32
		for i := range op.n {
			to[i] = &w.r32[op.cols[i]]
		}
		w.block.device.loops.unpack(to[:op.n], p)
	case op.size == 2 && op.n == 1 && !op.wide && !op.signed:
		w.block.device.loops.unpackHalves(&w.r32[op.cols[0]], p)
	default:
		width := int(op.width())
		for l := range 32 {
			w.fetch(op, l, p[width*l:])
		}
	}
}

// storeEven is storeGlobal for words that lie side by side.
func (w *warp) storeEven(op *memOp) bool {
	width := op.width()
	n := 32 * width
	r := w.evenRegion(n, width)
	if r == nil {
		return false
	}
	off := w.addr[0] - r.base
	if w.block.checked {
		r.mark(off, n)
	}
	if r.owners != nil {
		r.touch(w.block.number, off, n)
	}
	w.counts.GlobalStoreSectors += evenSectors(w.addr[0], n)
	p := r.data[off : off+n]
	for l := range 32 {
		var buf [16]byte
		next := w.bytesOf(op, l, buf[:])
		if !w.writeLane(r, l, off+uint64(l)*width, next) {
			return true
		}
		copy(p[l*len(next):], next)
	}
	return true
}

// loadSharedEven is loadShared for such a warp. It returns false where the slow way must
// find out what is wrong, or whether anything is.
func (w *warp) loadSharedEven(op *memOp, e even) bool {
	b, width := w.block, op.width()
	n, a := e.extent(width), w.addr[0]
	if size := uint64(len(b.shared)); a > size || n > size-a || a&(width-1) != 0 {
		return false
	}
	if b.checked && !w.readCells(a, n, width, e) {
		return false
	}
	w.counts.SharedAccesses++
	w.counts.SharedPasses += max(int64(width)/4, 1)
	w.fetchEven(op, e, b.shared[a:a+n])
	return true
}

// readCells notes the reads of a warp whose lanes lie evenly, where an earlier barrier has
// settled what was written; otherwise it notes nothing that the slow way would not.
func (w *warp) readCells(a, n, width uint64, e even) bool {
	b := w.block
	shift := bits.TrailingZeros(uint(b.prog.granule))
	cells := b.cells[a>>shift : (a+n-1)>>shift+1]
	each := int(width >> shift) // cells of a lane
	if each == 0 {
		return false
	}
	for i := range cells {
		c := &cells[i]
		if c.flags&cellPending != 0 || c.written < b.start || c.written >= w.safe && (e == together || c.writer != uint16(w.index*32+i/each)) {
			return false
		}
	}
	self := uint32(1) << w.index
	for i := range cells {
		c := &cells[i]
		thread := uint16(manyReaders)
		if e == sideBySide {
			thread = uint16(w.index*32 + i/each)
		}
		if c.read != b.clock || c.readWarps&self == 0 || c.reader != manyReaders && c.reader != thread {
			w.noteRead(c, thread)
		}
	}
	return true
}
