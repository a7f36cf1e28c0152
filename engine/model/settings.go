package model

import (
	"encoding/json"
	"fmt"
	"math"
)

// settings reads a config.json; the first failure stays in err and everything after it is
// zero.
type settings struct {
	fields   map[string]json.RawMessage
	defaults map[string]int // of the architecture
	err      error
}

func (j *settings) fail(form string, args ...any) {
	if j.err == nil {
		j.err = fmt.Errorf(form, args...)
	}
}

// get decodes a field; a field that is absent or null is not there.
func (j *settings) get(key string, into any) bool {
	raw, ok := j.fields[key]
	if j.err != nil || !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		j.fail("%s is %.40s: %w", key, raw, err)
		return false
	}
	return true
}

func (j *settings) count(key string) int {
	n := j.countOr(key, -1)
	if n < 0 {
		j.fail("%s is missing", key)
	}
	return n
}

func (j *settings) countOr(key string, otherwise int) int {
	var n float64 // some files write 4096.0
	if !j.get(key, &n) {
		if d, ok := j.defaults[key]; ok {
			return d
		}
		return otherwise
	}
	if n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		j.fail("%s is %v, want a whole number", key, n)
		return 0
	}
	return int(n)
}

func (j *settings) floatOr(key string, otherwise float64) float64 {
	x := otherwise
	j.get(key, &x)
	return x
}

func (j *settings) str(key, otherwise string) string {
	s := otherwise
	j.get(key, &s)
	return s
}

func (j *settings) boolOr(key string, otherwise bool) bool {
	b := otherwise
	j.get(key, &b)
	return b
}

// activation checks that the file's activation is the one the architecture computes.
func (j *settings) activation(key string, want ...string) {
	got := j.str(key, want[0])
	for _, w := range want {
		if got == w {
			return
		}
	}
	j.fail("%w", &UnsupportedError{What: fmt.Sprintf("%s %q", key, got), Supported: want})
}

// scaling reads rope_scaling, in the form of transformers 4, or rope_parameters, the form
// of transformers 5.
func (j *settings) scaling(r *Rope, context int) {
	var fields map[string]json.RawMessage
	if !j.get("rope_parameters", &fields) && !j.get("rope_scaling", &fields) {
		return
	}
	if _, nested := fields["full_attention"]; nested {
		return // by kind of layer; Gemma 3 reads it itself
	}
	s := j.rope(r, fields, context)
	if s.err != nil {
		j.fail("rope_scaling: %w", s.err)
	}
}

// rope reads the fields of one rope_scaling object.
func (j *settings) rope(r *Rope, fields map[string]json.RawMessage, context int) *settings {
	in := &settings{fields: fields}
	r.Base = in.floatOr("rope_theta", r.Base)
	s := &r.Scaling
	s.Kind = in.str("rope_type", in.str("type", "default"))
	s.Factor = in.floatOr("factor", 1)
	s.Original = in.countOr("original_max_position_embeddings", j.countOr("original_max_position_embeddings", context))
	s.Attn = in.floatOr("attention_factor", 0)
	switch s.Kind {
	case "default":
		*s = Scaling{}
	case "llama3":
		s.LowFreq, s.HighFreq = in.floatOr("low_freq_factor", 1), in.floatOr("high_freq_factor", 4)
	case "yarn":
		s.BetaFast, s.BetaSlow = in.floatOr("beta_fast", 32), in.floatOr("beta_slow", 1)
	case "longrope", "su":
		s.Kind = "longrope"
		in.get("long_factor", &s.Long)
		in.get("short_factor", &s.Short)
		if s.Original > 0 {
			s.Factor = in.floatOr("factor", float64(context)/float64(s.Original))
		}
	}
	return in
}
