package jinja

import (
	"math/big"
	"strconv"
	"strings"
)

var constants = map[string]any{"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil}

// maxIntDigits is Python's limit too: conversion takes quadratic time.
const maxIntDigits = 4300

// parseExpr parses one expression with its inline if.
func (p *parser) parseExpr() expr {
	p.enter()
	defer p.leave()
	e := p.parseOr()
	for p.skipName("if") {
		c := &condExpr{then: e, test: p.parseOr()}
		if p.skipName("else") {
			c.otherwise = p.parseExpr()
		}
		e = c
	}
	return e
}

// parseTuple parses "a, b" as well as "a". Without condition an inline if is
// left alone, because it belongs to the tag (for x in y if z).
func (p *parser) parseTuple(condition, parenthesised bool) expr {
	var items []expr
	tuple := false
	for {
		if len(items) > 0 && !p.skipOp(",") {
			break
		}
		tuple = tuple || len(items) > 0
		if t := p.peek(); t.kind == tokVariableEnd || t.kind == tokBlockEnd || p.atOp(")") || p.atName("recursive") && len(items) > 0 {
			break
		}
		if condition {
			items = append(items, p.parseExpr())
		} else {
			items = append(items, p.parseOr())
		}
	}
	if len(items) == 0 && !parenthesised {
		p.unexpected("an expression")
	}
	if len(items) == 1 && !tuple {
		return items[0]
	}
	return &tupleExpr{items}
}

func (p *parser) parseOr() expr {
	left := p.parseAnd()
	for p.skipName("or") {
		left = &logicExpr{false, left, p.parseAnd()}
	}
	return left
}

func (p *parser) parseAnd() expr {
	left := p.parseNot()
	for p.skipName("and") {
		left = &logicExpr{true, left, p.parseNot()}
	}
	return left
}

func (p *parser) parseNot() expr {
	if p.skipName("not") {
		p.enter()
		defer p.leave()
		return &notExpr{p.parseNot()}
	}
	return p.parseCompare()
}

func (p *parser) parseCompare() expr {
	c := &compareExpr{line: p.peek().line, first: p.parseSum()}
	for {
		t := p.peek()
		switch {
		case t.kind == tokOperator && (t.text == "==" || t.text == "!=" || t.text == "<" || t.text == "<=" || t.text == ">" || t.text == ">="):
			p.pos++
			c.ops = append(c.ops, t.text)
		case p.atName("in"):
			p.pos++
			c.ops = append(c.ops, "in")
		case p.atName("not") && p.tokens[p.pos+1].kind == tokName && p.tokens[p.pos+1].text == "in":
			p.pos += 2
			c.ops = append(c.ops, "not in")
		default:
			if len(c.ops) == 0 {
				return c.first
			}
			return c
		}
		c.terms = append(c.terms, p.parseSum())
	}
}

// parseBinary parses a left-associative chain of the given operators.
func (p *parser) parseBinary(operand func() expr, ops ...string) expr {
	left := operand()
	for {
		t := p.peek()
		found := false
		for _, op := range ops {
			found = found || p.atOp(op)
		}
		if !found {
			return left
		}
		p.pos++
		left = &binaryExpr{t.text, left, operand(), t.line}
	}
}

func (p *parser) parseSum() expr { return p.parseBinary(p.parseConcat, "+", "-") }

func (p *parser) parseConcat() expr {
	items := []expr{p.parseProduct()}
	for p.skipOp("~") {
		items = append(items, p.parseProduct())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &concatExpr{items}
}

func (p *parser) parseProduct() expr { return p.parseBinary(p.parsePower, "*", "/", "//", "%") }

func (p *parser) parsePower() expr {
	return p.parseBinary(func() expr { return p.parseUnary(true) }, "**")
}

func (p *parser) parseUnary(withFilters bool) expr {
	p.enter()
	defer p.leave()
	var e expr
	switch {
	case p.skipOp("-"):
		e = &negExpr{"-", p.parseUnary(false)}
	case p.skipOp("+"):
		e = &negExpr{"+", p.parseUnary(false)}
	default:
		e = p.parsePrimary()
	}
	e = p.parsePostfix(e)
	if withFilters {
		e = p.parseFilters(e)
	}
	return e
}

func (p *parser) parsePrimary() expr {
	t := p.next()
	switch t.kind {
	case tokName:
		if v, ok := constants[t.text]; ok {
			return &constExpr{v}
		}
		p.noteName(t.text)
		return &nameExpr{t.text, t.line}
	case tokString:
		text := t.text
		for p.peek().kind == tokString {
			text += p.next().text
		}
		return &constExpr{text}
	case tokInt:
		if v, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return &constExpr{v}
		}
		if len(t.text) > maxIntDigits {
			failAt(t.line, "an integer of more than %d digits", maxIntDigits)
		}
		v, _ := new(big.Int).SetString(t.text, 10)
		return &constExpr{v}
	case tokFloat:
		v, _ := strconv.ParseFloat(t.text, 64)
		return &constExpr{v}
	case tokOperator:
		switch t.text {
		case "(":
			e := p.parseTuple(true, true)
			p.expectOp(")")
			return e
		case "[":
			return p.parseList()
		case "{":
			return p.parseDict()
		}
	}
	if t.kind != tokEOF {
		p.pos--
	}
	p.unexpected("an expression")
	return nil
}

// noteName records the special variables that change how a macro is called.
func (p *parser) noteName(name string) {
	if len(p.macros) == 0 {
		return
	}
	m := p.macros[len(p.macros)-1]
	switch name {
	case "varargs":
		m.varargs = true
	case "kwargs":
		m.kwargs = true
	case "caller":
		m.caller = true
	}
}

func (p *parser) parseList() expr {
	e := &listExpr{}
	for !p.atOp("]") {
		if len(e.items) > 0 {
			p.expectOp(",")
			if p.atOp("]") {
				break
			}
		}
		e.items = append(e.items, p.parseExpr())
	}
	p.expectOp("]")
	return e
}

func (p *parser) parseDict() expr {
	e := &dictExpr{}
	for !p.atOp("}") {
		if len(e.keys) > 0 {
			p.expectOp(",")
			if p.atOp("}") {
				break
			}
		}
		e.keys = append(e.keys, p.parseExpr())
		p.expectOp(":")
		e.values = append(e.values, p.parseExpr())
	}
	p.expectOp("}")
	return e
}

func (p *parser) parsePostfix(e expr) expr {
	for {
		t := p.peek()
		switch {
		case p.atOp("."):
			p.pos++
			attr := p.next()
			switch attr.kind {
			case tokName:
				e = &attrExpr{e, attr.text, attr.line}
			case tokInt:
				v, err := strconv.ParseInt(attr.text, 10, 64)
				if err != nil {
					failAt(attr.line, "index %s is too large", attr.text)
				}
				e = &itemExpr{e, &constExpr{v}, attr.line}
			default:
				failAt(attr.line, "expected a name or a number after '.'")
			}
		case p.atOp("["):
			p.pos++
			e = &itemExpr{e, p.parseIndex(), t.line}
		case p.atOp("("):
			e = p.parseCall(e)
		default:
			return e
		}
	}
}

func (p *parser) parseIndex() expr {
	var items []expr
	comma := false
	for !p.atOp("]") {
		if len(items) > 0 {
			p.expectOp(",")
			comma = true
		}
		items = append(items, p.parseSubscript())
	}
	p.expectOp("]")
	if len(items) == 1 && !comma {
		return items[0]
	}
	return &tupleExpr{items}
}

func (p *parser) parseSubscript() expr {
	var s sliceExpr
	if !p.atOp(":") {
		e := p.parseExpr()
		if !p.atOp(":") {
			return e
		}
		s.start = e
	}
	p.expectOp(":")
	if !p.atOp(":") && !p.atOp("]") && !p.atOp(",") {
		s.stop = p.parseExpr()
	}
	if p.skipOp(":") && !p.atOp("]") && !p.atOp(",") {
		s.step = p.parseExpr()
	}
	return &s
}

func (p *parser) parseCall(callee expr) expr {
	line := p.peek().line
	return &callExpr{callee, p.parseArgs(), line}
}

func (p *parser) parseArgs() callArgs {
	var a callArgs
	p.expectOp("(")
	for first := true; !p.atOp(")"); first = false {
		if !first {
			p.expectOp(",")
			if p.atOp(")") {
				break
			}
		}
		t := p.peek()
		switch {
		case p.skipOp("*"):
			if a.star != nil || a.doubleStar != nil {
				failAt(t.line, "invalid arguments of a call")
			}
			a.star = p.parseExpr()
		case p.skipOp("**"):
			if a.doubleStar != nil {
				failAt(t.line, "invalid arguments of a call")
			}
			a.doubleStar = p.parseExpr()
		case t.kind == tokName && p.tokens[p.pos+1].kind == tokOperator && p.tokens[p.pos+1].text == "=":
			p.pos += 2
			a.names = append(a.names, t.text)
			a.named = append(a.named, p.parseExpr())
		default:
			if len(a.names) > 0 || a.star != nil || a.doubleStar != nil {
				failAt(t.line, "a positional argument follows a named one")
			}
			a.positional = append(a.positional, p.parseExpr())
		}
	}
	p.expectOp(")")
	return a
}

// parseFilters parses the chain of filters, tests and calls after a value; with
// no value it parses the filters of a set block.
func (p *parser) parseFilters(e expr) expr {
	for {
		switch {
		case p.atOp("|"):
			p.pos++
			e = p.parseFilterCall(e)
		case e != nil && p.atName("is"):
			p.pos++
			e = p.parseTest(e)
		case e != nil && p.atOp("("):
			e = p.parseCall(e)
		default:
			return e
		}
	}
}

func (p *parser) dottedName() token {
	t := p.expectName()
	for p.skipOp(".") {
		t.text += "." + p.expectName().text
	}
	return t
}

func (p *parser) parseFilterCall(input expr) expr {
	t := p.dottedName()
	f := &filterExpr{input: input, name: t.text, line: t.line}
	if p.atOp("(") {
		f.args = p.parseArgs()
	}
	return f
}

func (p *parser) parseTest(input expr) expr {
	s := &testExpr{input: input}
	s.negate = p.skipName("not")
	t := p.dottedName()
	s.name, s.line = t.text, t.line
	next := p.peek()
	switch {
	case p.atOp("("):
		s.args = p.parseArgs()
	case next.kind == tokString, next.kind == tokInt, next.kind == tokFloat, p.atOp("["), p.atOp("{"),
		next.kind == tokName && !strings.Contains(" else or and if recursive ", " "+next.text+" "):
		if p.atName("is") {
			failAt(next.line, "tests cannot be chained with 'is'")
		}
		s.args.positional = []expr{p.parsePostfix(p.parsePrimary())}
	}
	return s
}
