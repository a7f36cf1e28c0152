package ptxgen

import (
	"fmt"
)

// function is an element-wise operation y[i] = f(a[i]) or f(a[i], b[i]).
type function struct {
	Name    string   // of file and operation
	Test    string   // of engine.Ops
	Formula string   // in the header
	Sources []string // names of the sources
	Scalar  string   // name of a scalar parameter, or empty
	Flops   int      // for an element
	Error   string   // how far the result may be off
	source  func(i int) string
}

// Body is the computation of element i: from %v<i> (and %w<i>) to %v<i>.
// Only the first element's text is commented.
func (f function) Body(i int) string {
	return quiet(i, f.source(i))
}

// SourceRegister is the letter of the registers of source number s.
func (f function) SourceRegister(s int) string { return string(rune('v' + s)) }

// Pointers is all pointer arguments, the destination first.
func (f function) Pointers() []string { return append([]string{"y"}, f.Sources...) }

// Bytes is what an element moves.
func (f function) Bytes() int { return 4 * len(f.Pointers()) }

func elementwise() []function {
	gate := func(i int, t string) string {
		return fmt.Sprintf("    %s\n", exp(t, t)) +
			fmt.Sprintf("        add.rn.f32 %s, %s, 0f3F800000;       // 1 + e\n", t, t) +
			fmt.Sprintf("        rcp.approx.f32 %s, %s;               // within 2^-23\n", t, t) +
			fmt.Sprintf("        mul.rn.f32 %%v%d, %%v%d, %s;         // a / (1 + e)\n", i, i, t)
	}
	gelu := func(i int) string {
		return "    {                                   // gelu(a) = a / (1 + exp(-2u)), by the definition of tanh\n" +
			"        .reg .f32 %u;\n" +
			fmt.Sprintf("        mul.rn.f32 %%u, %%v%d, %%v%d;\n", i, i) +
			"        fma.rn.f32 %u, %u, 0fBD922279, 0fBFCC422A; // -2 sqrt(2/pi) (1 + 0.044715 a^2)\n" +
			fmt.Sprintf("        mul.rn.f32 %%u, %%u, %%v%d;           // -2u\n", i) +
			gate(i, "%u") + "    }\n"
	}
	silu := func(i int) string {
		return "    {                                   // silu(a) = a / (1 + exp(-a))\n" +
			"        .reg .f32 %u;\n" +
			fmt.Sprintf("        neg.f32 %%u, %%v%d;\n", i) +
			gate(i, "%u") + "    }\n"
	}
	times := func(f func(int) string) func(int) string {
		return func(i int) string {
			return f(i) + fmt.Sprintf("    mul.rn.f32 %%v%d, %%v%d, %%w%d;             // times up\n", i, i, i)
		}
	}
	const gateError = "relative 2^-20.5 of the gate's factor (exp 2^-21.4, reciprocal 2^-23); -2u adds |2u| * 2^-23"
	return []function{
		{Name: "gelu", Test: "GELU", Sources: []string{"x"}, Flops: 15, source: gelu,
			Formula: "y[i] = x[i]/2 * (1 + tanh(u)), u = sqrt(2/pi) * (x[i] + 0.044715 x[i]^3)",
			Error:   gateError},
		{Name: "swiglu", Test: "SwiGLU", Sources: []string{"gate", "up"}, Flops: 13, source: times(silu),
			Formula: "y[i] = gate[i] / (1 + exp(-gate[i])) * up[i]",
			Error:   "relative 2^-20.5 (exp 2^-21.4, reciprocal 2^-23, roundings)"},
		{Name: "geglu", Test: "GeGLU", Sources: []string{"gate", "up"}, Flops: 16, source: times(gelu),
			Formula: "y[i] = GELU(gate[i]) * up[i], GELU as in gelu.ptx",
			Error:   gateError},
		{Name: "residual", Test: "Residual", Sources: []string{"a", "b"}, Flops: 1,
			Formula: "y[i] = a[i] + b[i]", Error: "none: one correctly rounded addition",
			source: func(i int) string {
				return fmt.Sprintf("    add.rn.f32 %%v%d, %%v%d, %%w%d;\n", i, i, i)
			}},
		{Name: "softcap", Test: "SoftCap", Sources: []string{"x"}, Scalar: "limit", Flops: 24,
			Formula: "y[i] = limit * tanh(x[i] / limit)",
			Error:   "relative 2^-21 (tanh 2^-21.5), also for small x: tanh is a polynomial there",
			source: func(i int) string {
				a := fmt.Sprintf("%%v%d", i)
				return fmt.Sprintf("    div.rn.f32 %s, %s, %%limit;\n    %s\n", a, a, tanh(a, a)) +
					fmt.Sprintf("    mul.rn.f32 %s, %s, %%limit;\n", a, a)
			}},
	}
}
