//go:build cuda && cgo && linux

package cuda

import (
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// Which kernels attention runs on: those on tensor cores where the device, the format of
// the pages and the head size have them, and float32 is not asked for.
func TestAttendKernels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		device         int
		float32        bool
		format         format.Format
		dim            int
		decode, prompt string
	}{
		{ordinary, false, format.F16, 128, "attend_decode_f16_mma", "attend_prompt_f16_mma_128"},
		{ordinary, false, format.F16, 80, "attend_decode_f16_mma", "attend_prompt_f16_mma_80"},
		{ordinary, false, format.F16, 40, "attend_decode_f16_mma", "attend_prompt_f16"},
		{ordinary, false, format.Q8_0, 256, "attend_decode_q8_0_mma", "attend_prompt_q8_0_mma_256"},
		{ordinary, false, format.Q8_0, 32, "attend_decode_q8_0_mma", "attend_prompt_q8_0"},
		{ordinary, false, format.F32, 128, "attend_decode_f32", "attend_prompt_f32"},
		{ordinary, true, format.F16, 128, "attend_decode_f16_mma", "attend_prompt_f16"}, // decoding is exact on tensor cores
		{volta, false, format.F16, 128, "attend_decode_f16", "attend_prompt_f16"},
		{volta, false, format.Q8_0, 64, "attend_decode_q8_0", "attend_prompt_q8_0"},
	} {
		b, err := Open(Options{Device: c.device, Emulated: true, Float32Products: c.float32})
		if err != nil {
			t.Fatal(err)
		}
		k := b.ops.pages[c.format]
		if got := b.decoding(k, c.dim).Entry; got != c.decode {
			t.Errorf("%+v: decoding on %s", c, got)
		}
		if got := b.prompting(k, c.format, c.dim).Entry; got != c.prompt {
			t.Errorf("%+v: prompts on %s", c, got)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Attention is one launch, of the same grid and with the same arguments at every position
// of a context.
func TestAttendLaunches(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	const heads, kvHeads, dim = 4, 2, 64
	kv, err := b.NewKV(engine.KVSpec{Pages: 40, Heads: kvHeads, HeadDim: dim, Format: format.F16})
	if err != nil {
		t.Fatal(err)
	}
	q, y := mustTensor(t, b, numbers(1, heads*dim), 1, heads*dim), mustTensor(t, b, nil, 1, heads*dim)
	pages := make([]int32, 40)
	for i := range pages {
		pages[i] = int32(39 - i)
	}
	var first []uint64
	var grid [3]uint32
	for _, pos := range []int32{0, 31, 32, 300, 1279} {
		step := &engine.Step{IDs: []int32{0}, Pos: []int32{pos}, Seq: []int32{0}, Pages: [][]int32{pages}, Serial: engine.NextSerial()}
		before := b.Launches()
		b.Attend(y, q, kv, step, &engine.AttendSpec{Heads: heads, Scale: 0.125})
		if n := b.Launches() - before; n != 1 {
			t.Errorf("position %d: %d launches", pos, n)
		}
		c := &b.queue.batch.commands[b.queue.batch.n-1]
		at := [3]uint32{c.extent.GridX, c.extent.GridY, c.extent.GridZ}
		if first == nil {
			first, grid = slices.Clone(c.slots[:c.arguments]), at
		} else if !slices.Equal(c.slots[:c.arguments], first) || at != grid {
			t.Errorf("position %d: grid %v and arguments %v, at position 0 %v and %v", pos, at, c.slots[:c.arguments], grid, first)
		}
		if want := kernels.Splits(40, kvHeads, b.info.Units); int(at[2]) != want {
			t.Errorf("%d splits, want %d", at[2], want)
		}
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}
