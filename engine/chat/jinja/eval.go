package jinja

func (e *constExpr) eval(st *state, sc *scope) any { return e.value }

func (e *nameExpr) eval(st *state, sc *scope) any {
	st.step()
	st.line = e.line
	return st.lookup(sc, e.name)
}

func (st *state) evalAll(items []expr, sc *scope) []any {
	st.needItems(len(items))
	values := make([]any, len(items))
	for i, item := range items {
		values[i] = st.eval(item, sc)
	}
	return values
}

// eval evaluates a nested expression, one level deeper.
func (st *state) eval(e expr, sc *scope) any {
	st.enter()
	st.step()
	v := e.eval(st, sc)
	st.leave()
	return v
}

func (e *listExpr) eval(st *state, sc *scope) any { return &List{Items: st.evalAll(e.items, sc)} }

func (e *tupleExpr) eval(st *state, sc *scope) any {
	return &List{Items: st.evalAll(e.items, sc), Tuple: true}
}

func (e *dictExpr) eval(st *state, sc *scope) any {
	d := NewDict()
	st.needItems(2 * len(e.keys))
	for i := range e.keys {
		k := st.eval(e.keys[i], sc)
		d.Set(k, st.eval(e.values[i], sc))
	}
	return d
}

func (e *negExpr) eval(st *state, sc *scope) any { return negate(e.op, st.eval(e.term, sc)) }

func (e *notExpr) eval(st *state, sc *scope) any { return !truth(st.eval(e.term, sc)) }

func (e *logicExpr) eval(st *state, sc *scope) any {
	left := st.eval(e.left, sc)
	if truth(left) != e.and {
		return left
	}
	return st.eval(e.right, sc)
}

func (e *binaryExpr) eval(st *state, sc *scope) any {
	left := st.eval(e.left, sc)
	right := st.eval(e.right, sc)
	st.line = e.line
	return st.binary(e.op, left, right)
}

func (e *concatExpr) eval(st *state, sc *scope) any {
	parts := make([]string, len(e.items))
	for i, item := range e.items {
		parts[i] = st.str(st.eval(item, sc))
	}
	return st.concat(parts...)
}

func (e *compareExpr) eval(st *state, sc *scope) any {
	left := st.eval(e.first, sc)
	for i, op := range e.ops {
		right := st.eval(e.terms[i], sc)
		st.line = e.line
		if !st.compare(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

func (e *condExpr) eval(st *state, sc *scope) any {
	if truth(st.eval(e.test, sc)) {
		return st.eval(e.then, sc)
	}
	if e.otherwise == nil {
		return &undefined{hint: "the inline if-expression evaluated to false and no else section was defined"}
	}
	return st.eval(e.otherwise, sc)
}

func (e *attrExpr) eval(st *state, sc *scope) any {
	v := st.eval(e.object, sc)
	st.line = e.line
	return st.getAttr(v, e.name)
}

func (e *itemExpr) eval(st *state, sc *scope) any {
	v := st.eval(e.object, sc)
	if s, ok := e.index.(*sliceExpr); ok {
		bounds := [3]any{}
		for i, b := range []expr{s.start, s.stop, s.step} {
			if b != nil {
				bounds[i] = st.eval(b, sc)
			}
		}
		st.line = e.line
		return st.slice(v, bounds)
	}
	index := st.eval(e.index, sc)
	st.line = e.line
	return st.getItem(v, index)
}

func (e *sliceExpr) eval(st *state, sc *scope) any {
	fail("TypeError", "a slice can only stand alone between brackets")
	return nil
}

func (e *callExpr) eval(st *state, sc *scope) any {
	callee := st.eval(e.callee, sc)
	a := st.evalArgs(e.args, sc)
	st.line = e.line
	return st.call(callee, a)
}

func (e *filterExpr) eval(st *state, sc *scope) any { return e.apply(st, sc, st.eval(e.input, sc)) }

func (e *filterExpr) apply(st *state, sc *scope, input any) any {
	a := st.evalArgs(e.args, sc)
	st.line = e.line
	return st.filter(e.name, input, a)
}

func (e *testExpr) eval(st *state, sc *scope) any {
	v := st.eval(e.input, sc)
	a := st.evalArgs(e.args, sc)
	st.line = e.line
	return st.test(e.name, v, a) != e.negate
}
