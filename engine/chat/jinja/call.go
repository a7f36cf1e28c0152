package jinja

// args are the arguments of a call.
type args struct {
	pos   []any
	named []namedArg
}

type namedArg struct {
	name  string
	value any
}

// absent stands for an argument that was not given.
type absent struct{}

func (st *state) evalArgs(c callArgs, sc *scope) args {
	var a args
	for _, e := range c.positional {
		a.pos = append(a.pos, st.eval(e, sc))
	}
	for i, e := range c.named {
		a.addNamed(c.names[i], st.eval(e, sc))
	}
	if c.star != nil {
		a.pos = append(a.pos, st.collect(st.eval(c.star, sc))...)
		st.needItems(len(a.pos))
	}
	if c.doubleStar != nil {
		d, ok := st.eval(c.doubleStar, sc).(*Dict)
		if !ok {
			fail("TypeError", "argument after ** must be a mapping")
		}
		for i, k := range d.keys {
			name, ok := text(k)
			if !ok {
				fail("TypeError", "keywords must be strings")
			}
			a.addNamed(name, d.values[i])
		}
	}
	return a
}

func (a *args) addNamed(name string, v any) {
	for _, n := range a.named {
		if n.name == name {
			fail("TypeError", "multiple values for argument '%s'", name)
		}
	}
	a.named = append(a.named, namedArg{name, v})
}

// bind orders the arguments by the parameter names of a built-in; the values of
// those not given are absent{}. The first required must be there.
func (a args) bind(callee string, required int, names ...string) []any {
	if len(a.pos) > len(names) {
		fail("TypeError", "%s() takes at most %d arguments (%d given)", callee, len(names), len(a.pos))
	}
	values := make([]any, len(names))
	for i := range values {
		values[i] = absent{}
	}
	copy(values, a.pos)
	for _, n := range a.named {
		i := 0
		for i < len(names) && names[i] != n.name {
			i++
		}
		if i == len(names) {
			fail("TypeError", "%s() got an unexpected keyword argument '%s'", callee, n.name)
		}
		if values[i] != (absent{}) {
			fail("TypeError", "%s() got multiple values for argument '%s'", callee, n.name)
		}
		values[i] = n.value
	}
	for i := range required {
		if values[i] == (absent{}) {
			fail("TypeError", "%s() missing required argument '%s'", callee, names[i])
		}
	}
	return values
}

// positional is bind for built-ins that take no named arguments.
func (a args) positional(callee string, min, max int) []any {
	if len(a.named) > 0 {
		fail("TypeError", "%s() takes no keyword arguments", callee)
	}
	if len(a.pos) < min || len(a.pos) > max {
		fail("TypeError", "%s() takes %d to %d arguments (%d given)", callee, min, max, len(a.pos))
	}
	values := make([]any, max)
	for i := range values {
		values[i] = absent{}
	}
	copy(values, a.pos)
	return values
}

// take removes a named argument.
func (a *args) take(name string) (any, bool) {
	for i, n := range a.named {
		if n.name == name {
			rest := append([]namedArg{}, a.named[:i]...)
			a.named = append(rest, a.named[i+1:]...)
			return n.value, true
		}
	}
	return nil, false
}

func given(v any) bool { return v != (absent{}) }

// or returns v, or d if it was not given.
func or(v, d any) any {
	if given(v) {
		return v
	}
	return d
}

func (st *state) call(callee any, a args) any {
	st.step()
	st.enter()
	defer st.leave()
	switch f := callee.(type) {
	case *macro:
		return f.call(st, a)
	case *method:
		return f.call(st, f.self, a)
	case *function:
		return f.call(st, a)
	case *loopObject:
		v := a.positional("loop", 1, 1)[0]
		if !f.stmt.recursive {
			fail("TypeError", "the loop must have the 'recursive' marker to be called")
		}
		return st.capture(func() { f.stmt.run(st, f.scope, v, f.depth+1) })
	case *joiner:
		return f.next()
	case *undefined:
		f.raise()
	}
	fail("TypeError", "'%s' object is not callable", typeName(callee))
	return nil
}

// macro is a macro with the scope it was defined in.
type macro struct {
	def   *macroDef
	scope *scope
}

func (m *macro) call(st *state, a args) any {
	d := m.def
	sc := &scope{vars: map[string]any{}, parent: m.scope}
	caller, hasCaller := a.take("caller")
	for i, name := range d.params {
		v, named := a.take(name)
		switch {
		case i < len(a.pos):
			if named {
				fail("TypeError", "macro '%s' got multiple values for argument '%s'", d.name, name)
			}
			v = a.pos[i]
		case named:
		case d.defaults[i] != nil:
			v = st.eval(d.defaults[i], sc)
		default:
			v = &undefined{hint: "parameter '" + name + "' was not provided"}
		}
		sc.vars[name] = v
	}
	if d.caller {
		if !hasCaller {
			caller = &undefined{hint: "no caller defined"}
		}
		sc.vars["caller"] = caller
	} else if hasCaller {
		fail("TypeError", "macro '%s' does not use caller and cannot stand in a call block", d.name)
	}
	if extra := len(a.pos) - len(d.params); d.varargs {
		rest := &List{Tuple: true}
		if extra > 0 {
			rest.Items = a.pos[len(d.params):]
		}
		sc.vars["varargs"] = rest
	} else if extra > 0 {
		fail("TypeError", "macro '%s' takes not more than %d argument(s)", d.name, len(d.params))
	}
	if d.kwargs {
		k := NewDict()
		for _, n := range a.named {
			k.Set(n.name, n.value)
		}
		sc.vars["kwargs"] = k
	} else if len(a.named) > 0 {
		fail("TypeError", "macro '%s' takes no keyword argument '%s'", d.name, a.named[0].name)
	}
	return st.capture(func() { st.execBody(d.body, sc) })
}

func (m *macro) attr(st *state, name string) (any, bool) {
	switch name {
	case "name":
		return m.def.name, true
	case "arguments":
		l := &List{Tuple: true}
		for _, p := range m.def.params {
			l.Items = append(l.Items, p)
		}
		return l, true
	case "catch_varargs":
		return m.def.varargs, true
	case "catch_kwargs":
		return m.def.kwargs, true
	case "caller":
		return m.def.caller, true
	}
	return nil, false
}

func (m *macro) typeName() string { return "Macro" }
