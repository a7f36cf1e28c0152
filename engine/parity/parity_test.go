package parity_test

import (
	"context"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/parity"
)

// flawed is a CPU that computes GELU wrongly from its nth call on.
type flawed struct {
	engine.Backend
	calls, from int
}

func (f *flawed) GELU(y, x engine.Tensor) {
	f.Backend.GELU(y, x)
	if f.calls++; f.calls >= f.from {
		y.F32()[0] *= 1.01
	}
}

func TestFirstDivergence(t *testing.T) {
	t.Parallel()
	ck, err := model.FromDir("../model/testdata/gpt2/hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	layers := ck.Config().Layers
	for _, test := range []struct {
		name  string
		from  int
		first int
	}{
		{"sound", 1 << 30, layers + 1},
		{"wrong in layer 1", 2, 1},
		{"wrong in the last layer", layers, layers - 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, err := cpu.New(cpu.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			r, err := parity.Model(context.Background(), ck, backendtest.NewReference(), &flawed{Backend: b, from: test.from}, parity.Options{Prompt: []int32{3, 1, 4, 1, 5}, Tokens: 6})
			if err != nil {
				t.Fatal(err)
			}
			if r.First != test.first || r.Pass != (test.first > layers) || r.Tokens != 11 || r.Same+r.Close+r.Wrong != 11 {
				t.Errorf("%+v, want the first divergence at %d", r, test.first)
			}
		})
	}
}
