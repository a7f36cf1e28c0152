package explain_test

import (
	"math"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/explain"
)

// What comes next and how surprising each token is, from logits that a float64 forward pass
// recorded; see ../demo/README.md.
func TestDistributionOfTheDemo(t *testing.T) {
	t.Parallel()
	recorded, _ := readNPY(t, "../demo/testdata/logits_00_Q8_0.npy")
	logits, sum := make([]float32, len(recorded)), 0.0
	for i, x := range recorded {
		logits[i] = float32(x)
		sum += math.Exp(x)
	}
	entropy := 0.0
	for _, x := range recorded {
		entropy -= math.Exp(x) / sum * (x - math.Log(sum))
	}
	_, tok, _ := open(t, "", onCPU(t))
	d, err := explain.Distribute(logits, 5, tok)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(d.Entropy-entropy) > 1e-9 || d.Top[0].Text != " very" || d.Top[1].Text != " sick" || len(d.Top) != 5 {
		t.Errorf("%+v, entropy %v", d, entropy)
	}
	for i, c := range d.Top {
		if want := math.Exp(recorded[c.ID]) / sum; math.Abs(c.Probability-want) > 1e-9 || explain.Rank(logits, c.ID) != i+1 {
			t.Errorf("%+v is number %d, want %v as number %d", c, explain.Rank(logits, c.ID), want, i+1)
		}
	}
	logits[7] = float32(math.NaN())
	if _, err := explain.Distribute(logits, 5, tok); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("NaN: %v", err)
	}
}

func TestSurprises(t *testing.T) {
	t.Parallel()
	r, tok, _ := open(t, "", onCPU(t))
	n := 0
	err := explain.Surprises(t.Context(), r, tok, append(sarah[:len(sarah):len(sarah)], 466), 2, func(s explain.Surprise) error {
		n++
		if s.Position != n || s.LogP > 0 || s.Rank == 1 != (s.Expectation.Top[0].ID == s.ID) {
			t.Errorf("%+v at %d", s, n)
		}
		if s.Rank == 1 && math.Abs(math.Exp(s.LogP)-s.Expectation.Top[0].Probability) > 1e-12 {
			t.Errorf("%+v: the first candidate has another probability", s)
		}
		return nil
	})
	if err != nil || n != len(sarah) {
		t.Errorf("%d tokens, %v", n, err)
	}
	if err := explain.Surprises(t.Context(), r, tok, sarah[:1], 2, nil); err == nil || !strings.Contains(err.Error(), "one token") {
		t.Errorf("one token: %v", err)
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	logits := []float32{1, 3, 3, float32(math.Inf(-1)), 2}
	for id, want := range []int{4, 1, 2, 5, 3} {
		if got := explain.Rank(logits, int32(id)); got != want {
			t.Errorf("token %d is number %d, want %d", id, got, want)
		}
	}
}
