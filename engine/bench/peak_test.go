package bench

import (
	"testing"
	"unsafe"
)

// The loops for processors without assembly do their work on any.
func TestGoLoops(t *testing.T) {
	t.Parallel()
	l := goLoops()
	words := make([]uint64, 4*readUnit/8)
	for i := range words {
		words[i] = 1
	}
	start := (*byte)(unsafe.Pointer(&words[0]))
	l.read1(start, 8*len(words))
	l.read4(start, 2*len(words), 2*len(words))
	l.fma(100)
	for i := range words {
		words[i] = 1<<64 - 1 // shows that each word is read
	}
	defer func() {
		if recover() == nil {
			t.Error("the words were not read")
		}
	}()
	readWords(words)
}
