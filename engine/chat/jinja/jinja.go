// Package jinja renders the chat templates that models carry: the language of
// Python's Jinja2 (https://jinja.palletsprojects.com/en/stable/templates/) as
// an ImmutableSandboxedEnvironment with the loopcontrols extension runs it.
//
// # Why an interpreter of its own
//
// A prompt that differs from the training format by one space makes a model
// worse without any sign of it, so the text must be the reference's text. The Go port
// of Jinja2, gonja, gave the right answer for 60 % of real models' templates:
// it does not distinguish undefined from none, loses the order of
// dictionaries, joins a number and a string where Python raises, and rounds
// integer division toward zero. Those are decisions inside its evaluator,
// which has no extension point. Nor can a running template be stopped there,
// and a template is a program that came with a downloaded file.
//
// # Limits
//
// A template reads nothing but its variables: include, import, extends and
// from are errors. Every evaluated node costs one step, every string or list
// that is built is charged, and depth and time are bounded (see [Limits]), so
// that a hostile template ends in an [Error].
package jinja

import (
	"errors"
	"fmt"
	"time"
)

// MaxSource is the longest template source accepted, in bytes.
const MaxSource = 1 << 20

// Limits bound what one rendering may use.
type Limits struct {
	Steps  int           // evaluated nodes and iterations
	Time   time.Duration // wall clock
	Output int           // bytes of output, and of any single string
	Items  int           // elements of any single list or dictionary
	Memory int           // bytes of all values built, whether still alive or not
	Depth  int           // nesting of expressions, statements, calls and values
}

// DefaultLimits leave two orders of magnitude above a conversation of a hundred
// thousand tokens.
func DefaultLimits() Limits {
	return Limits{Steps: 50_000_000, Time: 2 * time.Second, Output: 16 << 20, Items: 1_000_000, Memory: 512 << 20, Depth: 1000}
}

// Options are the switches of the environment.
type Options struct {
	TrimBlocks          bool // drop the first newline after a block tag
	LstripBlocks        bool // drop blanks from the start of a line to a block tag
	KeepTrailingNewline bool // keep the one newline at the end of the source
	Limits              Limits
}

// Error is any failure of a template, named as Python names it (TypeError,
// UndefinedError, ...) so that a message can be looked up.
type Error struct {
	Kind    string
	Message string
	Line    int // in the template, 1-based; 0 if unknown
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s: %s", e.Line, e.Kind, e.Message)
	}
	return e.Kind + ": " + e.Message
}

// Template is a compiled template. It holds no state of a rendering and may be
// used by several goroutines.
type Template struct {
	body    []stmt
	options Options
}

// Compile parses a template. The error is an *[Error] with the line.
func Compile(source string, options Options) (t *Template, err error) {
	if len(source) > MaxSource {
		return nil, &Error{Kind: "TemplateSyntaxError", Message: fmt.Sprintf("the template has %d bytes, more than the %d allowed", len(source), MaxSource)}
	}
	if options.Limits == (Limits{}) {
		options.Limits = DefaultLimits()
	}
	defer recoverError(&err, nil)
	tokens := lex(source, options)
	p := &parser{tokens: tokens}
	return &Template{body: p.parseTemplate(), options: options}, nil
}

// Render evaluates the template with variables given as the values of this
// package (see [FromGo]). now is what strftime_now tells.
func (t *Template) Render(variables *Dict, now time.Time) (out string, err error) {
	st := newState(t.options.Limits, variables, now)
	defer recoverError(&err, st)
	if sig := st.execBody(t.body, st.root); sig != sigNone {
		fail("TemplateSyntaxError", "break or continue outside a loop")
	}
	return st.out.String(), nil
}

// recoverError turns the panic of fail into an error. Any other panic is a
// fault of this package; it is reported as one rather than thrown at a caller
// who only opened a file.
func recoverError(err *error, st *state) {
	r := recover()
	if r == nil {
		return
	}
	e, ok := r.(*Error)
	if !ok {
		e = &Error{Kind: "InternalError", Message: fmt.Sprint(r)}
	}
	if e.Line == 0 && st != nil {
		e.Line = st.line
	}
	*err = e
}

// IsRaised reports whether err was raised by the template itself, through
// raise_exception, which tells the user what a conversation lacks.
func IsRaised(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == "TemplateError"
}

// fail stops parsing or rendering. It never returns.
func fail(kind, format string, args ...any) {
	panic(&Error{Kind: kind, Message: fmt.Sprintf(format, args...)})
}

func failAt(line int, format string, args ...any) {
	panic(&Error{Kind: "TemplateSyntaxError", Message: fmt.Sprintf(format, args...), Line: line})
}
