package perplexity

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// A base file holds what a base model foretold, as llama.cpp's perplexity tool writes it
// with --save-all-logits (tools/perplexity/perplexity.cpp), little-endian:
//
//	8 bytes   "_logits_"
//	int32     n_ctx, n_vocab, n_chunk
//	int32     [n_chunk * n_ctx] tokens
//	then for every window, for every scored position (n_ctx - 1 - n_ctx/2 of them):
//	float32   scale, min
//	uint16    [n_vocab, rounded up to even] q;  ln p = scale*q + min, at least max - 16

const baseMagic = "_logits_"

// rowLen is the number of uint16 after scale and min.
func rowLen(vocab int) int { return (vocab + 1) / 2 * 2 }

// BaseWriter writes a base file.
type BaseWriter struct {
	w     *bufio.Writer
	vocab int
	row   []byte
}

// NewBaseWriter writes the head: the first chunks*window of ids.
func NewBaseWriter(w *bufio.Writer, window, vocab, chunks int, ids []int32) (*BaseWriter, error) {
	head := []byte(baseMagic)
	for _, n := range []int{window, vocab, chunks} {
		head = binary.LittleEndian.AppendUint32(head, uint32(n))
	}
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	if err := binary.Write(w, binary.LittleEndian, ids[:chunks*window]); err != nil {
		return nil, err
	}
	return &BaseWriter{w: w, vocab: vocab, row: make([]byte, 8+2*rowLen(vocab))}, nil
}

// Add writes one scored position.
func (b *BaseWriter) Add(logits []float32) error {
	lo, hi := logits[0], logits[0]
	for _, x := range logits {
		lo, hi = min(lo, x), max(hi, x)
	}
	lo = max(lo, hi-16)
	scale := (hi - lo) / 65535
	binary.LittleEndian.PutUint32(b.row, math.Float32bits(scale))
	binary.LittleEndian.PutUint32(b.row[4:], math.Float32bits(float32(float64(lo)-logSumExp(logits))))
	for i, x := range logits {
		var q uint16
		if scale > 0 && x > lo {
			q = uint16(math.RoundToEven(float64((x - lo) / scale)))
		}
		binary.LittleEndian.PutUint16(b.row[8+2*i:], q)
	}
	_, err := b.w.Write(b.row)
	return err
}

// Base reads a base file row by row.
type Base struct {
	Window, Vocab, Chunks int
	IDs                   []int32

	path string
	f    *os.File
	r    *bufio.Reader
	row  []byte
	logp []float32
}

// OpenBase opens a base file and checks that it is as long as its head says.
func OpenBase(path string) (_ *Base, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &Base{path: path, f: f, r: bufio.NewReaderSize(f, 1<<20)}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, 20)
	if _, err := io.ReadFull(b.r, head); err != nil || string(head[:8]) != baseMagic {
		return nil, fmt.Errorf("%s: not a file of base logits", path)
	}
	n := func(i int) int64 { return int64(int32(binary.LittleEndian.Uint32(head[8+4*i:]))) }
	window, vocab, chunks := n(0), n(1), n(2)
	if window < 4 || vocab < 1 || chunks < 1 || vocab > 1<<24 || window > 1<<24 || chunks > 1<<24 {
		return nil, fmt.Errorf("%s: a window of %d, a vocabulary of %d, %d chunks: out of range", path, window, vocab, chunks)
	}
	rows := chunks * (window - 1 - window/2) // at most 2^47
	row := 8 + 2*int64(rowLen(int(vocab)))   // at most 2^26
	want := 20 + 4*chunks*window
	if rows > (math.MaxInt64-want)/row || stat.Size() != want+rows*row {
		return nil, fmt.Errorf("%s: it has %d bytes, which is not %d windows of %d with a vocabulary of %d", path, stat.Size(), chunks, window, vocab)
	}
	b.Window, b.Vocab, b.Chunks = int(window), int(vocab), int(chunks)
	b.IDs = make([]int32, chunks*window)
	if err := binary.Read(b.r, binary.LittleEndian, b.IDs); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, id := range b.IDs {
		if id < 0 || int(id) >= b.Vocab {
			return nil, fmt.Errorf("%s: token %d has the id %d; the vocabulary has %d", path, i, id, b.Vocab)
		}
	}
	b.row, b.logp = make([]byte, row), make([]float32, vocab)
	return b, nil
}

// Close closes the file.
func (b *Base) Close() error { return b.f.Close() }

// Next is ln p of every token at the next scored position, good until the next call.
func (b *Base) Next() ([]float32, error) {
	if _, err := io.ReadFull(b.r, b.row); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%s: it ends before the last window", b.path)
		}
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	scale := math.Float32frombits(binary.LittleEndian.Uint32(b.row))
	lo := math.Float32frombits(binary.LittleEndian.Uint32(b.row[4:]))
	for i := range b.logp {
		b.logp[i] = scale*float32(binary.LittleEndian.Uint16(b.row[8+2*i:])) + lo
	}
	return b.logp, nil
}
