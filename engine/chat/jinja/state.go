package jinja

import (
	"strings"
	"time"
)

// state is one rendering: its output, variables and what it has used up.
type state struct {
	limits   Limits
	now      time.Time
	deadline time.Time
	steps    int
	memory   int
	depth    int
	line     int // of the statement or operation being evaluated, for errors
	out      *strings.Builder
	root     *scope
	globals  map[string]any
}

// scope is the variables of a block; a name not found is looked up outside.
type scope struct {
	vars   map[string]any
	parent *scope
}

func newState(limits Limits, variables *Dict, now time.Time) *state {
	st := &state{limits: limits, now: now, deadline: time.Now().Add(limits.Time), out: &strings.Builder{}}
	st.globals = globals()
	outer := &scope{vars: map[string]any{}}
	if variables != nil {
		for i, k := range variables.keys {
			if name, ok := text(k); ok {
				outer.vars[name] = variables.values[i]
			}
		}
	}
	st.root = &scope{parent: outer}
	return st
}

func (sc *scope) set(name string, v any) {
	if sc.vars == nil {
		sc.vars = map[string]any{}
	}
	sc.vars[name] = v
}

func (st *state) lookup(sc *scope, name string) any {
	for s := sc; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	if v, ok := st.globals[name]; ok {
		return v
	}
	return &undefined{hint: "'" + name + "' is undefined"}
}

// clockEvery is how many steps pass between two looks at the clock.
const clockEvery = 64

// step is called for every evaluated node and every iteration of a built-in.
func (st *state) step() {
	st.steps++
	if st.steps > st.limits.Steps {
		fail("LimitError", "the template ran for more than %d steps", st.limits.Steps)
	}
	if st.steps%clockEvery == 0 && time.Now().After(st.deadline) {
		fail("LimitError", "the template ran for more than %v", st.limits.Time)
	}
}

// enter and leave bound the nesting of calls and values.
func (st *state) enter() {
	if st.depth++; st.depth > st.limits.Depth {
		fail("LimitError", "the template nests expressions, calls or values more than %d deep", st.limits.Depth)
	}
}

func (st *state) leave() { st.depth-- }

// needBytes is called before a string of n bytes is built.
func (st *state) needBytes(n int) {
	if n < 0 || n > st.limits.Output {
		fail("LimitError", "the template builds a text of more than %d bytes", st.limits.Output)
	}
	st.charge(n)
}

// needItems is called before a list of n elements is built.
func (st *state) needItems(n int) {
	if n < 0 || n > st.limits.Items {
		fail("LimitError", "the template builds a list of more than %d items", st.limits.Items)
	}
	st.charge(16 * n)
}

func (st *state) charge(n int) {
	if st.memory += n + 16; st.memory > st.limits.Memory {
		fail("LimitError", "the template uses more than %d bytes of memory", st.limits.Memory)
	}
}

// write appends to the output.
func (st *state) write(s string) {
	if st.out.Len()+len(s) > st.limits.Output {
		fail("LimitError", "the output is longer than %d bytes", st.limits.Output)
	}
	st.out.WriteString(s)
}

// capture returns what f writes.
func (st *state) capture(f func()) string {
	outer := st.out
	st.out = &strings.Builder{}
	f()
	s := st.out.String()
	st.out = outer
	st.charge(len(s))
	return s
}
