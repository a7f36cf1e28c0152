package emulator

// register finds a declared register by name, in the innermost scope first.
func (p *parser) register(name string) (int, bool) {
	for s := p.scope; s != nil; s = s.parent {
		if sym, ok := s.names[name]; ok {
			return sym.reg, sym.v == nil
		}
		for _, r := range s.ranges {
			if !r.has(name) {
				continue
			}
			reg, err := p.newRegister(r.typ, name)
			if err != nil {
				return 0, false
			}
			s.names[name] = symbol{reg: reg}
			return reg, true
		}
	}
	return 0, false
}

func (p *parser) newRegister(t scalar, name string) (int, error) {
	if len(p.fn.regs) >= maxRegisters {
		return 0, errorAt(p.peek().line, "function %s uses too many registers", p.fn.name)
	}
	p.fn.regs = append(p.fn.regs, t)
	p.fn.names = append(p.fn.names, name)
	return len(p.fn.regs) - 1, nil
}

func (p *parser) lookup(name string) *variable {
	for s := p.scope; s != nil; s = s.parent {
		if sym, ok := s.names[name]; ok {
			return sym.v
		}
	}
	return nil
}

func (p *parser) operand(depth int) (operand, error) {
	t := p.peek()
	if depth > 4 {
		return operand{}, errorAt(t.line, "operand nested too deeply")
	}
	switch {
	case t.text == "[":
		return p.address()
	case t.text == "{":
		return p.group("}", opVector, depth)
	case t.text == "(" && p.listAhead():
		return p.group(")", opList, depth)
	case t.text == "!":
		p.next()
		o, err := p.operand(depth + 1)
		if err == nil && o.kind != opReg {
			err = errorAt(t.line, "! before something that is no predicate")
		}
		o.negate = true
		return o, err
	case t.kind == tokWord:
		p.next()
		o, err := p.word(t)
		if err != nil {
			return o, err
		}
		if p.accept("|") {
			second, err := p.operand(depth + 1)
			if err != nil {
				return o, err
			}
			return operand{kind: opPair, sub: []operand{o, second}, line: t.line}, nil
		}
		if o.kind == opVar && (p.peek().text == "+" || p.peek().text == "-") {
			c, err := p.integer("offset", -1<<40, 1<<40)
			o.offset = c
			return o, err
		}
		return o, nil
	}
	c, err := p.expression(1, 0)
	if err != nil {
		return operand{}, err
	}
	o := operand{kind: opInt, value: c.bits, line: t.line}
	if c.float {
		o.kind, o.wide = opFloat, c.wide
	}
	return o, nil
}

// listAhead tells the (a, b) of a call from a parenthesised constant.
func (p *parser) listAhead() bool {
	t := p.tokens[p.at+1]
	return t.kind == tokWord || t.text == ")"
}

func (p *parser) word(t token) (operand, error) {
	o := operand{line: t.line, name: t.text}
	if t.text == "_" {
		o.kind = opSink
		return o, nil
	}
	if r, ok := p.register(t.text); ok {
		o.kind, o.reg = opReg, r
		return o, nil
	}
	if v := p.lookup(t.text); v != nil {
		if v.space == spaceReg {
			o.kind, o.reg = opReg, v.reg
			return o, nil
		}
		o.kind, o.v = opVar, v
		return o, nil
	}
	if t.text == "WARP_SZ" {
		o.kind, o.value = opInt, 32
		return o, nil
	}
	if t.text[0] == '%' {
		if _, ok := specials[t.text]; ok {
			o.kind = opSpecial
			return o, nil
		}
		return o, errorAt(t.line, "unknown register %s", t.text)
	}
	if t.text[0] == '.' {
		return o, errorAt(t.line, "unexpected %s", t.text)
	}
	o.kind = opName
	return o, nil
}

func (p *parser) group(end string, kind operandKind, depth int) (operand, error) {
	o := operand{kind: kind, line: p.next().line}
	if p.accept(end) {
		return o, nil
	}
	for {
		m, err := p.operand(depth + 1)
		if err != nil {
			return o, err
		}
		if o.sub = append(o.sub, m); len(o.sub) > 4096 {
			return o, errorAt(o.line, "too many operands")
		}
		if p.accept(end) {
			return o, nil
		}
		if err := p.expect(","); err != nil {
			return o, err
		}
	}
}

func (p *parser) address() (operand, error) {
	o := operand{kind: opAddress, line: p.next().line}
	if t := p.peek(); t.kind == tokWord {
		p.next()
		base, err := p.word(t)
		if err != nil {
			return o, err
		}
		o.sub = []operand{base}
		if p.peek().text != "]" {
			if !p.accept("+") && p.peek().text != "-" {
				return o, errorAt(p.peek().line, "expected ] or an offset, found %q", p.peek().text)
			}
			if o.offset, err = p.integer("offset", -1<<40, 1<<40); err != nil {
				return o, err
			}
		}
	} else {
		c, err := p.integer("address", 0, 1<<62)
		if err != nil {
			return o, err
		}
		o.offset = c
	}
	return o, p.expect("]")
}
