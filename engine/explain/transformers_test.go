package explain_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/potion-engine/potion/engine/explain"
	"github.com/potion-engine/potion/engine/model"
)

// What is explained of the demo model is what Hugging Face transformers says of it with
// output_attentions and output_hidden_states, in float64: testdata/make_explain.py recorded
// that, demo_f32_hidden.npy with --model on the folder of the F32 weights.
func TestDemoIsExplainedAsTransformersDoes(t *testing.T) {
	t.Parallel()
	for _, prompt := range []string{"testdata/demo_0", "testdata/demo_1"} {
		t.Run(filepath.Base(prompt), func(t *testing.T) {
			t.Parallel()
			asRecorded(t, "", readIDs(t, prompt+".json"), prompt+"_attention.npy", prompt+"_hidden.npy")
		})
	}
	t.Run("F32", func(t *testing.T) {
		t.Parallel()
		root := os.Getenv("POTION_TESTDATA")
		if root == "" {
			t.Skip("POTION_TESTDATA is not set: no F32 weights of the demo model")
		}
		asRecorded(t, filepath.Join(root, "..", "demo", "hf-f32"), sarah, demoAttention, "testdata/demo_f32_hidden.npy")
	})
}

// asRecorded holds the attention of all tokens and the lens of some to what was recorded of
// a model.
func asRecorded(t *testing.T, path string, ids []int32, attention, states string) {
	t.Helper()
	r, tok, ck := open(t, path, onCPU(t))
	c := ck.Config()
	x := explained(t, r, tok, explain.Request{IDs: ids, Token: len(ids) - 1, Top: c.Vocab, EveryLens: true})
	want, _ := readNPY(t, attention)
	near(t, "attention", x.attention, want, 1e-5)
	checkShares(t, c, x, len(ids))
	hidden, shape := readNPY(t, states)
	if shape[0] != c.Layers+1 || shape[1] != len(ids) || shape[2] != c.Width {
		t.Fatalf("hidden states of the shape %v", shape)
	}
	checkLenses(t, x, ck, hidden, max(3, len(ids)/3))
}

// checkLenses holds the lens of every step-th token to the final norm and the output layer on
// the hidden states.
func checkLenses(t *testing.T, x recorded, ck model.Checkpoint, hidden []float64, step int) {
	t.Helper()
	c := ck.Config()
	for i := 0; i < len(x.Lenses); i += step {
		guesses := x.Lenses[i].Guesses
		for l := range c.Layers + 1 {
			at := (l*len(x.Lenses) + i) * c.Width
			// The last recorded state has been through the final norm already.
			want := unembed(t, ck, hidden[at:at+c.Width], l == c.Layers)
			checkGuess(t, fmt.Sprintf("token %d after layer %d", i, l), guesses[l], l, want, guesses[c.Layers].Top[0].ID)
		}
	}
}

// With POTION_EXPLAIN_MODEL=FILE and POTION_EXPLAIN_RECORD=PREFIX, any model is held to what
// make_explain.py recorded of it in PREFIX.json, PREFIX_attention.npy and PREFIX_hidden.npy.
func TestModelIsExplainedAsTransformersDoes(t *testing.T) {
	path, prefix := os.Getenv("POTION_EXPLAIN_MODEL"), os.Getenv("POTION_EXPLAIN_RECORD")
	if path == "" || prefix == "" {
		t.Skip("POTION_EXPLAIN_MODEL and POTION_EXPLAIN_RECORD name no other model to compare")
	}
	asRecorded(t, path, readIDs(t, prefix+".json"), prefix+"_attention.npy", prefix+"_hidden.npy")
}
