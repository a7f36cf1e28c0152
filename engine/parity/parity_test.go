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

// flawed is a CPU that computes the GELU of one layer wrongly.
type flawed struct {
	engine.Backend
	calls, layers, wrong int
}

func (f *flawed) GELU(y, x engine.Tensor) {
	f.Backend.GELU(y, x)
	if f.calls%f.layers == f.wrong {
		y.F32()[0] *= 1.01
	}
	f.calls++
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
		wrong int
		first int
	}{
		{"sound", -1, layers + 1},
		{"wrong in layer 1", 1, 1},
		{"wrong in the last layer", layers - 1, layers - 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, err := cpu.New(cpu.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			r, err := parity.Model(context.Background(), ck, backendtest.NewReference(), &flawed{Backend: b, layers: layers, wrong: test.wrong}, parity.Options{Prompt: []int32{3, 1, 4, 1, 5}, Tokens: 6})
			if err != nil {
				t.Fatal(err)
			}
			if r.First != test.first || r.Pass != (test.first > layers) || r.Tokens != 11 || r.Same+r.Close+r.Wrong != 11 {
				t.Errorf("%+v, want the first divergence at %d", r, test.first)
			}
		})
	}
}
