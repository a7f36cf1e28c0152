package emulator

import "time"

func (b *builder) moveRun(c regClass) runFn {
	switch c {
	case classPred:
		return func(w *warp, in *inst, m uint32) { w.setPred(in.d, m, w.p[in.a]) }
	case class64:
		return b.loops.mov64
	}
	return b.loops.mov32
}

func decodeMov(b *builder, m *mods) error {
	t := m.typ()
	if err := b.count(2, 2); err != nil {
		return err
	}
	if t == tNone || t.size() == 1 {
		return m.badType(t)
	}
	dst, src := b.st.operands[0], b.st.operands[1]
	switch {
	case src.kind == opVector:
		return b.pack(t, dst, src.sub)
	case dst.kind == opVector:
		return b.unpack(t, dst.sub, src)
	case t == tPred && src.kind == opInt:
		value := -bit(src.value != 0)
		b.in.run = func(w *warp, in *inst, m uint32) { w.setPred(in.d, m, value) }
		var err error
		b.in.d, err = b.dst(dst, tPred)
		return err
	case src.kind == opReg && b.reg(src.reg).class == classPred, t == tPred:
		a, negate, err := b.predicate(src)
		if err != nil {
			return err
		}
		if negate || t != tPred {
			return b.fail("bad operand of %s", b.st.op)
		}
		b.in.a = a
		b.in.d, err = b.dst(dst, tPred)
		b.in.copies, b.in.run = true, b.moveRun(classPred)
		return err
	}
	b.in.run = b.moveRun(t.class())
	b.in.copies = src.kind == opReg
	if src.kind == opInt && t.float() {
		return b.fail("integer as a .%v operand of %s", t, b.st.op)
	}
	return b.bind(t, t)
}

// pack is mov.b64 d, {a, b}: the first member becomes the lowest bits.
func (b *builder) pack(t scalar, dst operand, members []operand) error {
	part, err := b.partType(t, len(members))
	if err != nil {
		return err
	}
	cols := make([]int32, len(members))
	for i, o := range members {
		if cols[i], err = b.source(o, part); err != nil {
			return err
		}
	}
	b.in.d, err = b.dst(dst, t)
	width := part.bits()
	wide := t.size() == 8
	b.in.run = func(w *warp, in *inst, m uint32) {
		var v col64
		for j, c := range cols {
			s := w.s32(c)
			for i := range v {
				v[i] |= uint64(s[i]) << (j * width)
			}
		}
		w.store(in.d, wide, &v, m)
	}
	return err
}

// store puts a column of 64-bit values into a register of either width.
func (w *warp) store(col int32, wide bool, v *col64, m uint32) {
	if wide {
		copy(w.out64(col, m), v[:])
		w.keep64(col, m)
		return
	}
	d := w.out32(col, m)
	for i := range d {
		d[i] = uint32(v[i])
	}
	w.keep32(col, m)
}

func (b *builder) partType(t scalar, n int) (scalar, error) {
	if t.untyped() && n > 0 && t.size()%n == 0 {
		switch t.size() / n {
		case 1:
			return tB8, nil
		case 2:
			if n > 1 {
				return tB16, nil
			}
		case 4:
			if n > 1 {
				return tB32, nil
			}
		}
	}
	return tNone, b.fail("%s of %d members", b.st.op, n)
}

func (b *builder) unpack(t scalar, members []operand, src operand) error {
	part, err := b.partType(t, len(members))
	if err != nil {
		return err
	}
	if b.in.a, err = b.source(src, t); err != nil {
		return err
	}
	cols := make([]int32, len(members))
	for i, o := range members {
		if cols[i], err = b.dst(o, part); err != nil {
			return err
		}
	}
	width := part.bits()
	mask := uint32(1<<width - 1)
	wide := t.size() == 8
	b.in.run = func(w *warp, in *inst, m uint32) {
		// The source may be overwritten by one of its own parts, so it is copied.
		var v col64
		for i := range v {
			v[i] = w.lane(in.a, wide, i)
		}
		for j, c := range cols {
			d := w.out32(c, m)
			for i := range d {
				d[i] = uint32(v[i]>>(j*width)) & mask
			}
			w.keep32(c, m)
		}
	}
	return nil
}

// runSpecial reads a special register that changes as the warp runs. The clock
// counts the warp's instructions.
func runSpecial(kind special) runFn {
	return func(w *warp, in *inst, m uint32) {
		var v col64
		now := uint64(w.steps + int64(w.now-w.began))
		if kind == spTimer {
			now = uint64(time.Now().UnixNano())
		} else if kind == spClockHi {
			now >>= 32
		}
		for i := range v {
			v[i] = now
		}
		w.store(in.d, kind.wide(), &v, m)
	}
}

// initialSpecial fills a special register that stays as it is.
func (w *warp) initialSpecial(kind special) col64 {
	b := w.block
	same := uint64(0)
	var v col64
	switch kind {
	case spNtidX:
		same = uint64(b.dim.X)
	case spNtidY:
		same = uint64(b.dim.Y)
	case spNtidZ:
		same = uint64(b.dim.Z)
	case spCtaidX:
		same = uint64(b.id.X)
	case spCtaidY:
		same = uint64(b.id.Y)
	case spCtaidZ:
		same = uint64(b.id.Z)
	case spNctaidX:
		same = uint64(b.grid.X)
	case spNctaidY:
		same = uint64(b.grid.Y)
	case spNctaidZ:
		same = uint64(b.grid.Z)
	case spWarp:
		same = uint64(w.index)
	case spNwarp:
		same = uint64(len(b.warps))
	case spSM:
		same = uint64(b.number % int64(b.device.cfg.SMs))
	case spNsm:
		same = uint64(b.device.cfg.SMs)
	case spDynamicShared:
		same = uint64(b.dynamic)
	case spTotalShared:
		same = uint64(len(b.shared))
	default:
		for i := range v {
			v[i] = w.perLane(kind, i)
		}
		return v
	}
	for i := range v {
		v[i] = same
	}
	return v
}

func (w *warp) perLane(kind special, lane int) uint64 {
	t := w.block.threadOf(w.index*32 + lane)
	switch kind {
	case spTidX:
		return uint64(t.X)
	case spTidY:
		return uint64(t.Y)
	case spTidZ:
		return uint64(t.Z)
	case spLane:
		return uint64(lane)
	case spMaskEq:
		return 1 << lane
	case spMaskLt:
		return 1<<lane - 1
	case spMaskLe:
		return 2<<lane - 1
	case spMaskGt:
		return uint64(^uint32(2<<lane - 1))
	case spMaskGe:
		return uint64(^uint32(1<<lane - 1))
	}
	return 0 // gridid
}

func decodeCvta(b *builder, m *mods) error {
	to := m.has("to")
	name := m.one("global", "shared", "local", "const", "param")
	if name == "shared" {
		m.has("cta")
	}
	t := m.typ()
	if t != tU64 && !(t == tU32 && !to) || name == "" {
		return m.badType(t)
	}
	window := spaceNames[name].window()
	if name == "const" {
		window = 0 // constant memory has one address in both spaces
	}
	if to {
		window = -window
	}
	b.in.class = ClassInt
	b.in.run = unary64(func(x uint64) uint64 { return x + window })
	if window == 0 {
		b.in.run = b.loops.mov64
	}
	return b.bind(tU64, tU64)
}

func decodeIsspacep(b *builder, m *mods) error {
	name := m.one("global", "shared", "local", "const", "param")
	if name == "" {
		return b.fail("isspacep without a space")
	}
	sp := spaceNames[name]
	b.in.run = func(w *warp, in *inst, m uint32) {
		r := uint32(0)
		for l, a := range w.s64(in.a) {
			if s := spaceOf(a); s == sp {
				r |= 1 << l
			}
		}
		w.setPred(in.d, m, r)
	}
	return b.bind(tPred, tU64)
}

// spaceOf says in which window a generic address lies.
func spaceOf(a uint64) space {
	for _, s := range [...]space{spaceShared, spaceLocal, spaceConst, spaceParam} {
		if a-s.window() < windowSize {
			return s
		}
	}
	return spaceGlobal
}
