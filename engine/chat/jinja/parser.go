package jinja

// parser is a recursive descent over the tokens, with the grammar of
// jinja2.parser.Parser. Keywords are ordinary names outside their places.
type parser struct {
	tokens []token
	pos    int
	depth  int
	macros []*macroDef // being parsed, innermost last
	loops  int         // loops open in the current macro
}

// maxParseDepth bounds nested brackets and blocks of the source.
const maxParseDepth = 200

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

func (p *parser) at(kind tokenKind, text string) bool {
	t := p.peek()
	return t.kind == kind && t.text == text
}

func (p *parser) atName(name string) bool { return p.at(tokName, name) }
func (p *parser) atOp(op string) bool     { return p.at(tokOperator, op) }

func (p *parser) skipName(name string) bool {
	if p.atName(name) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) skipOp(op string) bool {
	if p.atOp(op) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expectOp(op string) {
	if !p.skipOp(op) {
		p.unexpected("'" + op + "'")
	}
}

func (p *parser) expectName() token {
	if p.peek().kind != tokName {
		p.unexpected("a name")
	}
	return p.next()
}

func (p *parser) expectBlockEnd() {
	if p.peek().kind != tokBlockEnd {
		p.unexpected("the end of the tag")
	}
	p.pos++
}

func (t token) describe() string {
	switch t.kind {
	case tokEOF:
		return "end of template"
	case tokBlockEnd, tokVariableEnd:
		return "end of the tag"
	case tokData, tokVariableBegin, tokBlockBegin:
		return "text"
	case tokString:
		return "a string"
	}
	return "'" + t.text + "'"
}

func (p *parser) unexpected(want string) {
	t := p.peek()
	failAt(t.line, "unexpected %s, expected %s", t.describe(), want)
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxParseDepth {
		failAt(p.peek().line, "nested more than %d deep", maxParseDepth)
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) parseTemplate() []stmt {
	body, _ := p.parseBody()
	return body
}

// parseBody parses statements up to a block that starts with one of ends (or
// the end of the template if there are none) and consumes "{% name".
func (p *parser) parseBody(ends ...string) ([]stmt, string) {
	p.enter()
	defer p.leave()
	var body []stmt
	for {
		t := p.next()
		switch t.kind {
		case tokEOF:
			if len(ends) > 0 {
				failAt(t.line, "the template ends where {%% %s %%} was expected", ends[len(ends)-1])
			}
			return body, ""
		case tokData:
			body = append(body, &textStmt{t.text})
		case tokVariableBegin:
			value := p.parseTuple(true, false)
			if p.peek().kind != tokVariableEnd {
				p.unexpected("the end of the expression")
			}
			p.pos++
			body = append(body, &outputStmt{value, t.line})
		case tokBlockBegin:
			name := p.expectName()
			for _, end := range ends {
				if name.text == end {
					return body, end
				}
			}
			if s := p.parseStatement(name); s != nil {
				body = append(body, s)
			}
		}
	}
}

func (p *parser) parseStatement(name token) stmt {
	switch name.text {
	case "if":
		return p.parseIf(name.line)
	case "for":
		return p.parseFor(name.line)
	case "set":
		return p.parseSet(name.line)
	case "macro":
		return p.parseMacro()
	case "call":
		return p.parseCallBlock(name.line)
	case "filter":
		return p.parseFilterBlock(name.line)
	case "with":
		return p.parseWith()
	case "generation":
		p.expectBlockEnd()
		body, _ := p.parseBody("endgeneration")
		p.expectBlockEnd()
		return &scopeStmt{body}
	case "break", "continue":
		if p.loops == 0 {
			failAt(name.line, "'%s' outside a loop", name.text)
		}
		p.expectBlockEnd()
		if name.text == "break" {
			return &flowStmt{sigBreak}
		}
		return &flowStmt{sigContinue}
	case "include", "import", "from", "extends":
		failAt(name.line, "'%s' is not allowed: a chat template cannot read other files", name.text)
	}
	failAt(name.line, "unknown tag '%s'", name.text)
	return nil
}

func (p *parser) parseIf(line int) stmt {
	s := &ifStmt{line: line}
	s.test = p.parseTuple(false, false)
	p.expectBlockEnd()
	var end string
	s.then, end = p.parseBody("elif", "else", "endif")
	switch end {
	case "elif":
		p.enter()
		s.rest = []stmt{p.parseIf(p.peek().line)}
		p.leave()
		return s
	case "else":
		p.expectBlockEnd()
		s.rest, _ = p.parseBody("endif")
	}
	p.expectBlockEnd()
	return s
}

func (p *parser) parseFor(line int) stmt {
	s := &forStmt{line: line}
	s.target = p.parseTarget(false)
	if !p.skipName("in") {
		p.unexpected("'in'")
	}
	s.iter = p.parseTuple(false, false)
	if p.skipName("if") {
		s.test = p.parseExpr()
	}
	s.recursive = p.skipName("recursive")
	p.expectBlockEnd()
	p.loops++
	var end string
	s.body, end = p.parseBody("else", "endfor")
	p.loops--
	if end == "else" {
		p.expectBlockEnd()
		s.otherwise, _ = p.parseBody("endfor")
	}
	p.expectBlockEnd()
	return s
}

func (p *parser) parseSet(line int) stmt {
	to := p.parseTarget(true)
	if p.skipOp("=") {
		value := p.parseTuple(true, false)
		p.expectBlockEnd()
		return &setStmt{to, value, line}
	}
	s := &setBlockStmt{target: to, line: line}
	if p.atOp("|") {
		s.filter, _ = p.parseFilters(nil).(*filterExpr)
	}
	p.expectBlockEnd()
	s.body, _ = p.parseBody("endset")
	p.expectBlockEnd()
	return s
}

// parseTarget parses what is assigned to: a, (a, b), a, b or ns.a.
func (p *parser) parseTarget(namespace bool) target {
	if namespace && p.pos+1 < len(p.tokens) && p.tokens[p.pos+1].kind == tokOperator && p.tokens[p.pos+1].text == "." {
		name := p.expectName()
		p.pos++
		return target{name: name.text, attr: p.expectName().text}
	}
	first := p.parseTargetPart()
	if !p.atOp(",") {
		return first
	}
	parts := []target{first}
	for p.skipOp(",") {
		if t := p.peek(); p.atName("in") || t.kind == tokBlockEnd || p.atOp("=") {
			break
		}
		parts = append(parts, p.parseTargetPart())
	}
	return target{parts: parts}
}

func (p *parser) parseTargetPart() target {
	if p.skipOp("(") {
		p.enter()
		defer p.leave()
		var parts []target
		single := true
		for !p.atOp(")") {
			parts = append(parts, p.parseTargetPart())
			if !p.skipOp(",") {
				break
			}
			single = false
		}
		p.expectOp(")")
		if single && len(parts) == 1 {
			return parts[0]
		}
		return target{parts: parts}
	}
	t := p.expectName()
	if _, constant := constants[t.text]; constant {
		failAt(t.line, "cannot assign to '%s'", t.text)
	}
	return target{name: t.text}
}

// parseSignature parses "(a, b=1)" of a macro or call block.
func (p *parser) parseSignature(m *macroDef) {
	p.expectOp("(")
	for !p.atOp(")") {
		if len(m.params) > 0 {
			p.expectOp(",")
			if p.atOp(")") {
				break
			}
		}
		m.params = append(m.params, p.expectName().text)
		var value expr
		if p.skipOp("=") {
			value = p.parseExpr()
		} else if n := len(m.defaults); n > 0 && m.defaults[n-1] != nil {
			failAt(p.peek().line, "a parameter without a default follows one with a default")
		}
		m.defaults = append(m.defaults, value)
	}
	p.expectOp(")")
}

// parseMacroBody parses the body with the loops of the outside closed to it.
func (p *parser) parseMacroBody(m *macroDef, end string) {
	p.expectBlockEnd()
	loops := p.loops
	p.loops = 0
	p.macros = append(p.macros, m)
	m.body, _ = p.parseBody(end)
	p.macros = p.macros[:len(p.macros)-1]
	p.loops = loops
	p.expectBlockEnd()
}

func (p *parser) parseMacro() stmt {
	m := &macroDef{name: p.expectName().text}
	p.macros = append(p.macros, m)
	p.parseSignature(m)
	p.macros = p.macros[:len(p.macros)-1]
	p.parseMacroBody(m, "endmacro")
	return &macroStmt{m}
}

func (p *parser) parseCallBlock(line int) stmt {
	m := &macroDef{name: "caller"}
	if p.atOp("(") {
		p.parseSignature(m)
	}
	call, ok := p.parseExpr().(*callExpr)
	if !ok {
		failAt(line, "expected a call")
	}
	p.parseMacroBody(m, "endcall")
	return &callBlockStmt{caller: m, call: call, line: line}
}

func (p *parser) parseFilterBlock(line int) stmt {
	first := p.parseFilterCall(nil)
	filter := p.parseFilters(first)
	p.expectBlockEnd()
	body, _ := p.parseBody("endfilter")
	p.expectBlockEnd()
	return &filterStmt{filter, body, line}
}

func (p *parser) parseWith() stmt {
	s := &withStmt{}
	for p.peek().kind != tokBlockEnd {
		if len(s.targets) > 0 {
			p.expectOp(",")
		}
		s.targets = append(s.targets, p.parseTargetPart())
		p.expectOp("=")
		s.values = append(s.values, p.parseExpr())
	}
	p.expectBlockEnd()
	s.body, _ = p.parseBody("endwith")
	p.expectBlockEnd()
	return s
}
