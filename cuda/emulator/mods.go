package emulator

import (
	"slices"
	"strings"
)

// mods are the modifiers of an opcode. A decoder takes those that it knows; what
// is left over is an error.
type mods struct {
	op   string
	list []string
	line int
}

func splitOp(op string, line int) *mods {
	parts := strings.Split(op, ".")
	return &mods{op: parts[0], list: parts[1:], line: line}
}

// has takes the modifier if it is there.
func (m *mods) has(name string) bool {
	i := slices.Index(m.list, name)
	if i >= 0 {
		m.list = slices.Delete(m.list, i, i+1)
	}
	return i >= 0
}

// one takes the first of the named modifiers that is there, else gives "".
func (m *mods) one(names ...string) string {
	for _, n := range names {
		if m.has(n) {
			return n
		}
	}
	return ""
}

// typ takes the first type among the modifiers.
func (m *mods) typ() scalar {
	for i, s := range m.list {
		if t, ok := scalarNames[s]; ok {
			m.list = slices.Delete(m.list, i, i+1)
			return t
		}
	}
	return tNone
}

// vector takes .v2 or .v4 and gives the number of elements.
func (m *mods) vector() int {
	switch m.one("v2", "v4") {
	case "v2":
		return 2
	case "v4":
		return 4
	}
	return 1
}

func (m *mods) done() error {
	if len(m.list) > 0 {
		return errorAt(m.line, "unknown modifier .%s of %s", m.list[0], m.op)
	}
	return nil
}

func (m *mods) badType(t scalar) error {
	if t == tNone {
		return errorAt(m.line, "%s without a type", m.op)
	}
	return errorAt(m.line, "%s has no type .%v", m.op, t)
}
