package emulator

import (
	"math"
	"strconv"
	"strings"
)

const maxDepth = 64 // nesting of scopes, expressions, initialisers and calls

// constant is the value of a constant expression: an integer of 64 bits, or a
// float as bits.
type constant struct {
	bits  uint64
	float bool
	wide  bool // float64 bits; else float32 bits
}

func (p *parser) number(t token) (constant, error) {
	s := t.text
	if len(s) == 10 && s[0] == '0' && (s[1] == 'f' || s[1] == 'F') {
		v, err := strconv.ParseUint(s[2:], 16, 32)
		if err != nil {
			return constant{}, errorAt(t.line, "bad number %s", s)
		}
		return constant{bits: v, float: true}, nil
	}
	if len(s) == 18 && s[0] == '0' && (s[1] == 'd' || s[1] == 'D') {
		v, err := strconv.ParseUint(s[2:], 16, 64)
		if err != nil {
			return constant{}, errorAt(t.line, "bad number %s", s)
		}
		return constant{bits: v, float: true, wide: true}, nil
	}
	prefixed := len(s) > 1 && (s[1] == 'x' || s[1] == 'X' || s[1] == 'b' || s[1] == 'B')
	if !prefixed && strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return constant{}, errorAt(t.line, "bad number %s", s)
		}
		return constant{bits: math.Float64bits(f), float: true, wide: true}, nil
	}
	v, err := strconv.ParseUint(strings.TrimRight(s, "Uu"), 0, 64)
	if err != nil || strings.Contains(s, "_") {
		return constant{}, errorAt(t.line, "bad number %s", s)
	}
	return constant{bits: v}, nil
}

var precedence = map[string]int{
	"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6,
	"<": 7, ">": 7, "<=": 7, ">=": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}

// expression parses a constant expression whose operators bind at least as
// tightly as min.
func (p *parser) expression(min, depth int) (constant, error) {
	left, err := p.unary(depth)
	if err != nil {
		return left, err
	}
	for {
		op := p.peek()
		prec := precedence[op.text]
		if op.kind == tokString || prec == 0 || prec < min {
			return left, nil
		}
		p.next()
		right, err := p.expression(prec+1, depth+1)
		if err != nil {
			return left, err
		}
		if left.float || right.float {
			return left, errorAt(op.line, "operator %s on floating-point constants", op.text)
		}
		if left.bits, err = fold(op, left.bits, right.bits); err != nil {
			return left, err
		}
	}
}

func (p *parser) unary(depth int) (constant, error) {
	if depth > maxDepth {
		return constant{}, errorAt(p.peek().line, "expression nested too deeply")
	}
	t := p.next()
	switch {
	case t.kind == tokNumber:
		return p.number(t)
	case t.text == "(":
		c, err := p.expression(1, depth+1)
		if err != nil {
			return c, err
		}
		return c, p.expect(")")
	case t.text == "-" || t.text == "+" || t.text == "~" || t.text == "!":
		c, err := p.unary(depth + 1)
		if err != nil {
			return c, err
		}
		return negated(t, c)
	}
	return constant{}, errorAt(t.line, "expected a constant, found %s", t.text)
}

func negated(t token, c constant) (constant, error) {
	switch {
	case t.text == "+":
	case c.float && t.text == "-" && c.wide:
		c.bits ^= 1 << 63
	case c.float && t.text == "-":
		c.bits ^= 1 << 31
	case c.float:
		return c, errorAt(t.line, "operator %s on a floating-point constant", t.text)
	case t.text == "-":
		c.bits = -c.bits
	case t.text == "~":
		c.bits = ^c.bits
	default:
		c.bits = truth(c.bits == 0)
	}
	return c, nil
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func fold(op token, a, b uint64) (uint64, error) {
	x, y := int64(a), int64(b)
	switch op.text {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/", "%":
		if b == 0 || x == math.MinInt64 && y == -1 {
			return 0, errorAt(op.line, "constant division by zero")
		}
		if op.text == "/" {
			return uint64(x / y), nil
		}
		return uint64(x % y), nil
	case "<<":
		return a << b, nil
	case ">>":
		return uint64(x >> b), nil
	case "&":
		return a & b, nil
	case "|":
		return a | b, nil
	case "^":
		return a ^ b, nil
	case "==":
		return truth(a == b), nil
	case "!=":
		return truth(a != b), nil
	case "<":
		return truth(x < y), nil
	case ">":
		return truth(x > y), nil
	case "<=":
		return truth(x <= y), nil
	case ">=":
		return truth(x >= y), nil
	case "&&":
		return truth(a != 0 && b != 0), nil
	}
	return truth(a != 0 || b != 0), nil
}

// integer parses a constant expression that must be a whole number in [lo, hi].
func (p *parser) integer(what string, lo, hi int64) (int64, error) {
	return p.integerAbove(1, what, lo, hi)
}

// integerAbove leaves out operators that bind less tightly than min: the > behind
// a register count is none.
func (p *parser) integerAbove(min int, what string, lo, hi int64) (int64, error) {
	line := p.peek().line
	c, err := p.expression(min, 0)
	if err != nil {
		return 0, err
	}
	if v := int64(c.bits); !c.float && v >= lo && v <= hi {
		return v, nil
	}
	return 0, errorAt(line, "%s must be a whole number from %d to %d", what, lo, hi)
}
