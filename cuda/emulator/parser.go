package emulator

import "strings"

type parser struct {
	tokens []token
	at     int
	src    *source
	global *scope
	fn     *function
	scope  *scope
}

const (
	maxStatements = 1 << 20 // of one function as written
	maxRegisters  = 1 << 16 // of one function as written
)

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokEOF {
		p.at++
	}
	return t
}

func (p *parser) accept(text string) bool {
	if t := p.peek(); t.kind != tokString && t.kind != tokEOF && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if p.accept(text) {
		return nil
	}
	return errorAt(p.peek().line, "expected %q, found %q", text, p.peek().text)
}

func (p *parser) name() (token, error) {
	t := p.next()
	if t.kind != tokWord || t.text[0] == '.' {
		return t, errorAt(t.line, "expected a name, found %q", t.text)
	}
	return t, nil
}

func newScope(parent *scope) *scope {
	return &scope{parent: parent, names: map[string]symbol{}, labels: map[string]int{}}
}

// parse reads the text of one module.
func parse(text string) (*source, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, src: &source{byName: map[string]*function{}}, global: newScope(nil)}
	p.scope = p.global
	if err := p.header(); err != nil {
		return nil, err
	}
	for p.peek().kind != tokEOF {
		if err := p.topLevel(); err != nil {
			return nil, err
		}
	}
	return p.src, nil
}

func (p *parser) header() error {
	if err := p.expect(".version"); err != nil {
		return err
	}
	v := p.next()
	major, minor, ok := strings.Cut(v.text, ".")
	if !ok || len(major) != 1 || len(minor) != 1 || !digit(major[0]) || !digit(minor[0]) {
		return errorAt(v.line, "bad .version %s", v.text)
	}
	p.src.version = int(major[0]-'0')*10 + int(minor[0]-'0')
	if err := p.expect(".target"); err != nil {
		return err
	}
	for {
		t := p.next()
		if sm, ok := strings.CutPrefix(t.text, "sm_"); ok {
			n := 0
			for _, c := range []byte(strings.TrimRight(sm, "af")) {
				if !digit(c) || n > 999 {
					return errorAt(t.line, "bad .target %s", t.text)
				}
				n = n*10 + int(c-'0')
			}
			p.src.target = n
		} else if t.text != "debug" && t.text != "texmode_independent" && t.text != "texmode_unified" {
			return errorAt(t.line, "unknown .target %s", t.text)
		}
		if !p.accept(",") {
			break
		}
	}
	if p.src.target == 0 {
		return errorAt(p.peek().line, ".target names no sm_NN")
	}
	if p.accept(".address_size") {
		if t := p.next(); t.text != "64" {
			return errorAt(t.line, ".address_size %s: only 64 is supported", t.text)
		}
	}
	return nil
}

func (p *parser) topLevel() error {
	extern := false
	for {
		t := p.peek()
		switch t.text {
		case ".visible", ".weak", ".common":
			p.next()
		case ".extern":
			p.next()
			extern = true
		case ".entry", ".func":
			return p.function()
		case ".global", ".const", ".shared":
			vars, err := p.variables(extern)
			if err != nil {
				return err
			}
			p.src.vars = append(p.src.vars, vars...)
			return nil
		case ".file", ".loc":
			p.skipLine()
			return nil
		case ".pragma":
			p.next()
			return p.pragma()
		case ".section":
			return p.section()
		case ";":
			p.next()
			return nil
		default:
			return errorAt(t.line, "unknown directive %s", t.text)
		}
	}
}

func (p *parser) skipLine() {
	line := p.peek().line
	for p.peek().kind != tokEOF && p.peek().line == line {
		p.next()
	}
}

func (p *parser) pragma() error {
	for p.peek().kind == tokString || p.peek().text == "," {
		p.next()
	}
	return p.expect(";")
}

// section skips debugging data: .section NAME { ... }.
func (p *parser) section() error {
	p.next()
	p.next()
	if err := p.expect("{"); err != nil {
		return err
	}
	for !p.accept("}") {
		if p.peek().kind == tokEOF {
			return errorAt(p.peek().line, ".section without end")
		}
		p.next()
	}
	return nil
}

func (p *parser) function() error {
	f := &function{entry: p.next().text == ".entry", line: p.peek().line}
	p.fn, p.scope = f, newScope(p.global)
	defer func() { p.fn, p.scope = nil, p.global }()
	var err error
	if p.peek().text == "(" {
		if f.rets, err = p.formals(); err != nil {
			return err
		}
	}
	t, err := p.name()
	if err != nil {
		return err
	}
	f.name = t.text
	if p.peek().text == "(" {
		if f.params, err = p.formals(); err != nil {
			return err
		}
	}
	if err := p.tuning(f); err != nil {
		return err
	}
	old := p.src.byName[f.name]
	if p.accept(";") {
		if old == nil {
			p.src.byName[f.name] = f
		}
		return nil
	}
	if old != nil && old.defined {
		return errorAt(f.line, "function %s is defined twice", f.name)
	}
	f.defined = true
	p.src.byName[f.name] = f
	p.src.funcs = append(p.src.funcs, f)
	if err := p.expect("{"); err != nil {
		return err
	}
	return p.block(0)
}

// tuning reads the performance directives between a function's head and body.
func (p *parser) tuning(f *function) error {
	for {
		switch t := p.peek(); t.text {
		case ".reqntid", ".maxntid":
			p.next()
			dims := [3]int64{1, 1, 1}
			for i := range dims {
				v, err := p.integer(t.text, 1, 1024)
				if err != nil {
					return err
				}
				dims[i] = v
				if i == 2 || !p.accept(",") {
					break
				}
			}
			d := Dim3{int(dims[0]), int(dims[1]), int(dims[2])}
			if t.text == ".reqntid" {
				f.reqntid = d
			} else {
				f.maxntid = d
			}
		case ".minnctapersm", ".maxnreg", ".maxnctapersm":
			p.next()
			if _, err := p.integer(t.text, 1, 1<<20); err != nil {
				return err
			}
		case ".noreturn":
			p.next()
		case ".pragma":
			p.next()
			if err := p.pragma(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// formals parses (.param .u64 x, .reg .f32 y).
func (p *parser) formals() ([]*variable, error) {
	p.next()
	var list []*variable
	if p.accept(")") {
		return nil, nil
	}
	for {
		v, err := p.declaration()
		if err != nil {
			return nil, err
		}
		if v.space != spaceParam && v.space != spaceReg {
			return nil, errorAt(v.line, "parameter %s is in .%v", v.name, v.space)
		}
		if err := p.declare(v); err != nil {
			return nil, err
		}
		if list = append(list, v); len(list) > 4096 {
			return nil, errorAt(v.line, "more than 4096 parameters")
		}
		if p.accept(")") {
			return list, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}

// block parses the statements of a { } block up to its end.
func (p *parser) block(depth int) error {
	if depth > maxDepth {
		return errorAt(p.peek().line, "blocks nested too deeply")
	}
	for {
		t := p.peek()
		if len(p.fn.body) > maxStatements {
			return errorAt(t.line, "function %s is too long", p.fn.name)
		}
		switch {
		case t.kind == tokEOF:
			return errorAt(t.line, "function %s without end", p.fn.name)
		case t.text == "}":
			p.next()
			return nil
		case t.text == ";":
			p.next()
		case t.text == "{":
			p.next()
			outer := p.scope
			p.scope = newScope(outer)
			if err := p.block(depth + 1); err != nil {
				return err
			}
			p.scope = outer
		case t.text[0] == '.' && t.kind == tokWord:
			if err := p.bodyDirective(); err != nil {
				return err
			}
		default:
			if err := p.statement(); err != nil {
				return err
			}
		}
	}
}

func (p *parser) bodyDirective() error {
	switch t := p.peek(); t.text {
	case ".reg":
		return p.registers()
	case ".shared", ".local", ".param", ".global", ".const", ".extern":
		extern := p.accept(".extern")
		vars, err := p.variables(extern)
		if err != nil {
			return err
		}
		for _, v := range vars {
			if v.space == spaceGlobal || v.space == spaceConst {
				p.src.vars = append(p.src.vars, v)
			} else {
				p.fn.locals = append(p.fn.locals, v)
			}
		}
		return nil
	case ".loc", ".file":
		p.skipLine()
		return nil
	case ".pragma":
		p.next()
		return p.pragma()
	default:
		return errorAt(t.line, "unknown directive %s", t.text)
	}
}

func (p *parser) statement() error {
	st := statement{guard: -1, scope: p.scope, line: p.peek().line}
	if p.accept("@") {
		st.negate = p.accept("!")
		t, err := p.name()
		if err != nil {
			return err
		}
		r, ok := p.register(t.text)
		if !ok || p.fn.regs[r] != tPred {
			return errorAt(t.line, "guard %s is no predicate", t.text)
		}
		st.guard = r
	}
	t, err := p.name()
	if err != nil {
		return err
	}
	if st.guard < 0 && p.accept(":") {
		if _, dup := p.scope.labels[t.text]; dup {
			return errorAt(t.line, "label %s is defined twice", t.text)
		}
		p.scope.labels[t.text] = len(p.fn.body)
		if p.peek().text == ".branchtargets" || p.peek().text == ".callprototype" || p.peek().text == ".calltargets" {
			return p.labelTable(t)
		}
		p.fn.body = append(p.fn.body, statement{line: t.line, guard: -1, scope: p.scope})
		return nil
	}
	st.op, st.line = t.text, t.line
	for !p.accept(";") {
		o, err := p.operand(0)
		if err != nil {
			return err
		}
		st.operands = append(st.operands, o)
		if len(st.operands) > 4096 {
			return errorAt(st.line, "too many operands")
		}
		if p.accept(";") {
			break
		}
		if err := p.expect(","); err != nil {
			return err
		}
	}
	p.fn.body = append(p.fn.body, st)
	return nil
}

// labelTable keeps `name: .branchtargets A, B;` as a statement of its own, which
// brx.idx finds through the label.
func (p *parser) labelTable(label token) error {
	d := p.next()
	if d.text != ".branchtargets" {
		return errorAt(d.line, "%s: indirect calls are not supported", d.text)
	}
	st := statement{op: d.text, line: label.line, guard: -1, scope: p.scope}
	for {
		t, err := p.name()
		if err != nil {
			return err
		}
		st.operands = append(st.operands, operand{kind: opName, name: t.text, line: t.line})
		if !p.accept(",") {
			break
		}
	}
	p.fn.body = append(p.fn.body, st)
	return p.expect(";")
}
