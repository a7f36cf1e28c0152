package emulator

import (
	"fmt"
	"strings"
)

// FaultKind says which rule a kernel broke.
type FaultKind int

// The kinds of faults.
const (
	OutOfBounds FaultKind = iota + 1
	Misaligned
	UninitialisedRegister
	UninitialisedMemory
	SharedRace
	GlobalRace  // between blocks of one launch
	PendingCopy // cp.async not waited for
	DivergentBarrier
	InactiveLane // a shuffle, vote or matrix operation with lanes missing
	Deadlock
	TooManyInstructions
	Trap
)

var faultNames = map[FaultKind]string{
	OutOfBounds: "out of bounds", Misaligned: "misaligned address", UninitialisedRegister: "uninitialised register",
	UninitialisedMemory: "uninitialised memory", SharedRace: "shared-memory race", GlobalRace: "race of blocks for global memory", PendingCopy: "cp.async not waited for",
	DivergentBarrier: "divergent barrier", InactiveLane: "inactive lane", Deadlock: "deadlock",
	TooManyInstructions: "too many instructions", Trap: "trap",
}

func (k FaultKind) String() string { return faultNames[k] }

// Fault is an error of a running kernel: the rule, the place in the text and the
// thread.
type Fault struct {
	Kind        FaultKind
	Kernel      string
	Line        int    // of the module's text
	Instruction string // that line, trimmed
	Block       Dim3
	Thread      Dim3
	Addr        uint64 // of memory faults: the generic address
	Detail      string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("kernel %s, line %d (%s), block %v, thread %v: %v: %s",
		f.Kernel, f.Line, f.Instruction, f.Block, f.Thread, f.Kind, f.Detail)
}

// fault stops the warp with an error of the instruction that it executes.
func (w *warp) fault(kind FaultKind, lane int, addr uint64, format string, args ...any) {
	if w.err != nil {
		return
	}
	in := &w.prog.code[w.now]
	w.err = &Fault{Kind: kind, Kernel: w.prog.name, Line: int(in.line), Instruction: w.prog.module.text(int(in.line)),
		Block: w.block.id, Thread: w.block.threadOf(w.index*32 + lane), Addr: addr, Detail: fmt.Sprintf(format, args...)}
}

func (m *Module) text(line int) string {
	if line < 1 || line > len(m.lines) {
		return ""
	}
	s, _, _ := strings.Cut(m.lines[line-1], "//")
	return strings.Join(strings.Fields(s), " ")
}
