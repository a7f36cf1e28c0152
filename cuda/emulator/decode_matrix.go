package emulator

import "encoding/binary"

// registers binds the members of a vector operand, all 32 bits wide.
func (b *builder) registers(o operand, n int, dst bool) ([]int32, error) {
	list := []operand{o}
	if o.kind == opVector {
		list = o.sub
	}
	if len(list) != n {
		return nil, b.fail("%s with %d registers where it takes %d", b.st.op, len(list), n)
	}
	cols := make([]int32, n)
	for i, r := range list {
		var err error
		if dst {
			cols[i], err = b.dst(r, tB32)
		} else {
			cols[i], err = b.source(r, tB32)
		}
		if err != nil {
			return nil, err
		}
	}
	return cols, nil
}

func decodeLdmatrix(b *builder, m *mods) error {
	if err := b.need(75, 65); err != nil {
		return err
	}
	ok := m.has("sync") && m.has("aligned") && m.has("m8n8")
	n := map[string]int{"x1": 1, "x2": 2, "x4": 4}[m.one("x1", "x2", "x4")]
	trans := m.has("trans")
	op := &memOp{space: m.space(), size: 16, n: 1}
	if t := m.typ(); !ok || n == 0 || t != tB16 || op.space != spaceShared && op.space != spaceGeneric {
		return b.fail("unknown instruction %s", b.st.op)
	}
	if err := b.count(2, 2); err != nil {
		return err
	}
	cols, err := b.registers(b.st.operands[0], n, true)
	if err != nil {
		return err
	}
	if err := b.bindAddress(op, b.st.operands[1]); err != nil {
		return err
	}
	b.in.mem, b.in.class, b.in.control = op, ClassLoadShared, ctlWhole
	b.in.run = func(w *warp, in *inst, m uint32) { w.loadMatrix(in.mem, cols, trans) }
	return nil
}

// loadMatrix loads 8x8 matrices of 16-bit values: lane 8k+i holds the address of
// row i of matrix k; lane l receives the values 2t and 2t+1 of row g, with g = l/4
// and t = l%4, or those of column g when transposed.
func (w *warp) loadMatrix(op *memOp, cols []int32, trans bool) {
	w.addresses(op)
	lanes := uint32(uint64(1)<<(8*len(cols)) - 1)
	for l := range 8 * len(cols) {
		if op.space == spaceGeneric {
			w.addr[l] -= sharedWin
		}
	}
	if !w.sharedLanes(lanes, 16, 16) || w.block.checked && !w.readShared(lanes, 16, false) {
		return
	}
	s := w.block.shared
	for k, col := range cols {
		d := &w.r32[col]
		for l := range d {
			g, t := l/4, uint64(l%4)
			if !trans {
				d[l] = binary.LittleEndian.Uint32(s[w.addr[8*k+g]+4*t:])
				continue
			}
			row := w.addr[8*k+2*int(t):]
			lo, hi := binary.LittleEndian.Uint16(s[row[0]+uint64(2*g):]), binary.LittleEndian.Uint16(s[row[1]+uint64(2*g):])
			d[l] = uint32(lo) | uint32(hi)<<16
		}
	}
}

// decodeMovmatrix transposes an 8x8 matrix held in the layout of ldmatrix.
func decodeMovmatrix(b *builder, m *mods) error {
	if err := b.need(75, 78); err != nil {
		return err
	}
	if !(m.has("sync") && m.has("aligned") && m.has("m8n8") && m.has("trans")) || m.typ() != tB16 {
		return b.fail("unknown instruction %s", b.st.op)
	}
	b.in.class, b.in.control = ClassShuffle, ctlWhole
	b.in.run = func(w *warp, in *inst, m uint32) {
		a := *w.s32(in.a)
		at := func(row, col int) uint32 { return a[4*row+col/2] >> (16 * (col % 2)) & 0xffff }
		d := &w.r32[in.d]
		for l := range d {
			g, t := l/4, l%4
			d[l] = at(2*t, g) | at(2*t+1, g)<<16
		}
	}
	return b.bind(tB32, tB32)
}
