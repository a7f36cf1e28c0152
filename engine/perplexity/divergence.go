package perplexity

import (
	"math"
	"slices"
)

// Divergence gathers how a model's predictions differ from a base model's, position by
// position: D = sum over tokens of p_base * (ln p_base - ln p), tokens with ln p_base under
// -16 left out, as in llama.cpp's tool.
type Divergence struct {
	kld, diff        []float64 // D, and p - p_base of the token that came
	nll, base        sums
	cross            float64 // sum of nll * base nll
	diff2, diff4     float64
	sameTop, samples int
}

type sums struct{ x, x2 float64 }

func (s *sums) add(x float64) {
	s.x += x
	s.x2 += x * x
}

// Add takes one position: the model's logits, the base model's ln p, and the token that
// came.
func (d *Divergence) Add(logits, base []float32, token int32) {
	lse := logSumExp(logits)
	var kl float64
	top, topBase := 0, 0
	for i, b := range base {
		if logits[i] > logits[top] {
			top = i
		}
		if b > base[topBase] {
			topBase = i
		}
		if b > -16 {
			kl += math.Exp(float64(b)) * (float64(b) - float64(logits[i]) + lse)
		}
	}
	if top == topBase {
		d.sameTop++
	}
	d.samples++
	nll, nllBase := lse-float64(logits[token]), -float64(base[token])
	diff := math.Exp(-nll) - math.Exp(-nllBase)
	d.nll.add(nll)
	d.base.add(nllBase)
	d.cross += nll * nllBase
	d.kld, d.diff = append(d.kld, kl), append(d.diff, diff)
	d.diff2 += diff * diff
	d.diff4 += diff * diff * diff * diff
}

// Value is a figure with its standard error.
type Value struct {
	Value  float64 `json:"value"`
	StdErr float64 `json:"stderr"`
}

// Percentiles are of sorted samples.
type Percentiles struct {
	Max    float64 `json:"max"`
	P999   float64 `json:"p99_9"`
	P99    float64 `json:"p99"`
	P95    float64 `json:"p95"`
	P90    float64 `json:"p90"`
	Median float64 `json:"median"`
	P10    float64 `json:"p10"`
	P5     float64 `json:"p5"`
	P1     float64 `json:"p1"`
	Min    float64 `json:"min"`
}

// Summary is what a Divergence comes to.
type Summary struct {
	PPL         Value       `json:"ppl"`
	BasePPL     Value       `json:"base_ppl"`
	LogRatio    Value       `json:"ln_ppl_ratio"` // ln(PPL / base PPL)
	Correlation float64     `json:"correlation"`  // of ln PPL and ln base PPL
	KLD         Value       `json:"kld"`          // mean, nats
	KLDs        Percentiles `json:"kld_percentiles"`
	DeltaP      Value       `json:"delta_p"` // mean of p - p_base of the token that came
	RMSDeltaP   Value       `json:"rms_delta_p"`
	SameTop     Value       `json:"same_top"` // share of positions with the same most likely token
	Scored      int         `json:"scored"`
}

// Summary works the figures out.
func (d *Divergence) Summary() Summary {
	n := d.samples
	s := Summary{Scored: n}
	if n == 0 {
		return s
	}
	mean, err := meanAndError(d.nll.x, d.nll.x2, n)
	baseMean, baseErr := meanAndError(d.base.x, d.base.x2, n)
	s.PPL = Value{math.Exp(mean), math.Exp(mean) * err}
	s.BasePPL = Value{math.Exp(baseMean), math.Exp(baseMean) * baseErr}
	var cov float64
	if n > 1 {
		cov = (d.cross/float64(n) - mean*baseMean) / float64(n-1)
	}
	s.LogRatio = Value{mean - baseMean, math.Sqrt(max(err*err+baseErr*baseErr-2*cov, 0))}
	if err > 0 && baseErr > 0 {
		s.Correlation = cov / (err * baseErr)
	}
	var kl, diff sums
	for i := range d.kld {
		kl.add(d.kld[i])
		diff.add(d.diff[i])
	}
	s.KLD.Value, s.KLD.StdErr = meanAndError(kl.x, kl.x2, n)
	s.DeltaP.Value, s.DeltaP.StdErr = meanAndError(diff.x, diff.x2, n)
	ms, msErr := meanAndError(d.diff2, d.diff4, n)
	if s.RMSDeltaP.Value = math.Sqrt(ms); ms > 0 {
		s.RMSDeltaP.StdErr = 0.5 / s.RMSDeltaP.Value * msErr
	}
	same := float64(d.sameTop) / float64(n)
	s.SameTop = Value{same, math.Sqrt(same * (1 - same) / float64(max(n-1, 1)))}
	s.KLDs = percentiles(d.kld)
	return s
}

func percentiles(x []float64) Percentiles {
	x = slices.Clone(x)
	slices.Sort(x)
	at := func(f float64) float64 {
		p := f * float64(len(x)-1)
		i := int(p)
		rest := p - float64(i)
		return (1-rest)*x[i] + rest*x[min(i+1, len(x)-1)]
	}
	return Percentiles{
		Max: at(1), P999: at(.999), P99: at(.99), P95: at(.95), P90: at(.9), Median: at(.5),
		P10: at(.1), P5: at(.05), P1: at(.01), Min: at(0),
	}
}
