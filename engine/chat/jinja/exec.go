package jinja

// signal is how a statement ends.
type signal int

const (
	sigNone signal = iota
	sigBreak
	sigContinue
)

func (st *state) execBody(body []stmt, sc *scope) signal {
	st.enter()
	defer st.leave()
	for _, s := range body {
		st.step()
		if sig := s.exec(st, sc); sig != sigNone {
			return sig
		}
	}
	return sigNone
}

func (s *textStmt) exec(st *state, sc *scope) signal {
	st.write(s.text)
	return sigNone
}

func (s *outputStmt) exec(st *state, sc *scope) signal {
	st.line = s.line
	st.write(st.str(st.eval(s.value, sc)))
	return sigNone
}

func (s *ifStmt) exec(st *state, sc *scope) signal {
	st.line = s.line
	if truth(st.eval(s.test, sc)) {
		return st.execBody(s.then, sc)
	}
	return st.execBody(s.rest, sc)
}

func (s *setStmt) exec(st *state, sc *scope) signal {
	st.line = s.line
	st.assign(s.target, st.eval(s.value, sc), sc)
	return sigNone
}

func (s *setBlockStmt) exec(st *state, sc *scope) signal {
	st.line = s.line
	inner := &scope{parent: sc}
	var v any = st.capture(func() { st.execBody(s.body, inner) })
	if s.filter != nil {
		v = st.applyChain(s.filter, v, inner)
	}
	st.assign(s.target, v, sc)
	return sigNone
}

// applyChain runs a chain of filters whose innermost input is v.
func (st *state) applyChain(e expr, v any, sc *scope) any {
	f, ok := e.(*filterExpr)
	if !ok {
		fail("TemplateSyntaxError", "expected a filter")
	}
	if f.input != nil {
		v = st.applyChain(f.input, v, sc)
	}
	return f.apply(st, sc, v)
}

func (s *filterStmt) exec(st *state, sc *scope) signal {
	st.line = s.line
	inner := &scope{parent: sc}
	out := st.capture(func() { st.execBody(s.body, inner) })
	st.write(st.str(st.applyChain(s.filter, out, inner)))
	return sigNone
}

func (s *withStmt) exec(st *state, sc *scope) signal {
	inner := &scope{parent: sc}
	values := st.evalAll(s.values, sc)
	for i, t := range s.targets {
		st.assign(t, values[i], inner)
	}
	return st.execBody(s.body, inner)
}

func (s *scopeStmt) exec(st *state, sc *scope) signal {
	return st.execBody(s.body, &scope{parent: sc})
}

func (s *flowStmt) exec(st *state, sc *scope) signal { return s.sig }

func (s *macroStmt) exec(st *state, sc *scope) signal {
	sc.set(s.macro.name, &macro{def: s.macro, scope: sc})
	return sigNone
}

func (s *callBlockStmt) exec(st *state, sc *scope) signal {
	st.line = s.line
	call := s.call.(*callExpr)
	callee := st.eval(call.callee, sc)
	a := st.evalArgs(call.args, sc)
	a.named = append(a.named, namedArg{"caller", &macro{def: s.caller, scope: sc}})
	st.line = s.line
	st.write(st.str(st.call(callee, a)))
	return sigNone
}

// assign binds a target in sc.
func (st *state) assign(t target, v any, sc *scope) {
	switch {
	case t.parts != nil:
		it := st.iterate(v)
		for i, part := range t.parts {
			item, ok := it()
			if !ok {
				fail("ValueError", "not enough values to unpack (expected %d, got %d)", len(t.parts), i)
			}
			st.assign(part, item, sc)
		}
		if _, more := it(); more {
			fail("ValueError", "too many values to unpack (expected %d)", len(t.parts))
		}
	case t.attr != "":
		ns, ok := st.lookup(sc, t.name).(*namespace)
		if !ok {
			fail("TemplateRuntimeError", "cannot assign attribute on non-namespace object")
		}
		st.charge(32)
		ns.attrs.Set(t.attr, v)
	default:
		sc.set(t.name, v)
	}
}

func (s *forStmt) exec(st *state, sc *scope) signal {
	st.line = s.line
	s.run(st, sc, st.eval(s.iter, sc), 0)
	return sigNone
}

// run is one level of the loop; loop(x) of a recursive loop runs a deeper one.
func (s *forStmt) run(st *state, sc *scope, over any, depth int) {
	st.enter()
	defer st.leave()
	loop := &loopObject{stmt: s, scope: sc, depth: depth, index: -1}
	loop.over = over
	loop.source = s.filtered(st, sc, over)
	ran := false
	for {
		item, ok := loop.advance(st)
		if !ok {
			break
		}
		ran = true
		st.step()
		inner := &scope{parent: sc, vars: map[string]any{"loop": loop}}
		st.assign(s.target, item, inner)
		if st.execBody(s.body, inner) == sigBreak {
			break
		}
	}
	if !ran {
		st.execBody(s.otherwise, &scope{parent: sc})
	}
}

// filtered iterates over the items that pass the loop's condition, which is
// evaluated when the item is reached.
func (s *forStmt) filtered(st *state, sc *scope, over any) iterator {
	it := st.iterate(over)
	if s.test == nil {
		return it
	}
	return func() (any, bool) {
		for {
			item, ok := it()
			if !ok {
				return nil, false
			}
			st.step()
			inner := &scope{parent: sc}
			st.assign(s.target, item, inner)
			if truth(st.eval(s.test, inner)) {
				return item, true
			}
		}
	}
}
