package engine

import (
	"fmt"
	"sync/atomic"

	"github.com/potion-engine/potion/engine/format"
)

// PageLen is the number of positions in one page of the KV cache.
const PageLen = 32

// KVSpec describes one layer's part of the KV cache: for every page, PageLen keys and
// PageLen values of Heads heads of HeadDim numbers, packed in Format.
type KVSpec struct {
	Pages   int // number of pages
	Heads   int // G: key/value heads
	HeadDim int // D
	Format  format.Format
}

// Check says what is wrong with the description, or nil. Formats are F32, F16 and
// Q8_0 (HeadDim a multiple of 32).
func (s KVSpec) Check() error {
	if s.Pages <= 0 || s.Heads <= 0 || s.HeadDim <= 0 {
		return fmt.Errorf("KV cache of %d pages, %d heads, head size %d: all must be positive", s.Pages, s.Heads, s.HeadDim)
	}
	// In floating point, because the integers of a hostile model file overflow.
	if numbers := 2 * PageLen * float64(s.Pages) * float64(s.Heads) * float64(s.HeadDim); numbers > 1<<60 {
		return fmt.Errorf("KV cache of %d pages, %d heads, head size %d: %.3g numbers are more than any memory holds", s.Pages, s.Heads, s.HeadDim, numbers)
	}
	switch s.Format {
	case format.F32, format.F16, format.Q8_0:
		return s.Format.CheckCols(s.HeadDim)
	}
	return fmt.Errorf("a KV cache cannot be kept as %v; use F32, F16 or Q8_0", s.Format)
}

// PageBytes is the size of one page, keys and values together.
func (s KVSpec) PageBytes() int64 {
	return 2 * PageLen * int64(s.Heads) * int64(s.Format.RowBytes(s.HeadDim))
}

// Bytes is the size of all pages.
func (s KVSpec) Bytes() int64 { return int64(s.Pages) * s.PageBytes() }

// KV is one layer's keys and values in the memory of a backend. How a page is laid out
// inside is the backend's business.
type KV interface {
	Spec() KVSpec
	// CopyPage copies all of page src to page dst, in order with the operations
	// queued so far: a sequence that branches off takes a copy of its last page.
	CopyPage(dst, src int)
	Free()
}

// Step is T rows of work, usually one pass through a model. Every row is one token of
// one sequence, so that a step may hold a chunk of one prompt, single tokens of many
// sequences, or both. Rows of one sequence are neighbours, in the order of their
// positions.
type Step struct {
	IDs []int32 // [T] the token
	Pos []int32 // [T] its position in its sequence, from 0
	Seq []int32 // [T] which of Pages belongs to it

	// Pages[s][i] is the page that holds positions i*PageLen .. i*PageLen+PageLen-1 of
	// sequence s. It covers at least every position up to the sequence's last row here.
	Pages [][]int32

	// Serial is different for every content of every Step: whoever changes a field takes a
	// NextSerial. A backend that keeps a copy on its device compares it.
	Serial uint64
}

var serial atomic.Uint64

// NextSerial is a number that no Step has had in this process.
func NextSerial() uint64 { return serial.Add(1) }

// T is the number of rows.
func (s *Step) T() int { return len(s.IDs) }

// Index says which of a step's numbers choose the rows of an embedding table.
type Index uint8

// The two things that are embedded: what the token is, and (GPT-2) where it stands.
const (
	ByID Index = iota
	ByPos
)

// Of is the numbers that the index chooses.
func (i Index) Of(s *Step) []int32 {
	if i == ByPos {
		return s.Pos
	}
	return s.IDs
}
