package emulator

import (
	"math/bits"
	"strings"
)

// permute is prmt in its default mode: each nibble of sel picks one of the eight
// bytes of x and y, or repeats its sign.
func permute(x, y, sel uint32) uint32 {
	v := uint64(y)<<32 | uint64(x)
	r := uint32(0)
	for i := range 4 {
		s := sel >> (4 * i) & 15
		c := byte(v >> (8 * (s & 7)))
		if s&8 != 0 {
			c = byte(int8(c) >> 7)
		}
		r |= uint32(c) << (8 * i)
	}
	return r
}

// byteMove takes bytes of one register to their places in the result: all those that
// move equally far, turned around the ends of the word.
type byteMove struct {
	from int32
	turn int
	keep uint32
}

// byteMoves is a prmt whose selector is known and comes down to two moves, as those
// that take one byte out or put two halves together do.
type byteMoves [2]byteMove

// moves finds the moves of a selector of bytes of the columns x and y.
func moves(sel uint32, x, y int32) (byteMoves, bool) {
	p, n := byteMoves{{from: x}, {from: x}}, 0
	for i := range 4 {
		s := int(sel >> (4 * i) & 15)
		if s > 7 {
			return p, false
		}
		m := byteMove{from: x, turn: 8 * ((i - s) & 3), keep: 0xff << (8 * i)}
		if s > 3 {
			m.from = y
		}
		k := 0
		for k < n && (p[k].from != m.from || p[k].turn != m.turn) {
			k++
		}
		switch {
		case k < n:
			p[k].keep |= m.keep
		case n == len(p):
			return p, false
		default:
			p[n] = m
			n++
		}
	}
	return p, true
}

func (p *byteMoves) run(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(p[0].from)[:len(d)], w.s32(p[1].from)[:len(d)]
	ta, tb, ka, kb := p[0].turn, p[1].turn, p[0].keep, p[1].keep
	for i := range d {
		d[i] = bits.RotateLeft32(a[i], ta)&ka | bits.RotateLeft32(b[i], tb)&kb
	}
	w.keep32(in.d, m)
}

func decodePrmt(b *builder, m *mods) error {
	if t := m.typ(); t != tB32 {
		return m.badType(t)
	}
	b.in.class = ClassInt
	table := "" // selectors for sel = 0..3
	switch m.one("f4e", "b4e", "rc8", "ecl", "ecr", "rc16") {
	case "f4e":
		table = "3210 4321 5432 6543"
	case "b4e":
		table = "5670 6701 7012 0123"
	case "rc8":
		table = "0000 1111 2222 3333"
	case "ecl":
		table = "3210 3211 3222 3333"
	case "ecr":
		table = "0000 1110 2210 3210"
	case "rc16":
		table = "1010 3232 1010 3232"
	default:
		b.in.run = ternary32(permute)
		if err := b.bind(tB32, tB32, tB32, tB32); err != nil {
			return err
		}
		if b.in.c < 0 {
			if run := b.loops.bytes(b.prog.const32[^b.in.c][0], b.in.a, b.in.b); run != nil {
				b.in.run = run
			}
		}
		return nil
	}
	var sels [4]uint32
	for i, s := range strings.Fields(table) {
		for _, c := range []byte(s) {
			sels[i] = sels[i]<<4 | uint32(c-'0')
		}
	}
	b.in.run = ternary32(func(x, y, sel uint32) uint32 { return permute(x, y, sels[sel&3]) })
	return b.bind(tB32, tB32, tB32, tB32)
}
