package emulator

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

const (
	maxVariable  = 64 << 20 // bytes of one variable
	maxVariables = 1 << 13
)

func (p *parser) declare(v *variable) error {
	if _, dup := p.scope.names[v.name]; dup {
		if old := p.scope.names[v.name]; old.v == nil || !old.v.extrn {
			return errorAt(v.line, "%s is declared twice", v.name)
		}
	}
	v.reg = -1
	if v.space == spaceReg {
		r, err := p.newRegister(v.typ, v.name)
		if err != nil {
			return err
		}
		v.reg = r
	}
	p.scope.names[v.name] = symbol{v: v}
	return nil
}

// registers parses .reg .f32 %a, %b<10>;
func (p *parser) registers() error {
	p.next()
	typ, err := p.scalarType()
	if err != nil {
		return err
	}
	for {
		t, err := p.name()
		if err != nil {
			return err
		}
		_, vector := specials[t.text+".x"]
		if _, taken := specials[t.text]; taken || vector {
			return errorAt(t.line, "%s is a special register", t.text)
		}
		if p.accept("<") {
			n, err := p.integerAbove(9, "register count", 0, math.MaxInt32)
			if err != nil {
				return err
			}
			if err := p.expect(">"); err != nil {
				return err
			}
			r := regRange{t.text, n, typ}
			if name, dup := p.scope.clash(r); dup {
				return errorAt(t.line, "%s is declared twice", name)
			}
			p.scope.ranges = append(p.scope.ranges, r)
			if len(p.scope.ranges) > 256 {
				return errorAt(t.line, "too many register declarations")
			}
		} else {
			if p.scope.declared(t.text) {
				return errorAt(t.line, "%s is declared twice", t.text)
			}
			r, err := p.newRegister(typ, t.text)
			if err != nil {
				return err
			}
			p.scope.names[t.text] = symbol{reg: r}
		}
		if !p.accept(",") {
			return p.expect(";")
		}
	}
}

// declared reports whether the scope has a name, by itself or as one of a range.
func (s *scope) declared(name string) bool {
	_, ok := s.names[name]
	for _, r := range s.ranges {
		ok = ok || r.has(name)
	}
	return ok
}

// clash finds a name that the scope has already and that the range would declare again.
func (s *scope) clash(r regRange) (string, bool) {
	for name := range s.names {
		if r.has(name) {
			return name, true
		}
	}
	for _, old := range s.ranges {
		if old.prefix == r.prefix && min(old.count, r.count) > 0 {
			return r.prefix + "0", true
		}
	}
	return "", false
}

// has reports whether a name is one of the range's: the prefix and a number below count.
func (r regRange) has(name string) bool {
	tail, ok := strings.CutPrefix(name, r.prefix)
	if !ok || tail == "" || len(tail) > 9 || tail[0] == '0' && len(tail) > 1 || tail[0] == '+' {
		return false
	}
	n, err := strconv.ParseInt(tail, 10, 64)
	return err == nil && n >= 0 && n < r.count
}

func (p *parser) scalarType() (scalar, error) {
	t := p.next()
	if t.kind == tokWord && t.text[0] == '.' {
		if s, ok := scalarNames[t.text[1:]]; ok {
			return s, nil
		}
	}
	return tNone, errorAt(t.line, "unknown type %s", t.text)
}

// variables parses one declaration statement, with its initial values.
func (p *parser) variables(extern bool) ([]*variable, error) {
	first, err := p.declaration()
	if err != nil {
		return nil, err
	}
	first.extrn = extern
	list := []*variable{first}
	for {
		v := list[len(list)-1]
		if p.accept("=") {
			if v.space != spaceGlobal && v.space != spaceConst {
				return nil, errorAt(v.line, "%s: only .global and .const variables have initial values", v.name)
			}
			if err := p.initial(v); err != nil {
				return nil, err
			}
		}
		if v.size == 0 && !(extern && v.space == spaceShared) {
			return nil, errorAt(v.line, "%s has no size", v.name)
		}
		if err := p.declare(v); err != nil {
			return nil, err
		}
		if len(p.src.vars)+len(list) > maxVariables || p.fn != nil && len(p.fn.locals) > maxVariables {
			return nil, errorAt(v.line, "too many variables")
		}
		if !p.accept(",") {
			return list, p.expect(";")
		}
		w := &variable{space: first.space, typ: first.typ, align: first.align, extrn: extern}
		if err := p.declarator(w, int64(w.typ.size())); err != nil {
			return nil, err
		}
		list = append(list, w)
	}
}

// declaration parses space, alignment, vector, type, name and dimensions.
func (p *parser) declaration() (*variable, error) {
	t := p.next()
	v := &variable{line: t.line}
	name, dotted := strings.CutPrefix(t.text, ".")
	sp, ok := spaceNames[name]
	if !ok || !dotted {
		return nil, errorAt(t.line, "unknown state space %s", t.text)
	}
	v.space = sp
	vec := int64(1)
	for {
		switch t := p.peek(); t.text {
		case ".align":
			p.next()
			n, err := p.integer(".align", 1, 1<<16)
			if err != nil {
				return nil, err
			}
			if n&(n-1) != 0 {
				return nil, errorAt(t.line, ".align %d is no power of two", n)
			}
			v.align = n
			continue
		case ".v2":
			p.next()
			vec = 2
			continue
		case ".v4":
			p.next()
			vec = 4
			continue
		}
		break
	}
	typ, err := p.scalarType()
	if err != nil {
		return nil, err
	}
	v.typ = typ
	if typ == tPred && v.space != spaceReg {
		return nil, errorAt(t.line, "a predicate has no place in memory")
	}
	if p.accept(".ptr") { // .ptr .global .align 16: a hint about a pointer parameter
		for p.peek().kind == tokWord && p.peek().text[0] == '.' {
			if p.next().text == ".align" {
				if _, err := p.integer(".align", 1, 1<<16); err != nil {
					return nil, err
				}
			}
		}
	}
	unit := int64(typ.size()) * vec
	v.align = max(v.align, unit, 1)
	return v, p.declarator(v, unit)
}

func (p *parser) declarator(v *variable, unit int64) error {
	t, err := p.name()
	if err != nil {
		return err
	}
	v.name, v.line, v.size = t.text, t.line, unit
	for p.accept("[") {
		if p.accept("]") {
			v.size = 0
			continue
		}
		n, err := p.integer("array length", 0, maxVariable)
		if err != nil {
			return err
		}
		if v.size *= n; v.size > maxVariable {
			return errorAt(t.line, "%s is larger than %d bytes", v.name, maxVariable)
		}
		if err := p.expect("]"); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) initial(v *variable) error {
	if err := p.initialList(v, 0); err != nil {
		return err
	}
	if v.size == 0 {
		v.size = int64(len(v.data))
	}
	if int64(len(v.data)) > v.size {
		return errorAt(v.line, "%s: %d bytes of initial values for %d bytes", v.name, len(v.data), v.size)
	}
	return nil
}

func (p *parser) initialList(v *variable, depth int) error {
	if depth > 8 {
		return errorAt(v.line, "initial value of %s nested too deeply", v.name)
	}
	if !p.accept("{") {
		return p.initialValue(v)
	}
	if p.accept("}") {
		return nil
	}
	for {
		if err := p.initialList(v, depth+1); err != nil {
			return err
		}
		if len(v.data) > maxVariable {
			return errorAt(v.line, "initial value of %s is too long", v.name)
		}
		if p.accept("}") {
			return nil
		}
		if err := p.expect(","); err != nil {
			return err
		}
	}
}

func (p *parser) initialValue(v *variable) error {
	t := p.peek()
	n := v.typ.size()
	var b [8]byte
	if t.kind == tokWord {
		generic := p.accept("generic")
		if generic {
			if err := p.expect("("); err != nil {
				return err
			}
		}
		t, err := p.name()
		if err != nil {
			return err
		}
		if generic {
			if err := p.expect(")"); err != nil {
				return err
			}
		}
		r := reference{at: len(v.data), size: n, name: t.text, generic: generic}
		if p.peek().text == "+" || p.peek().text == "-" {
			if r.add, err = p.integer("offset", -1<<40, 1<<40); err != nil {
				return err
			}
		}
		v.refs = append(v.refs, r)
		v.data = append(v.data, b[:n]...)
		return nil
	}
	c, err := p.expression(1, 0)
	if err != nil {
		return err
	}
	bits, err := c.as(v.typ, t.line)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(b[:], bits)
	v.data = append(v.data, b[:n]...)
	return nil
}

// as gives the bits of a constant used as a value of type t.
func (c constant) as(t scalar, line int) (uint64, error) {
	if !c.float {
		switch t {
		case tF32:
			return uint64(math.Float32bits(float32(int64(c.bits)))), nil
		case tF64:
			return math.Float64bits(float64(int64(c.bits))), nil
		}
		return c.bits, nil
	}
	switch {
	case t == tF64 && c.wide, t.size() == 8 && t.untyped() && c.wide:
		return c.bits, nil
	case t == tF64:
		return math.Float64bits(float64(math.Float32frombits(uint32(c.bits)))), nil
	case t == tF32 && c.wide:
		return uint64(math.Float32bits(float32(math.Float64frombits(c.bits)))), nil
	case t == tF32, t == tB32 && !c.wide:
		return c.bits, nil
	}
	return 0, errorAt(line, "a floating-point constant as a value of type .%v", t)
}
