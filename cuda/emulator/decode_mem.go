package emulator

import "math"

// bindAddress binds an address operand to op. The space decides what a variable
// in it means.
func (b *builder) bindAddress(op *memOp, o operand) error {
	if o.kind != opAddress {
		return b.fail("%s needs an address in [ ]", b.st.op)
	}
	op.offset = uint64(o.offset)
	if len(o.sub) == 0 {
		return nil
	}
	switch base := o.sub[0]; base.kind {
	case opReg:
		p := b.reg(base.reg)
		if p.class == classPred || p.typ.size() < 4 {
			return b.fail("register %s (.%v) as an address", base.name, p.typ)
		}
		op.base, op.based = b.read(p), p.class
	case opVar:
		addr, err := b.addressOf(base)
		if err != nil {
			return err
		}
		op.offset += addr
		return b.matchSpace(op, base.v)
	default:
		return b.fail("bad address of %s", b.st.op)
	}
	return nil
}

// matchSpace checks that a variable is in the space of the instruction. The
// parameters of calls are local memory.
func (b *builder) matchSpace(op *memOp, v *variable) error {
	s := v.space
	if p, ok := b.placeOf(v); ok {
		s = p.space
	}
	if v.space == spaceParam && op.space == spaceParam {
		op.space = s
	}
	switch {
	case op.space == spaceGeneric && s != spaceGlobal && s != spaceConst:
		op.offset += s.window()
	case op.space != spaceGeneric && op.space != s:
		return b.fail("%s: %s is in .%v", b.st.op, v.name, v.space)
	}
	return nil
}

// memValue binds the register of element e; it may be wider than the type.
func (b *builder) memValue(op *memOp, e int, o operand, t scalar) error {
	reg := t
	switch o.kind {
	case opReg:
		p := b.reg(o.reg)
		if err := b.fits(o, p, t, true); err != nil {
			return err
		}
		reg = p.typ
		if op.store {
			op.cols[e] = b.read(p)
		} else {
			op.cols[e] = b.write(p)
		}
	case opSink:
		if op.store {
			return b.fail("_ as a value to store")
		}
		op.cols[e] = b.write(b.newReg(t, "_"))
	default:
		if !op.store {
			return b.fail("destination of %s is no register", b.st.op)
		}
		col, err := b.source(o, t)
		if err != nil {
			return err
		}
		op.cols[e] = col
	}
	wide := reg.size() == 8
	if e > 0 && wide != op.wide {
		return b.fail("the vector of %s mixes register sizes", b.st.op)
	}
	op.wide = wide
	op.mask = uint32(uint64(1)<<min(reg.bits(), 32) - 1)
	return nil
}

// memHints takes the cache modifiers, which have no effect on results. It
// returns the number of operands that they add.
func memHints(b *builder, m *mods) (extra int, err error) {
	if m.one("L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate") != "" {
		if err := b.need(70, 74); err != nil {
			return 0, err
		}
	}
	if m.one("L2::64B", "L2::128B", "L2::256B") != "" {
		if err := b.need(75, 74); err != nil {
			return 0, err
		}
	}
	if m.has("L2::cache_hint") {
		return 1, b.need(80, 74)
	}
	return 0, nil
}

// memOrder takes the ordering modifiers; strong accesses do not race with each
// other.
func memOrder(b *builder, m *mods, op *memOp) (strong bool, err error) {
	if m.has("volatile") {
		return true, nil
	}
	if m.has("weak") {
		return false, nil
	}
	switch m.one("relaxed", "acquire", "release", "acq_rel", "mmio") {
	case "":
		return false, nil
	case "release", "acq_rel":
		op.fence = true
	}
	if m.one("cta", "cluster", "gpu", "sys") == "" {
		return false, b.fail("%s needs a scope: .cta, .gpu or .sys", b.st.op)
	}
	return true, b.need(70, 60)
}

func (b *builder) memClass(op *memOp) {
	b.in.mem = op
	switch {
	case op.space == spaceShared && op.store:
		b.in.class = ClassStoreShared
	case op.space == spaceShared:
		b.in.class = ClassLoadShared
	case op.space == spaceLocal:
		b.in.class = ClassLocal
	case op.space == spaceConst, op.space == spaceParam:
		b.in.class = ClassConst
	case op.store:
		b.in.class = ClassStoreGlobal
	default:
		b.in.class = ClassLoadGlobal
	}
	if op.space == spaceShared || op.space == spaceGeneric {
		b.prog.granule = min(b.prog.granule, op.size)
	}
}

func (m *mods) space() space {
	for name, s := range spaceNames {
		if s != spaceReg && m.has(name) {
			if s == spaceShared {
				m.has("cta")
			}
			return s
		}
		if s == spaceShared && m.has("shared::cta") {
			return s
		}
	}
	return spaceGeneric
}

func decodeLd(b *builder, m *mods) error {
	op := &memOp{}
	var err error
	if op.strong, err = memOrder(b, m, op); err != nil {
		return err
	}
	op.space = m.space()
	if m.op == "ldu" && op.space != spaceGlobal && op.space != spaceGeneric {
		return b.fail("ldu loads from .global only")
	}
	if nc := m.has("nc"); nc && op.space != spaceGlobal {
		return b.fail("ld.nc loads from .global only")
	}
	if m.op == "ld" {
		m.one("ca", "cg", "cs", "lu", "cv")
	}
	extra, err := memHints(b, m)
	if err != nil {
		return err
	}
	return decodeLoadStore(b, m, op, extra)
}

func decodeSt(b *builder, m *mods) error {
	op := &memOp{store: true}
	var err error
	if op.strong, err = memOrder(b, m, op); err != nil {
		return err
	}
	op.space = m.space()
	m.one("wb", "cg", "cs", "wt")
	extra, err := memHints(b, m)
	if err != nil {
		return err
	}
	return decodeLoadStore(b, m, op, extra)
}

// decodeLoadStore binds the vector, type, address and value of ld or st.
func decodeLoadStore(b *builder, m *mods, op *memOp, extra int) error {
	op.n = m.vector()
	t := m.typ()
	if t.size() == 0 || t.half() && t.size() != 2 {
		return m.badType(t)
	}
	op.size, op.signed = t.size(), t.signed()
	if op.width() > 16 {
		return b.fail("%s moves %d bytes a thread: at most 16", b.st.op, op.width())
	}
	if err := b.count(2+extra, 2+extra); err != nil {
		return err
	}
	value, addr := b.st.operands[0], b.st.operands[1]
	if op.store {
		value, addr = addr, value
	}
	if extra > 0 {
		if _, err := b.source(b.st.operands[2], tB64); err != nil {
			return err
		}
	}
	if err := b.bindAddress(op, addr); err != nil {
		return err
	}
	values := []operand{value}
	if value.kind == opVector {
		values = value.sub
	}
	if len(values) != op.n {
		return b.fail("%s with %d registers", b.st.op, len(values))
	}
	for e, v := range values {
		if err := b.memValue(op, e, v, t); err != nil {
			return err
		}
	}
	b.memClass(op)
	b.in.run = runLoad
	if op.store {
		b.in.run = runStore
	}
	return nil
}

// decodePrefetch covers the hints to the caches. A prefetch may name any address:
// the hardware drops those that are not mapped.
func decodePrefetch(b *builder, m *mods) error {
	m.space()
	if m.one("L1", "L2", "L2::evict_last", "L2::evict_normal") == "" {
		return b.fail("%s without a cache level", b.st.op)
	}
	n := 1
	if m.op == "discard" || m.op == "applypriority" {
		n = 2
		if err := b.need(80, 74); err != nil {
			return err
		}
	}
	if err := b.count(n, n); err != nil {
		return err
	}
	b.in.run = func(*warp, *inst, uint32) {}
	return b.bindAddress(&memOp{space: spaceGlobal}, b.st.operands[0])
}

// decodeCreatePolicy makes a cache policy, whose only use is as a hint.
func decodeCreatePolicy(b *builder, m *mods) error {
	if err := b.need(80, 74); err != nil {
		return err
	}
	if !m.has("fractional") {
		return b.fail("%s: only .fractional policies are supported", b.st.op)
	}
	m.one("L2::evict_last", "L2::evict_normal", "L2::evict_first", "L2::evict_unchanged")
	m.one("L2::evict_unchanged", "L2::evict_first")
	if t := m.typ(); t != tB64 {
		return m.badType(t)
	}
	if err := b.count(1, 2); err != nil {
		return err
	}
	if len(b.st.operands) == 2 {
		if _, err := b.source(b.st.operands[1], tF32); err != nil {
			return err
		}
	}
	var err error
	b.in.d, err = b.dst(b.st.operands[0], tB64)
	b.in.a = b.constant64(math.MaxUint64)
	b.in.run = b.loops.mov64
	return err
}
