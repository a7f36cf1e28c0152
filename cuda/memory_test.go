//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// What is larger than the pinned buffers goes through them in pieces, in order.
func TestLargeCopies(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	const rows, cols = 3, stagingBytes/4 + 17
	want := numbers(2, rows*cols)
	x := mustTensor(t, b, want, rows, cols)
	if got := mustRead(t, b, x); !slices.Equal(got, want) {
		t.Error("a tensor of several pinned buffers comes back changed")
	}
	const writes, n = 300, stagingBytes / 64 // each takes its own place in a buffer
	y := mustTensor(t, b, nil, 1, n/4)
	for i := range writes {
		data := make([]float32, n/4)
		data[0], data[n/4-1] = float32(i), float32(-i)
		b.Write(y, data)
	}
	if got := mustRead(t, b, y); got[0] != writes-1 || got[n/4-1] != 1-writes {
		t.Errorf("the last of %d writes is %v, %v", writes, got[0], got[n/4-1])
	}
	b.Release(x)
}

// A weight of several pinned buffers has every row where it belongs.
func TestLargeWeight(t *testing.T) {
	t.Parallel()
	const cols = 4096
	for _, f := range []format.Format{format.Q8_0, format.Q6_K} {
		rows := 2*stagingBytes/f.RowBytes(cols) + 37
		packed := make([]byte, rows*f.RowBytes(cols))
		row := make([]float32, cols)
		for r := range rows {
			for i := range row {
				row[i] = float32((r*31+i*7)%255 - 127)
			}
			f.Quantize(packed[r*f.RowBytes(cols):][:f.RowBytes(cols)], row)
		}
		b := openDevice(t, ordinary)
		w, err := b.NewWeight(f, rows, cols, packed)
		if err != nil {
			t.Fatal(err)
		}
		ids := []int32{0, 1, int32(rows / 2), int32(rows/2 + 1), int32(rows - 1)}
		y := mustTensor(t, b, nil, len(ids), cols)
		step := &engine.Step{IDs: ids, Pos: make([]int32, len(ids)), Seq: make([]int32, len(ids)), Pages: [][]int32{nil}, Serial: engine.NextSerial()}
		b.Embed(y, step, engine.ByID, w, 1)
		got := mustRead(t, b, y)
		for i, id := range ids {
			f.Dequantize(row, packed[int(id)*f.RowBytes(cols):][:f.RowBytes(cols)])
			if !slices.Equal(got[i*cols:(i+1)*cols], row) {
				t.Errorf("%v: row %d is not what was uploaded", f, id)
			}
		}
		used := b.arena.used
		w.Free()
		w.Free()
		if b.arena.used >= used {
			t.Errorf("%v: Free gave nothing back", f)
		}
	}
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	b := openDevice(t, small)
	_, err := b.NewTensor(engine.Float32, 1024, 16384)
	var m *MemoryError
	if !errors.As(err, &m) || m.Wanted != 64<<20 || m.Memory != smallMemory || m.Free <= 0 || m.Free > smallMemory {
		t.Fatalf("64 MiB of %d: %v", smallMemory, err)
	}
	for _, part := range []string{"64.0 MiB wanted", "of 24.0 MiB free", "CUDA_ERROR_OUT_OF_MEMORY", "device 1"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if _, err := b.NewWeight(format.Q8_0, 32768, 1024, make([]byte, 32768*format.Q8_0.RowBytes(1024))); !errors.As(err, &m) {
		t.Errorf("a weight of 34 MiB: %v", err)
	}
	if _, err := b.NewKV(engine.KVSpec{Pages: 4096, Heads: 4, HeadDim: 64, Format: format.F16}); !errors.As(err, &m) {
		t.Errorf("a KV cache of 128 MiB: %v", err)
	}
	// The device goes on.
	x := mustTensor(t, b, numbers(3, 64), 1, 64)
	b.GELU(x, x)
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

func TestImpossibleSizesAreErrors(t *testing.T) {
	t.Parallel()
	b := openDevice(t, ordinary)
	for _, shape := range [][]int{{}, {0}, {-1, 2}, {2, 0}, {1, 2, 3}, {1 << 40, 1 << 40}, {1 << 30, 1 << 20}} {
		if _, err := b.NewTensor(engine.Float32, shape...); err == nil {
			t.Errorf("a tensor of shape %v was made", shape)
		}
	}
	if _, err := b.NewTensor(tensor.Float64, 2); err == nil {
		t.Error("a tensor of float64 was made")
	}
	if _, err := b.NewWeight(format.Invalid, 1, 1, make([]byte, 4)); err == nil {
		t.Error("a weight of no format was made")
	}
	for _, s := range []engine.KVSpec{
		{},
		{Pages: 1, Heads: 1, HeadDim: 33, Format: format.Q8_0},
		{Pages: 1 << 40, Heads: 1 << 10, HeadDim: 1 << 10, Format: format.F32},
		{Pages: 1 << 30, Heads: 1 << 10, HeadDim: 128, Format: format.F16},
	} {
		if _, err := b.NewKV(s); err == nil {
			t.Errorf("a KV cache of %+v was made", s)
		}
	}
}
