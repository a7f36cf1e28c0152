package emulator

import (
	"math/bits"
	"strings"
)

// asyncCopies are the cp.async instructions of a warp whose data has not arrived
// yet: it arrives as late as the program allows, when it is waited for.
type asyncCopies struct {
	pending []asyncCopy
	group   [32]int32 // of each lane: the group being filled
}

type asyncCopy struct {
	lane  int
	group int32
	dst   uint64
	n     int
	data  [16]byte
}

func (a *asyncCopies) reset() {
	a.pending = a.pending[:0]
	a.group = [32]int32{}
}

// arrive completes the copies of the lanes in m, all but those of the keep latest
// groups. The group still being filled stays, unless all is set.
func (w *warp) arrive(m uint32, keep int32, all bool) {
	a := &w.async
	left := a.pending[:0]
	for _, c := range a.pending {
		if m>>c.lane&1 == 0 || !all && c.group >= a.group[c.lane]-keep {
			left = append(left, c)
			continue
		}
		copy(w.block.shared[c.dst:], c.data[:c.n])
		if w.block.checked {
			g := w.prog.granule
			for i := int(c.dst) / g; i <= (int(c.dst)+c.n-1)/g; i++ {
				w.block.cells[i].flags = 0
				w.block.cells[i].written = w.block.clock
			}
		}
	}
	a.pending = left
}

func decodeCpAsync(b *builder, m *mods) error {
	if !m.has("async") {
		return b.fail("unknown instruction %s", b.st.op)
	}
	if err := b.need(80, 70); err != nil {
		return err
	}
	b.in.class = ClassAsync
	ops := b.st.operands
	switch m.one("commit_group", "wait_group", "wait_all") {
	case "commit_group":
		b.in.run = func(w *warp, _ *inst, m uint32) {
			for ; m != 0; m &= m - 1 {
				w.async.group[bits.TrailingZeros32(m)&31]++
			}
			if w.traffic {
				w.flight.committed()
			}
		}
		return b.count(0, 0)
	case "wait_group":
		if err := b.count(1, 1); err != nil {
			return err
		}
		if ops[0].kind != opInt || ops[0].value > 1<<20 {
			return b.fail("cp.async.wait_group takes a constant")
		}
		keep := int32(ops[0].value)
		b.in.run = func(w *warp, _ *inst, m uint32) {
			w.flight.waitGroups(int(keep))
			w.arrive(m, keep, false)
		}
		return nil
	case "wait_all":
		b.in.run = func(w *warp, _ *inst, m uint32) {
			w.flight.wait(w.flight.copied)
			w.arrive(m, 0, true)
		}
		return b.count(0, 0)
	}
	return decodeCopy(b, m)
}

// decodeCopy is cp.async.ca.shared.global [dst], [src], size{, source size}.
func decodeCopy(b *builder, m *mods) error {
	cache := m.one("ca", "cg")
	if cache == "" || m.one("shared", "shared::cta") == "" || !m.has("global") {
		return b.fail("unknown instruction %s", b.st.op)
	}
	extra := 0
	for _, s := range m.list {
		if strings.HasPrefix(s, "L2::") {
			var err error
			if extra, err = memHints(b, m); err != nil {
				return err
			}
			break
		}
	}
	if err := b.count(3+extra, 4+extra); err != nil {
		return err
	}
	ops := b.st.operands
	size := ops[2]
	if size.kind != opInt || size.value != 4 && size.value != 8 && size.value != 16 || cache == "cg" && size.value != 16 {
		return b.fail("cp.async.%s copies 16 bytes, .ca also 4 or 8", cache)
	}
	n := int(size.value)
	dst, src := &memOp{space: spaceShared, size: n, n: 1}, &memOp{space: spaceGlobal, size: n, n: 1}
	if err := b.bindAddress(dst, ops[0]); err != nil {
		return err
	}
	if err := b.bindAddress(src, ops[1]); err != nil {
		return err
	}
	b.in.a = b.constant32(uint32(n))
	if len(ops) == 4+extra {
		var err error
		if b.in.a, err = b.source(ops[3], tU32); err != nil {
			return err
		}
	}
	b.in.run = func(w *warp, in *inst, m uint32) { w.copyAsync(dst, src, in.a, m) }
	return nil
}

// copyAsync starts one copy for each lane. Fewer source bytes than the size are
// filled up with zeros; bytes behind them are not read.
func (w *warp) copyAsync(dst, src *memOp, sizes int32, m uint32) {
	w.addresses(dst)
	to := w.addr
	if !w.sharedLanes(m, uint64(dst.size), uint64(dst.size)) {
		return
	}
	w.addresses(src)
	w.counts.GlobalRequests++
	size, reading := w.s32(sizes), uint32(0)
	for l, n := range size {
		reading |= bit(n > 0) << l
	}
	w.counts.GlobalLoadSectors += w.sectors(m&reading, uint64(src.size))
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		n := uint64(size[l])
		if n > uint64(src.size) {
			w.fault(OutOfBounds, l, w.addr[l], "source size %d of a copy of %d bytes", n, src.size)
			return
		}
		c := asyncCopy{lane: l, group: w.async.group[l], dst: to[l], n: dst.size}
		if n > 0 {
			r, lanes := w.globalLanes(1<<l, n, uint64(src.size))
			if r == nil || !w.valued(r, lanes, n) {
				return
			}
			w.counts.GlobalLoadBytes += int64(n)
			w.touchLanes(r, lanes, n)
			if !w.readLanes(r, lanes, n) {
				return
			}
			w.flight.copied = w.flight.now + 1
			copy(c.data[:n], r.data[w.addr[l]-r.base:])
		}
		if w.block.checked {
			if !w.checkShared(to[l], dst.size, l, true, false, nil) {
				return
			}
			g := w.prog.granule
			for i := int(to[l]) / g; i <= (int(to[l])+dst.size-1)/g; i++ {
				w.block.cells[i].flags = cellPending
			}
		}
		w.async.pending = append(w.async.pending, c)
	}
}
