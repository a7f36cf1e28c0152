// Package sample chooses the next token from a row of logits.
//
// # The chain
//
// The stages run in the order of llama.cpp's default chain. Let x be the logits
// and d_i = max(x) - x_i >= 0 over the tokens still kept.
//
//  1. Logit bias: x_i += bias_i.
//  2. Repetition penalty (CTRL, Keskar et al. 2019, arXiv:1909.05858, section
//     4.1) for every token of the last PenaltyLastN: x_i > 0 is divided by the
//     penalty, x_i <= 0 multiplied; then x_i -= count_i*frequency + presence
//     (OpenAI API). All in float32, each operation rounded.
//  3. Top-k (Fan et al. 2018, arXiv:1805.04833): the k largest logits.
//  4. Locally typical (Meister et al. 2022, arXiv:2202.00666): the tokens whose
//     surprise is nearest to the mean surprise, up to the mass TypicalP.
//  5. Top-p, nucleus (Holtzman et al. 2019, arXiv:1904.09751): the most
//     probable tokens up to the mass TopP.
//  6. Min-p (Nguyen et al. 2024, arXiv:2407.01082): p_i >= MinP * max(p).
//  7. Temperature and draw: token i with probability exp(-d_i/T) / sum.
//
// # The same text everywhere
//
// Stages 4 to 7 count in integers, so that sums do not depend on the order of
// summation, on the number of threads, or on the device. The weight of a token
// is w_i = round(2^40 exp(-d_i/T)) (T = 1 up to stage 6), with exp defined in
// this package by float64 additions and multiplications in a fixed order. Ties
// go to the lower id. One 64-bit number r of PCG (math/rand/v2, O'Neill 2014)
// is taken for a token; the token drawn is the first, in order of ids, at which
// the running sum of weights exceeds floor(r * sum / 2^64). A token less
// probable than 2^-41 times the best has weight 0.
//
// [Reference] is that definition with sorts and loops; [Sampler] finds the same
// tokens by radix selection without sorting. [Draw] is one choice in numbers, for
// a backend that has the logits and chooses by itself.
package sample

import (
	"fmt"
	"math"
)

// Params choose the samplers. The zero value of a field is off except where
// noted; use [Defaults] as the start.
type Params struct {
	Temperature float32 // divides the logits; 0 is greedy: the largest logit, of equal ones the lowest id
	TopK        int     // tokens kept; 0 keeps all
	TopP        float32 // mass kept; 1 is off, 0 keeps the best token
	MinP        float32 // least probability relative to the best; 0 is off
	TypicalP    float32 // mass kept by locally typical sampling; 1 or 0 is off

	RepeatPenalty    float32 // divides positive logits; 1 or 0 is off
	FrequencyPenalty float32 // subtracted once per occurrence
	PresencePenalty  float32 // subtracted once if the token occurred
	PenaltyLastN     int     // tokens of the history that count; 0 is off, -1 all

	LogitBias map[int32]float32 // added to logits; -Inf forbids a token
	Seed      uint64            // of the generator
	MinKeep   int               // tokens that stages 4 to 6 leave at least; 0 is 1
}

// Defaults are llama.cpp's.
func Defaults() Params {
	return Params{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05, TypicalP: 1, RepeatPenalty: 1, PenaltyLastN: 64}
}

// Validate says which parameter is wrong for a vocabulary of the given size.
func (p Params) Validate(vocab int) error {
	if vocab <= 0 || vocab > MaxVocab {
		return fmt.Errorf("sample: a vocabulary of %d tokens; it must have 1 to %d", vocab, MaxVocab)
	}
	for _, f := range []struct {
		name      string
		value     float32
		low, high float64
	}{
		{"temperature", p.Temperature, 0, math.MaxFloat32},
		{"top-p", p.TopP, 0, 1},
		{"min-p", p.MinP, 0, 1},
		{"typical-p", p.TypicalP, 0, 1},
		{"repeat penalty", p.RepeatPenalty, 0, math.MaxFloat32},
		{"frequency penalty", p.FrequencyPenalty, -math.MaxFloat32, math.MaxFloat32},
		{"presence penalty", p.PresencePenalty, -math.MaxFloat32, math.MaxFloat32},
	} {
		if v := float64(f.value); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("sample: %s %v is not a finite number", f.name, f.value)
		} else if v < f.low || v > f.high {
			if f.high == 1 {
				return fmt.Errorf("sample: %s %v is not between 0 and 1", f.name, f.value)
			}
			return fmt.Errorf("sample: %s %v is negative", f.name, f.value)
		}
	}
	switch {
	case p.TopK < 0:
		return fmt.Errorf("sample: top-k %d is negative; 0 keeps all tokens", p.TopK)
	case p.MinKeep < 0:
		return fmt.Errorf("sample: min-keep %d is negative", p.MinKeep)
	case p.PenaltyLastN < -1:
		return fmt.Errorf("sample: penalty-last-n %d is negative; -1 counts the whole history", p.PenaltyLastN)
	}
	for id, bias := range p.LogitBias {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("sample: logit bias for token %d, outside the vocabulary of %d", id, vocab)
		}
		if b := float64(bias); math.IsNaN(b) || math.IsInf(b, 1) {
			return fmt.Errorf("sample: logit bias %v for token %d is not a number; -Inf forbids a token", bias, id)
		}
	}
	return nil
}

// penalises reports whether the history matters.
func (p Params) penalises() bool {
	repeat := p.RepeatPenalty != 0 && p.RepeatPenalty != 1
	return p.PenaltyLastN != 0 && (repeat || p.FrequencyPenalty != 0 || p.PresencePenalty != 0)
}

// biased is stage 1 for one logit. A finite logit stays below +Inf.
func biased(x, bias float32) float32 { return min(float32(x+bias), math.MaxFloat32) }

// penalised is stage 2 for one logit of a token that occurred count times.
func (p Params) penalised(x float32, count int) float32 {
	if x > 0 {
		x = float32(x / p.repeat())
	} else {
		x = float32(x * p.repeat())
	}
	return min(float32(x-p.penalty(count)), math.MaxFloat32)
}

// repeat is the repetition penalty, 1 if it is off.
func (p Params) repeat() float32 {
	if p.RepeatPenalty == 0 {
		return 1
	}
	return p.RepeatPenalty
}

// penalty is what stage 2 subtracts from the logit of a token that occurred count times.
func (p Params) penalty(count int) float32 {
	penalty := float32(float32(float32(count)*p.FrequencyPenalty) + p.PresencePenalty)
	return min(max(penalty, -math.MaxFloat32), math.MaxFloat32)
}

func (p Params) minKeep() int { return max(p.MinKeep, 1) }
