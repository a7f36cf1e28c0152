package session_test

import (
	"context"
	"slices"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/session"
)

// Wherever a model is cut between two backends, it computes the same.
func TestModelInParts(t *testing.T) {
	t.Parallel()
	ids := readReference(t).Prompts[0].IDs
	whole := open(t, "", cpu.Options{}, session.Options{KV: format.F32})
	want := lastLogits(t, whole.runner, ids)
	ck, err := whole.file.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	layers := ck.Config().Layers
	for _, first := range []int{0, 1, layers} {
		var parts []model.Part
		for _, n := range []int{first, layers - first} {
			b, err := cpu.New(cpu.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			parts = append(parts, model.Part{Backend: b, Layers: n})
		}
		m, err := model.LoadParts(context.Background(), parts, ck, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := session.NewRunner(m, session.Options{KV: format.F32, Chunk: 4})
		if err != nil {
			t.Fatal(err)
		}
		if got := lastLogits(t, r, ids); !slices.Equal(got, want) {
			t.Errorf("%d layers apart: other logits", first)
		}
		if m.ReadBytes() != whole.runner.Model.ReadBytes() {
			t.Errorf("%d layers apart: %d bytes a token, whole %d", first, m.ReadBytes(), whole.runner.Model.ReadBytes())
		}
		r.Close()
		m.Close()
	}
	if _, err := model.LoadParts(context.Background(), []model.Part{{Backend: whole.runner.Model.Backend, Layers: 1}}, ck, nil); err == nil {
		t.Error("one layer of six is no model")
	}
}
