package emulator

import "math/bits"

// members binds the member mask, the last operand of a .sync instruction.
func (b *builder) members(o operand) error {
	var err error
	b.in.e, err = b.source(o, tB32)
	b.in.control, b.in.class = ctlWarpSync, ClassShuffle
	return err
}

// shuffleSource is the lane that a lane reads from, and whether it is in range.
func shuffleSource(mode string, lane, bv, cv uint32) (uint32, bool) {
	bv &= 31
	seg := cv >> 8 & 31
	limit := lane&seg | cv&31&^seg
	var j uint32
	var ok bool
	switch mode {
	case "up":
		j = lane - bv
		ok = int32(j) >= int32(limit)
	case "down":
		j = lane + bv
		ok = j <= limit
	case "bfly":
		j = lane ^ bv
		ok = j <= limit
	default:
		j = lane&seg | bv&^seg
		ok = j <= limit
	}
	if !ok {
		j = lane
	}
	return j & 31, ok
}

func decodeShfl(b *builder, m *mods) error {
	if !m.has("sync") {
		return b.fail("shfl without .sync is not supported")
	}
	mode := m.one("up", "down", "bfly", "idx")
	if t := m.typ(); t != tB32 && t != tF32 && t != tU32 && t != tS32 {
		return m.badType(t)
	}
	if mode == "" {
		return b.fail("shfl needs .up, .down, .bfly or .idx")
	}
	if err := b.count(5, 5); err != nil {
		return err
	}
	ops := b.st.operands
	dst, pair := ops[0], operand{kind: opSink}
	if dst.kind == opPair {
		dst, pair = dst.sub[0], dst.sub[1]
	}
	var err error
	for i, slot := range []*int32{&b.in.a, &b.in.b, &b.in.c} {
		if *slot, err = b.source(ops[i+1], tB32); err != nil {
			return err
		}
	}
	if err = b.members(ops[4]); err != nil {
		return err
	}
	if b.in.d, err = b.dst(dst, tB32); err != nil {
		return err
	}
	if b.in.d2, err = b.dst(pair, tPred); err != nil {
		return err
	}
	b.in.run = func(w *warp, in *inst, m uint32) { w.shuffle(in, m, mode) }
	if b.in.b < 0 && b.in.c < 0 {
		b.in.run = fixedShuffle(mode, b.prog.const32[^b.in.b][0], b.prog.const32[^b.in.c][0])
	}
	return nil
}

// fixedShuffle is a shuffle whose lanes are known before it runs.
func fixedShuffle(mode string, bv, cv uint32) runFn {
	var source [32]uint8
	inRange := uint32(0)
	for l := range source {
		j, ok := shuffleSource(mode, uint32(l), bv, cv)
		source[l] = uint8(j)
		inRange |= bit(ok) << l
	}
	return func(w *warp, in *inst, m uint32) {
		if m != fullMask {
			w.shuffle(in, m, mode)
			return
		}
		w.t32 = *w.s32(in.a)
		d := &w.r32[in.d]
		for l, j := range &source {
			d[l] = w.t32[j&31]
		}
		w.setPred(in.d2, m, inRange)
	}
}

func (w *warp) shuffle(in *inst, m uint32, mode string) {
	from, bv, cv := *w.s32(in.a), w.s32(in.b), w.s32(in.c)
	inRange := uint32(0)
	d := &w.t32
	for rest := m; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros32(rest) & 31
		j, ok := shuffleSource(mode, uint32(l), bv[l], cv[l])
		if m>>j&1 == 0 {
			w.fault(InactiveLane, l, 0, "reads lane %d, which does not take part (lanes %#08x do)", j, m)
			return
		}
		d[l] = from[j]
		inRange |= bit(ok) << l
	}
	dst := &w.r32[in.d]
	for rest := m; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros32(rest) & 31
		dst[l] = d[l]
	}
	w.setPred(in.d2, m, inRange)
}

func decodeVote(b *builder, m *mods) error {
	if !m.has("sync") {
		return b.fail("vote without .sync is not supported")
	}
	mode := m.one("all", "any", "uni", "ballot")
	t, want := m.typ(), tPred
	if mode == "ballot" {
		want = tB32
	}
	if mode == "" || t != want {
		return m.badType(t)
	}
	if err := b.count(3, 3); err != nil {
		return err
	}
	ops := b.st.operands
	var err error
	if b.in.a, b.in.negate, err = b.predicate(ops[1]); err != nil {
		return err
	}
	if err = b.members(ops[2]); err != nil {
		return err
	}
	b.in.d, err = b.dst(ops[0], t)
	b.in.run = func(w *warp, in *inst, m uint32) {
		p := w.predOf(in.a, in.negate) & m
		switch mode {
		case "all":
			w.setPred(in.d, m, -bit(p == m))
		case "any":
			w.setPred(in.d, m, -bit(p != 0))
		case "uni":
			w.setPred(in.d, m, -bit(p == m || p == 0))
		default:
			w.fill(in.d, m, p)
		}
	}
	return err
}

// fill sets the lanes of m to one value.
func (w *warp) fill(col int32, m, v uint32) {
	d := &w.r32[col]
	for ; m != 0; m &= m - 1 {
		d[bits.TrailingZeros32(m)&31] = v
	}
}

func decodeMatch(b *builder, m *mods) error {
	if err := b.need(70, 60); err != nil {
		return err
	}
	mode := m.one("any", "all")
	if !m.has("sync") || mode == "" {
		return b.fail("unknown instruction %s", b.st.op)
	}
	t := m.typ()
	if t != tB32 && t != tB64 {
		return m.badType(t)
	}
	if err := b.count(3, 3); err != nil {
		return err
	}
	ops := b.st.operands
	dst, pair := ops[0], operand{kind: opSink}
	if dst.kind == opPair && mode == "all" {
		dst, pair = dst.sub[0], dst.sub[1]
	}
	var err error
	if b.in.a, err = b.source(ops[1], t); err != nil {
		return err
	}
	if err = b.members(ops[2]); err != nil {
		return err
	}
	if b.in.d, err = b.dst(dst, tB32); err != nil {
		return err
	}
	if b.in.d2, err = b.dst(pair, tPred); err != nil {
		return err
	}
	wide := t == tB64
	b.in.run = func(w *warp, in *inst, m uint32) {
		var found col32
		same := true
		for l := range 32 {
			for k := range 32 {
				if m>>l&1 != 0 && m>>k&1 != 0 && w.lane(in.a, wide, l) == w.lane(in.a, wide, k) {
					found[l] |= 1 << k
				}
			}
			same = same && (m>>l&1 == 0 || found[l] == m)
		}
		for rest := m; rest != 0; rest &= rest - 1 {
			l := bits.TrailingZeros32(rest) & 31
			if mode == "all" && !same {
				found[l] = 0
			}
			w.r32[in.d][l] = found[l]
		}
		w.setPred(in.d2, m, -bit(same))
	}
	return nil
}

func decodeActivemask(b *builder, m *mods) error {
	if err := b.need(30, 62); err != nil {
		return err
	}
	if t := m.typ(); t != tB32 {
		return m.badType(t)
	}
	if err := b.count(1, 1); err != nil {
		return err
	}
	var err error
	b.in.d, err = b.dst(b.st.operands[0], tB32)
	b.in.class = ClassShuffle
	b.in.run = func(w *warp, in *inst, m uint32) { w.fill(in.d, m, m) }
	return err
}

func decodeRedux(b *builder, m *mods) error {
	if err := b.need(80, 70); err != nil {
		return err
	}
	op := m.one("add", "min", "max", "and", "or", "xor")
	t := m.typ()
	ok := t == tB32 && (op == "and" || op == "or" || op == "xor") || (t == tU32 || t == tS32) && (op == "add" || op == "min" || op == "max")
	if !m.has("sync") || !ok {
		return b.fail("unknown instruction %s", b.st.op)
	}
	if err := b.count(3, 3); err != nil {
		return err
	}
	f := atomicOp(op, t, false)
	ops := b.st.operands
	var err error
	if b.in.a, err = b.source(ops[1], t); err != nil {
		return err
	}
	if err = b.members(ops[2]); err != nil {
		return err
	}
	b.in.d, err = b.dst(ops[0], t)
	b.in.run = func(w *warp, in *inst, m uint32) {
		a := w.s32(in.a)
		r := uint64(a[bits.TrailingZeros32(m)&31])
		for rest := m & (m - 1); rest != 0; rest &= rest - 1 {
			r = f(r, uint64(a[bits.TrailingZeros32(rest)&31]), 0)
		}
		w.fill(in.d, m, uint32(r))
	}
	return err
}
