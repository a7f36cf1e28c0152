package sample

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestExpLog(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100000 {
		x := -rng.Float64() * math.Pow(10, float64(rng.IntN(6)-3))
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 2e-14*want {
			if x > -700 {
				t.Fatalf("exp(%v) = %v, want %v", x, got, want)
			}
		}
		y := 1 + rng.Float64()*math.Pow(10, float64(rng.IntN(9)-3))
		if got, want := log(y), math.Log(y); math.Abs(got-want) > 2e-14*math.Max(want, 1e-2) {
			t.Fatalf("log(%v) = %v, want %v", y, got, want)
		}
	}
	for x, want := range map[float64]float64{0: 1, math.Inf(-1): 0, -800: 0} {
		if got := exp(x); got != want {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if weight(0) != 1<<weightBits || weight(100) != 0 || weight(math.Inf(1)) != 0 {
		t.Error("the weights of the best and of a hopeless token are wrong")
	}
}

func TestProbabilities(t *testing.T) {
	t.Parallel()
	x := []float32{1, 3, 2, float32(math.Inf(-1)), 3}
	z := math.Exp(-2) + 1 + math.Exp(-1) + 1
	want := []float64{math.Exp(-2) / z, 1 / z, math.Exp(-1) / z, 0, 1 / z}
	p, l := make([]float32, len(x)), make([]float32, len(x))
	Probabilities(p, x)
	LogSoftmax(l, x)
	for i, w := range want {
		if math.Abs(float64(p[i])-w) > 1e-7 || (w > 0 && math.Abs(float64(l[i])-math.Log(w)) > 1e-6) {
			t.Errorf("token %d: p %v, ln p %v, want %v and %v", i, p[i], l[i], w, math.Log(w))
		}
	}
	if !math.IsInf(float64(l[3]), -1) {
		t.Errorf("ln 0 = %v", l[3])
	}
	if got := LogSumExp([]float32{1000, 1000}); math.Abs(got-1000-math.Ln2) > 1e-12 {
		t.Errorf("LogSumExp of large logits: %v", got)
	}
	if got := LogSumExp([]float32{1, float32(math.NaN())}); got == got {
		t.Errorf("LogSumExp with NaN: %v", got)
	}
	top := Top(x, 3)
	if len(top) != 3 || top[0].ID != 1 || top[1].ID != 4 || top[2].ID != 2 || math.Abs(float64(top[0].Probability)-1/z) > 1e-7 {
		t.Errorf("Top: %+v", top)
	}
	if n := len(Top(x, 100)); n != 5 {
		t.Errorf("Top of more than there are: %d", n)
	}
	if n := len(Top(x, 0)); n != 0 {
		t.Errorf("Top 0: %d", n)
	}
	if Argmax([]float32{float32(math.NaN()), -1, 2, 2}) != 2 {
		t.Error("Argmax with NaN and ties")
	}
}
