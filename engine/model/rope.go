package model

import (
	"fmt"
	"math"
)

// Rope describes rotary positions: which pairs of a head are turned and how fast.
//
// Without scaling, pair i of n = Dims/2 turns by position * Base^(-i/n). The scalings
// change that so that a model can be used past the context it was trained on.
type Rope struct {
	Dims        int     // numbers of a head that are rotated, from the first on
	Base        float64 // theta
	Interleaved bool    // see engine.RopeSpec
	Scaling     Scaling
}

// Scaling is how frequencies are changed, by kind:
//
//	""          not at all
//	"linear"    all divided by Factor. Chen et al. 2023 (position interpolation)
//	"llama3"    slow ones divided by Factor, fast ones kept, a ramp between. Llama 3.1
//	"factors"   pair i divided by Factors[i] (GGUF's rope_freqs.weight)
//	"yarn"      Peng et al. 2023
//	"longrope"  pair i divided by Short[i], or by Long[i] where the session's context is
//	            longer than Original. Ding et al. 2024; Phi-3
type Scaling struct {
	Kind     string
	Factor   float64
	Original int // context before the extension

	LowFreq, HighFreq  float64 // llama3
	BetaFast, BetaSlow float64 // yarn
	Attn               float64 // multiplies sine and cosine; 0: worked out by the kind's own rule

	Factors, Long, Short []float32
}

func (r *Rope) check(headDim int) error {
	s := &r.Scaling
	n := r.Dims / 2
	if r.Dims <= 0 || r.Dims%2 != 0 || r.Dims > headDim {
		return fmt.Errorf("rotary dimensions are %d, want an even number up to the head size %d", r.Dims, headDim)
	}
	if !(r.Base > 0) || math.IsInf(r.Base, 0) {
		return fmt.Errorf("the rotary base is %v, want a positive number", r.Base)
	}
	factors := func(name string, f []float32) error {
		if len(f) != n {
			return fmt.Errorf("%d %s rotary factors, want %d", len(f), name, n)
		}
		for i, x := range f {
			if !(x > 0) || math.IsInf(float64(x), 0) {
				return fmt.Errorf("%s rotary factor %d is %v, want a positive number", name, i, x)
			}
		}
		return nil
	}
	positive := func(xs ...float64) error {
		for _, x := range xs {
			if !(x > 0) || math.IsInf(x, 0) {
				return fmt.Errorf("%s rotary scaling has a parameter of %v, want a positive number", s.Kind, x)
			}
		}
		return nil
	}
	if s.Attn < 0 || math.IsNaN(s.Attn) || math.IsInf(s.Attn, 0) {
		return fmt.Errorf("the rotary attention factor is %v", s.Attn)
	}
	switch s.Kind {
	case "":
		return nil
	case "linear":
		return positive(s.Factor)
	case "factors":
		return factors("frequency", s.Factors)
	case "llama3":
		if err := positive(s.Factor, s.LowFreq, s.HighFreq, float64(s.Original)); err != nil {
			return err
		}
		if s.HighFreq <= s.LowFreq {
			return fmt.Errorf("llama3 rotary scaling: high_freq_factor %v must be above low_freq_factor %v", s.HighFreq, s.LowFreq)
		}
		return nil
	case "yarn":
		return positive(s.Factor, s.BetaFast, s.BetaSlow, float64(s.Original))
	case "longrope":
		if err := positive(float64(s.Original)); err != nil {
			return err
		}
		if err := factors("long", s.Long); err != nil {
			return err
		}
		return factors("short", s.Short)
	}
	return fmt.Errorf("rotary scaling %q is not supported; supported: linear, llama3, yarn, longrope", s.Kind)
}

// Table is the angle per position of each pair, in radians, and the factor of sine and
// cosine, for a session of the given context.
func (r *Rope) Table(context int) (invFreq []float32, scale float32) {
	n := r.Dims / 2
	s := &r.Scaling
	f := make([]float64, n)
	for i := range f {
		f[i] = math.Pow(r.Base, -float64(i)/float64(n))
	}
	attn := 1.0
	switch s.Kind {
	case "linear":
		for i := range f {
			f[i] /= s.Factor
		}
	case "factors":
		for i := range f {
			f[i] /= float64(s.Factors[i])
		}
	case "llama3":
		s.llama3(f)
	case "yarn":
		s.yarn(f, r.Base)
		attn = yarnAttention(s.Factor)
	case "longrope":
		by := s.Short
		if context > s.Original {
			by = s.Long
		}
		for i := range f {
			f[i] /= float64(by[i])
		}
		if s.Factor > 1 {
			attn = math.Sqrt(1 + math.Log(s.Factor)/math.Log(float64(s.Original)))
		}
	}
	if s.Attn > 0 {
		attn = s.Attn
	}
	invFreq = make([]float32, n)
	for i := range f {
		invFreq[i] = float32(f[i])
	}
	return invFreq, float32(attn)
}

// llama3 divides what turns slower than Original/LowFreq positions a turn by Factor and
// keeps what turns faster than Original/HighFreq.
func (s *Scaling) llama3(f []float64) {
	for i := range f {
		turns := float64(s.Original) * f[i] / (2 * math.Pi) // in the original context
		switch {
		case turns < s.LowFreq:
			f[i] /= s.Factor
		case turns <= s.HighFreq:
			keep := (turns - s.LowFreq) / (s.HighFreq - s.LowFreq)
			f[i] = (1-keep)*f[i]/s.Factor + keep*f[i]
		}
	}
}

// yarnAttention is what yarn multiplies sine and cosine by, unless told otherwise.
func yarnAttention(factor float64) float64 { return 1 + 0.1*math.Log(max(factor, 1)) }

// yarn keeps pairs that turn more than BetaFast times in the original context, divides
// those that turn less than BetaSlow times by Factor, and goes linearly in the pair's
// number between.
func (s *Scaling) yarn(f []float64, base float64) {
	n := float64(len(f))
	pair := func(turns float64) float64 { // the pair that turns this often
		return n * math.Log(float64(s.Original)/(turns*2*math.Pi)) / math.Log(base)
	}
	low := max(math.Floor(pair(s.BetaFast)), 0)
	high := min(math.Ceil(pair(s.BetaSlow)), 2*n-1)
	if low == high {
		high += 0.001
	}
	for i := range f {
		ramp := min(max((float64(i)-low)/(high-low), 0), 1)
		f[i] = f[i]/s.Factor*ramp + f[i]*(1-ramp)
	}
}
