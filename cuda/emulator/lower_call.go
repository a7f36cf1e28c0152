package emulator

// decodeCall copies the called function into the caller: registers are fresh,
// parameters of call and callee share their place in local memory.
func decodeCall(b *builder, m *mods) error {
	m.has("uni")
	if err := m.done(); err != nil {
		return err
	}
	st, caller := b.st, b.frame
	if st.guard >= 0 {
		return b.fail("a guarded call is not supported: branch round it")
	}
	var rets, args []operand
	ops := st.operands
	if len(ops) > 0 && ops[0].kind == opList {
		rets, ops = ops[0].sub, ops[1:]
	}
	if len(ops) == 0 || ops[0].kind != opName {
		return b.fail("call of something that is no function: indirect calls are not supported")
	}
	if len(ops) == 2 && ops[1].kind == opList {
		args = ops[1].sub
	} else if len(ops) != 1 {
		return b.fail("bad operands of call")
	}
	fn := b.src.byName[ops[0].name]
	switch {
	case fn == nil || !fn.defined || fn.entry:
		return b.fail("call of unknown function %s", ops[0].name)
	case b.uses[fn.name]:
		return b.fail("recursive call of %s: calls are inlined", fn.name)
	case len(args) != len(fn.params) || len(rets) != len(fn.rets):
		return b.fail("call of %s with %d arguments and %d results: it has %d and %d", fn.name, len(args), len(rets), len(fn.params), len(fn.rets))
	}
	callee := b.enter(fn)
	for i, v := range fn.params {
		if err := b.pass(caller, callee, v, args[i], true); err != nil {
			return err
		}
	}
	for i, v := range fn.rets {
		if v.space == spaceParam {
			if err := b.pass(caller, callee, v, rets[i], false); err != nil {
				return err
			}
		}
	}
	if err := b.inline(callee); err != nil {
		return err
	}
	b.frame, b.st = caller, st
	end := int32(len(b.prog.code))
	for _, r := range callee.returns {
		b.prog.code[r].target = end
	}
	for i, v := range fn.rets {
		if err := b.result(callee, v, rets[i]); err != nil {
			return err
		}
	}
	b.in = &inst{guard: -1}
	return nil
}

// pass binds one parameter: by place for .param, by a move for .reg.
func (b *builder) pass(caller, callee *frame, v *variable, arg operand, in bool) error {
	b.frame = caller
	defer func() { b.frame = callee }()
	if v.space == spaceParam && arg.kind == opVar {
		p, ok := b.placeOf(arg.v)
		if !ok || arg.v.space != spaceParam || p.space != spaceLocal || arg.v.size != v.size {
			return b.fail("argument %s does not match parameter %s", arg.v.name, v.name)
		}
		callee.places[v] = p
		return nil
	}
	if v.space == spaceParam {
		p := b.local(v.size, v.align)
		callee.places[v] = p
		if !in {
			return nil // the result is loaded behind the call
		}
		return b.spill(v, p, arg, true)
	}
	b.frame = callee
	to := b.reg(v.reg)
	b.frame = caller
	return b.move(to, arg)
}

// result hands one result to the caller.
func (b *builder) result(callee *frame, v *variable, to operand) error {
	if v.space == spaceParam {
		if to.kind == opVar {
			return nil
		}
		return b.spill(v, callee.places[v], to, false)
	}
	if to.kind != opReg || callee.regs[v.reg] == nil {
		return b.fail("result %s of the call is never set or goes to no register", v.name)
	}
	from := *callee.regs[v.reg]
	b.in = &inst{guard: -1, line: int32(b.st.line), class: ClassOther}
	d, err := b.dst(to, v.typ)
	if err != nil {
		return err
	}
	b.in.d, b.in.a, b.in.run = d, b.read(from), b.moveRun(from.class)
	b.append(*b.in)
	return nil
}

func (b *builder) move(to preg, arg operand) error {
	b.in = &inst{guard: -1, line: int32(b.st.line), class: ClassOther}
	a, err := b.source(arg, to.typ)
	if err != nil {
		return err
	}
	b.in.a, b.in.d, b.in.run = a, b.write(to), b.moveRun(to.class)
	b.append(*b.in)
	return nil
}

// spill stores a register or constant to a parameter, or loads it from there.
func (b *builder) spill(v *variable, p place, o operand, store bool) error {
	b.in = &inst{guard: -1, line: int32(b.st.line), class: ClassLocal}
	op := &memOp{space: spaceLocal, size: v.typ.size(), n: 1, offset: uint64(p.offset), store: store}
	if v.size != int64(v.typ.size()) {
		return b.fail("parameter %s is an array: it must be passed as a .param variable", v.name)
	}
	if err := b.memValue(op, 0, o, v.typ); err != nil {
		return err
	}
	b.in.mem, b.in.run = op, runLoad
	if store {
		b.in.run = runStore
	}
	b.append(*b.in)
	return nil
}
