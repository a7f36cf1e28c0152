package sample

import (
	"math"
	"slices"
)

// Argmax returns the id of the largest logit, the lowest of equal ones. NaN is
// never the largest. It panics if logits is empty.
func Argmax(logits []float32) int32 {
	at, best := 0, logits[0]
	for best != best && at+1 < len(logits) {
		at++
		best = logits[at]
	}
	for i, x := range logits {
		if x > best {
			at, best = i, x
		}
	}
	return int32(at)
}

// LogSumExp returns ln(sum(exp(x_i))), the normaliser of the probabilities, in
// float64. NaN in gives NaN; all -Inf gives -Inf.
func LogSumExp(logits []float32) float64 {
	best := float64(logits[Argmax(logits)])
	if math.IsInf(best, 0) {
		return best
	}
	sum := 0.0
	for _, x := range logits {
		sum += exp(float64(x) - best)
	}
	if sum != sum {
		return sum
	}
	return best + log(sum)
}

// LogSoftmax writes ln p_i = x_i - LogSumExp(x) to dst, which has the length of
// logits and may be the same slice.
func LogSoftmax(dst, logits []float32) {
	norm := LogSumExp(logits)
	for i, x := range logits {
		dst[i] = float32(float64(x) - norm)
	}
}

// Probabilities writes p_i = exp(x_i - LogSumExp(x)) to dst, which has the
// length of logits and may be the same slice.
func Probabilities(dst, logits []float32) {
	norm := LogSumExp(logits)
	for i, x := range logits {
		dst[i] = float32(exp(min(float64(x)-norm, 0)))
	}
}

// Token is a candidate with its probability among all tokens.
type Token struct {
	ID          int32
	Logit       float32
	Probability float32
}

// Top returns the n most probable tokens, the best first, of equal ones the
// lowest id first. Logits that are NaN are left out.
func Top(logits []float32, n int) []Token {
	norm := LogSumExp(logits)
	var top []Token // sorted, at most n
	before := func(a, b Token) int {
		if a.Logit > b.Logit || (a.Logit == b.Logit && a.ID < b.ID) {
			return -1
		}
		return 1
	}
	n = min(n, len(logits))
	for i, x := range logits {
		if x != x || n <= 0 || (len(top) == n && x <= top[n-1].Logit) {
			continue
		}
		t := Token{ID: int32(i), Logit: x}
		at, _ := slices.BinarySearchFunc(top, t, before)
		if len(top) == n {
			top = top[:n-1]
		}
		top = slices.Insert(top, at, t)
	}
	for i, t := range top {
		top[i].Probability = float32(exp(min(float64(t.Logit)-norm, 0)))
	}
	return top
}
