package main

import (
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
)

// kind is what an edit does.
type kind int

const (
	barrier  kind = iota // a barrier is removed
	relation             // < becomes <=, == becomes !=, ...
	bound                // a constant of a comparison is one more or less
	mask                 // a constant of and, or, xor or prmt has a bit more or less
	shift                // a shift or field is one off
	stride               // a constant of an index or address is one off or doubled
	guard                // a predicate is dropped or turned round
	shuffle              // a lane offset is halved or doubled
	operator             // add becomes sub, min becomes max, ...
	operand              // two operands change places
	start                // a constant that is moved to a register is another
	kinds
)

var kindNames = [kinds]string{"barrier", "relation", "bound", "mask", "shift", "stride", "guard", "shuffle", "operator", "operand", "start"}

func (k kind) String() string { return kindNames[k] }

// edit is one change of one statement.
type edit struct {
	kind     kind
	file     string
	line     int    // from 1
	label    string // the last one before it, which names the phase
	old, new string // the statement; new is "" if it is removed
	at       int    // where old begins in its line
}

func (e edit) String() string {
	return fmt.Sprintf("%s:%d: %v at %s: %s -> %s", e.file, e.line, e.kind, e.label, e.old, e.becomes())
}

// becomes is the new statement, in words if there is none.
func (e edit) becomes() string {
	if e.new == "" {
		return "(removed)"
	}
	return e.new
}

// apply makes the change.
func (e edit) apply(text string) string {
	lines := strings.Split(text, "\n")
	line := lines[e.line-1]
	end := e.at + len(e.old)
	if e.new == "" {
		end++ // the semicolon
	}
	lines[e.line-1] = line[:e.at] + e.new + line[end:]
	return strings.Join(lines, "\n")
}

var (
	labelled  = regexp.MustCompile(`^\s*(\w+):`)
	statement = regexp.MustCompile(`^([\s{}]*(?:\w+:[\s{}]*)?)((?:@!?%\w+\s+)?[a-z][\w.:]*(?:\s.*)?)$`)
	parts     = regexp.MustCompile(`^(@!?%\w+\s+)?([a-z][\w.:]*)(.*)$`)
	// constant finds whole numbers, and the 16 of [%at+16].
	constant = regexp.MustCompile(`(?:^|[\s,+])(0x[0-9a-fA-F]+|-?\d+)\b`)
	real     = regexp.MustCompile(`0f[0-9a-fA-F]{8}`)
)

// edits is all that can be done to a file.
func edits(file, text string) []edit {
	var all []edit
	phase, inBody := "begin", false
	for i, line := range strings.Split(text, "\n") {
		code, _, _ := strings.Cut(line, "//")
		switch strings.TrimRight(code, " ") { // in the first column: a kernel's own braces
		case "{":
			phase, inBody = "begin", true
		case "}":
			inBody = false
		}
		if m := labelled.FindStringSubmatch(code); m != nil {
			phase = m[1]
		}
		if !inBody {
			continue
		}
		at := 0
		for piece := range strings.SplitAfterSeq(code, ";") {
			s, ended := strings.CutSuffix(piece, ";")
			if m := statement.FindStringSubmatch(s); m != nil && ended {
				for _, c := range changes(m[2]) {
					all = append(all, edit{c.kind, file, i + 1, phase, m[2], c.new, at + len(m[1])})
				}
			}
			at += len(piece)
		}
	}
	return all
}

// change is what a statement may become.
type change struct {
	kind kind
	new  string
}

// exchanged is what becomes of an opcode's first word.
var exchanged = map[string]string{"add": "sub", "sub": "add", "min": "max", "max": "min"}

// related is what becomes of a relation.
var related = map[string]string{
	"lt": "le", "le": "lt", "gt": "ge", "ge": "gt", "eq": "ne", "ne": "eq", "ltu": "leu", "gtu": "geu",
}

// changes is every edit of one statement.
func changes(s string) []change {
	m := parts.FindStringSubmatch(s)
	guarded, op, rest := m[1], m[2], m[3]
	words := strings.Split(op, ".")
	var list []change
	add := func(k kind, op, rest string) { list = append(list, change{k, guarded + op + rest}) }
	if guarded != "" {
		list = append(list, change{guard, op + rest})
		if strings.HasPrefix(guarded, "@!") {
			list = append(list, change{guard, "@" + guarded[2:] + op + rest})
		} else {
			list = append(list, change{guard, "@!" + guarded[1:] + op + rest})
		}
	}
	switch words[0] {
	case "bar", "barrier":
		return []change{{barrier, ""}}
	case "setp", "set":
		if to := related[words[1]]; to != "" {
			add(relation, strings.Replace(op, "."+words[1], "."+to, 1), rest)
		}
		constants(rest, func(rest string) { add(bound, op, rest) }, plusMinus)
	case "and", "or", "xor", "prmt", "lop3":
		constants(rest, func(rest string) { add(mask, op, rest) }, oneBit)
	case "shl", "shr", "shf", "bfe", "bfi":
		constants(rest, func(rest string) { add(shift, op, rest) }, plusMinus)
	case "shfl":
		constants(rest, func(rest string) { add(shuffle, op, rest) }, halfOrDouble)
	case "ld", "st", "mul", "mad":
		if words[1] != "param" {
			constants(rest, func(rest string) { add(stride, op, rest) }, oneOrDouble)
		}
	case "add", "sub", "min", "max":
		constants(rest, func(rest string) { add(stride, op, rest) }, oneOrDouble)
	case "mov":
		constants(rest, func(rest string) { add(start, op, rest) }, plusMinus)
		for _, at := range real.FindAllStringIndex(rest, -1) {
			to := "0f3f800000" // 1
			if strings.EqualFold(rest[at[0]:at[1]], to) {
				to = "0f00000000"
			}
			add(start, op, rest[:at[0]]+to+rest[at[1]:])
		}
	}
	if to := exchanged[words[0]]; to != "" && (len(words) < 2 || words[1] != "cc") {
		add(operator, to+op[len(words[0]):], rest)
	}
	if strings.HasPrefix(op, "mul.rn.f32") || op == "mul.f32" {
		add(operator, "add"+op[len("mul"):], rest)
	}
	if !strings.Contains(op, ".wide") { // whose addend has another size
		if rest, swapped := swap(words[0], rest); swapped {
			add(operand, op, rest)
		}
	}
	return list
}

// swap exchanges two sources whose order matters: the factor and the addend of fma and
// mad, both of sub and div, and the two of selp.
func swap(op, rest string) (string, bool) {
	var a, b int
	switch op {
	case "fma", "mad":
		a, b = 1, 3
	case "sub", "selp", "div":
		a, b = 1, 2
	default:
		return "", false
	}
	list := strings.Split(rest, ",")
	if len(list) <= b || strings.TrimSpace(list[a]) == strings.TrimSpace(list[b]) {
		return "", false
	}
	list[a], list[b] = list[b], list[a]
	return strings.Join(list, ","), true
}

// constants gives the operands with one number of them exchanged for each of others.
// The last number of shfl and its clamp are left alone: only its offset is an edit.
func constants(rest string, add func(rest string), others func(v uint64) []uint64) {
	for _, at := range constant.FindAllStringSubmatchIndex(rest, -1) {
		text := rest[at[2]:at[3]]
		hex := strings.HasPrefix(text, "0x")
		v, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				continue
			}
			v = uint64(n)
		}
		for _, to := range others(v) {
			form := fmt.Sprint(int64(to))
			if hex {
				form = fmt.Sprintf("0x%x", to)
			}
			add(rest[:at[2]] + form + rest[at[3]:])
		}
	}
}

func plusMinus(v uint64) []uint64 {
	if v == 0 || v == 0xffffffff || v+1 == 0 {
		return []uint64{1}
	}
	return []uint64{v + 1, v - 1}
}

// oneBit takes the highest bit of a mask away and gives it one more, or flips the lowest.
func oneBit(v uint64) []uint64 {
	if v == 0 {
		return []uint64{1}
	}
	top := uint64(1) << (bits.Len64(v) - 1)
	if bits.Len64(v) >= 32 {
		return []uint64{v ^ top, v ^ 1}
	}
	return []uint64{v ^ top, v ^ top<<1, v ^ 1}
}

func oneOrDouble(v uint64) []uint64 {
	if v == 0 {
		return []uint64{1}
	}
	return []uint64{v + 1, v - 1, 2 * v}
}

// halfOrDouble is for lane offsets, which are powers of two up to 16.
func halfOrDouble(v uint64) []uint64 {
	if v > 16 || v == 0 {
		return nil
	}
	list := []uint64{v / 2}
	if v < 16 {
		list = append(list, 2*v)
	}
	return list
}
