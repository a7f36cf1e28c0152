package kernels

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/potion-engine/potion/engine/sample"
)

const (
	// SampleTokens is how many tokens a block of sample_* has.
	SampleTokens = 1024
	// SampleGroup is how many tokens are in a group of sample_*.
	SampleGroup = 128
	// SampleFew is the greatest top-k of sample_few.
	SampleFew = 256
	// SampleBuckets is the number of u64 in buckets of sample_best and sample_cut.
	SampleBuckets = 4096
	// SampleState is the bytes of state of sample_*.
	SampleState = 24
)

// SampleBlocks is the grid of sample_* for a vocabulary.
func SampleBlocks(vocab int) int { return ceilDiv(vocab, SampleTokens) }

// SampleGroups is the number of groups of a vocabulary.
func SampleGroups(vocab int) int { return ceilDiv(vocab, SampleGroup) }

// SampleList is the number of u64 in list of sample_few or, if not few, of sample_cut.
func SampleList(vocab int, few bool) int {
	if few {
		return SampleGroup * min(SampleFew, SampleGroups(vocab))
	}
	return vocab
}

// SamplePath is which kernels choose a token: sample_best alone (greedy), sample_few alone
// (few), or sample_best, sample_cut if cut, and sample_draw.
func SamplePath(d *sample.Draw) (greedy, few, cut bool) {
	switch {
	case d.Temperature == 0:
		return true, false, false
	case d.TopK > 0 && d.TopK <= SampleFew:
		return false, true, false
	}
	return false, false, d.TopK > 0 || d.TopP < 1
}

// SampleBytes is the length of what PutSample writes: room for 64 changes, 128, 256 and so
// on, if there are any, so that it is the same for nearly all tokens of a text.
func SampleBytes(d *sample.Draw) int {
	n := len(d.Changes)
	if n > 0 {
		n = max(64, 1<<bits.Len(uint(n-1)))
	}
	return 32 + 16*n
}

// PutSample writes d as sample_* read it, little-endian as the device is.
func PutSample(b []byte, d *sample.Draw) {
	f32 := func(at int, x float32) { binary.LittleEndian.PutUint32(b[at:], math.Float32bits(x)) }
	u32 := func(at int, x uint32) { binary.LittleEndian.PutUint32(b[at:], x) }
	binary.LittleEndian.PutUint64(b, d.Random)
	f32(8, d.Temperature)
	f32(12, d.TopP)
	f32(16, d.MinP)
	u32(20, uint32(min(d.TopK, sample.MaxVocab)))
	u32(24, uint32(len(d.Changes)))
	u32(28, 0)
	n := 4 * len(d.Changes)
	for i := range d.Changes {
		c, at := &d.Changes[i], 32+4*i
		u32(at, uint32(c.ID))
		f32(at+n, c.Bias)
		f32(at+2*n, c.Repeat)
		f32(at+3*n, c.Penalty)
	}
	clear(b[32+4*n : SampleBytes(d)])
}
