package ptxgen

import (
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

// macros are the pieces of PTX that several kernels share. Each is a scope of its own,
// so that its temporaries do not show outside.
func macros() template.FuncMap {
	return template.FuncMap{
		"exp":      exp,
		"expBelow": expBelow,
		"tanh":     tanh,
		"blockSum": func(v, partial string) string { return blockReduce("add", v, partial) },
		"blockMax": func(v, partial string) string { return blockReduce("max", v, partial) },
		"count":    count,
		"add":      func(a, b int) int { return a + b },
		"mul":      func(a, b int) int { return a * b },
		"sub":      func(a, b int) int { return a - b },
		"plus": func(a int, b string) (int, error) {
			n, err := strconv.Atoi(b)
			return a + n, err
		},
		"mod4":   func(n int) int { return n % 4 },
		"of":     of,
		"quiet":  quiet,
		"split":  strings.Fields,
		"div":    func(a, b int) int { return a / b },
		"mod":    func(a, b int) int { return a % b },
		"pick":   pick,
		"regs":   regs,
		"halves": halves,
		"powers": powers,
		"mma":    mma,
	}
}

// quiet is text with its comments if it stands there for the first time, i = 0, and
// without them where it is repeated.
func quiet(i int, text string) string {
	if i == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i], _, _ = strings.Cut(line, "//")
	}
	return strings.Join(lines, "\n")
}

func count(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// exp is e^x for any x. With t = x*log2(e) rounded to float32, the hardware gives 2^t
// and first order mends what the rounding of t lost:
//
//	e^x = 2^t * 2^(x*log2(e) - t) ~ 2^t * (1 + ln2 * (x*log2(e) - t))
//
// The lost part is at most 2^-18 (t below 128), so its square, which is left out, is
// below 2^-37. ex2.approx is within 2^-22, the two last roundings within 2^-24 each.
func exp(dst, src string) string {
	return fill(dst, src, `{                                   // dst = exp(src), relative error < 2^-21.4
        .reg .f32 %x, %t, %lost;
        .reg .pred %low, %high;
        mov.f32 %x, src;
        setp.lt.f32 %low, %x, 0fC2D00000;  // exp(-104) is 0, also for -infinity
        @%low mov.f32 %x, 0fC2D00000;
        setp.gt.f32 %high, %x, 0f42B20000; // exp(89) is infinity
        @%high mov.f32 %x, 0f42B20000;
        mul.rn.f32 %t, %x, 0f3FB8AA3B;     // t = x * log2(e)
        neg.f32 %lost, %t;
        fma.rn.f32 %lost, %x, 0f3FB8AA3B, %lost; // lost = x * log2(e) - t, exact
        fma.rn.f32 %lost, %x, 0f32A57060, %lost; // the digits of log2(e) past float32
        fma.rn.f32 %lost, %lost, 0f3F317218, 0f3F800000; // 1 + lost * ln(2)
        ex2.approx.ftz.f32 %t, %t;
        mul.rn.f32 dst, %t, %lost;         // dst = 2^t * 2^lost
    }`)
}

// expBelow is exp for x <= 0 or NaN.
func expBelow(dst, src string) string {
	var lines []string
	for line := range strings.SplitSeq(exp(dst, src), "\n") {
		if !strings.Contains(line, "%high mov") && !strings.Contains(line, "setp.gt.f32 %high") {
			lines = append(lines, strings.Replace(line, "%low, %high;", "%low;", 1))
		}
	}
	return strings.Join(lines, "\n")
}

// tanh is 1 - 2/(e^(2|z|) + 1) with the sign of z, and below 0.55, where that would
// cancel, z + z^3 * P(z^2) with P fitted for the least relative error (2^-24.7).
func tanh(dst, src string) string {
	return fill(dst, src, `{                                   // dst = tanh(src), relative error < 2^-21.5
        .reg .f32 %z, %e, %square, %odd;
        .reg .pred %small;
        abs.f32 %z, src;
        add.rn.f32 %e, %z, %z;
        `+strings.ReplaceAll(exp("%e", "%e"), "\n", "\n    ")+`
        add.rn.f32 %e, %e, 0f3F800000;     // e^(2|z|) + 1
        rcp.approx.f32 %e, %e;             // within 2^-23
        fma.rn.f32 %e, %e, 0fC0000000, 0f3F800000; // 1 - 2 / (e^(2|z|) + 1)
        copysign.f32 %e, src, %e;          // with the sign of src
        mul.rn.f32 %square, src, src;
        mov.f32 %odd, 0f3C86A819;          // P = 0.0164376 z^6
        fma.rn.f32 %odd, %odd, %square, 0fBD57BE66; // - 0.0526718 z^4
        fma.rn.f32 %odd, %odd, %square, 0f3E08677B; // + 0.1332073 z^2
        fma.rn.f32 %odd, %odd, %square, 0fBEAAAA29; // - 0.3333295
        mul.rn.f32 %odd, %odd, %square;
        fma.rn.f32 %odd, %odd, src, src;   // src + src^3 * P
        setp.ge.f32 %small, %z, 0f3F0CCCCD; // false for NaN, which the polynomial keeps
        selp.f32 dst, %e, %odd, %small;    // |src| >= 0.55 ? 1 - 2/(e+1) : polynomial
    }`)
}

// blockReduce leaves the sum or greatest of v over a block of 256 threads in v of every
// thread, in the same order of additions each time. partial is a shared array of 8
// floats that is used for nothing else. It reads %lane and %warp.
func blockReduce(op, v, partial string) string {
	rn, verb := ".rn", "sum"
	if op == "max" {
		rn, verb = "", "max"
	}
	var b strings.Builder
	line := func(form string, args ...any) { fmt.Fprintf(&b, "        "+form+"\n", args...) }
	fmt.Fprintf(&b, "{                                   // %s = %s of it over the block\n", v, verb)
	line(".reg .f32 %%other;")
	line(".reg .u32 %%slot;")
	line(".reg .pred %%first;")
	for _, o := range []int{16, 8, 4, 2, 1} {
		line("shfl.sync.bfly.b32 %%other, %s, %d, 31, 0xffffffff;", v, o)
		line("%s%s.f32 %s, %s, %%other;                 // over %d lanes", op, rn, v, v, 32/o)
	}
	line("mov.u32 %%slot, %s;", partial)
	line("mad.lo.u32 %%slot, %%warp, 4, %%slot;      // &%s[warp]", partial)
	line("setp.eq.u32 %%first, %%lane, 0;")
	line("@%%first st.shared.f32 [%%slot], %s;", v)
	line("bar.sync 0;                              // every warp's part is written before any is read")
	line("mov.u32 %%slot, %s;", partial)
	line("{")
	line("    .reg .u32 %%part;")
	line("    and.b32 %%part, %%lane, 7;")
	line("    mad.lo.u32 %%slot, %%part, 4, %%slot;  // &%s[lane %% 8]", partial)
	line("}")
	line("ld.shared.f32 %s, [%%slot];", v)
	for _, o := range []int{4, 2, 1} {
		line("shfl.sync.bfly.b32 %%other, %s, %d, 31, 0xffffffff;", v, o)
		line("%s%s.f32 %s, %s, %%other;                 // over %d warps", op, rn, v, v, 8/o)
	}
	b.WriteString("    }")
	return b.String()
}

// fill puts the registers into a macro's text.
func fill(dst, src, text string) string {
	return strings.NewReplacer("dst", dst, "src", src).Replace(text)
}

// pick is yes if v is true or not 0, else no.
func pick(v any, yes, no string) string {
	if truth, _ := template.IsTrue(v); truth {
		return yes
	}
	return no
}

// regs is the n registers of an array from first on as a vector.
func regs(array string, first, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = array + strconv.Itoa(first+i)
	}
	return "{ " + strings.Join(list, ", ") + " }"
}

// mma is d = a b + c for a of 16x16 halves, b of 16x8 and sums of float32.
func mma(d, a, b, c string) string {
	return fmt.Sprintf("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 %s, %s, %s, %s;", d, a, b, c)
}

// halves is the halves of pairs of numbers and the halves of what those leave over, in
// the registers out0, out1 for the first pair, and so on: together within 2^-22 of a
// number, and no less than 2^-25.
func halves(out string, numbers ...string) string {
	n := len(numbers)
	var b strings.Builder
	line := func(form string, args ...any) { fmt.Fprintf(&b, "        "+form+"\n", args...) }
	fmt.Fprintf(&b, "{                                   // %s0 = halves of %s and %s, %s1 = halves of what is left; and so on\n", out, numbers[0], numbers[1], out)
	line(".reg .b16 %%h_<%d>;", n)
	line(".reg .f32 %%x_<%d>;", n)
	for i := 0; i < n; i += 2 {
		line("cvt.rn.f16x2.f32 %s%d, %s, %s;", out, i, numbers[i+1], numbers[i])
	}
	for i := 0; i < n; i += 2 {
		line("mov.b32 { %%h_%d, %%h_%d }, %s%d;", i, i+1, out, i)
	}
	for i := range n {
		line("cvt.f32.f16 %%x_%d, %%h_%d;", i, i)
	}
	for i := range n {
		line("sub.rn.f32 %%x_%d, %s, %%x_%d;", i, numbers[i], i)
	}
	for i := 0; i < n; i += 2 {
		line("cvt.rn.f16x2.f32 %s%d, %%x_%d, %%x_%d;", out, i+1, i+1, i)
	}
	b.WriteString("    }")
	return b.String()
}

// powers is the power of two that brings a number x >= 0 to 2^14..2^15, and its inverse;
// zeros and infinities count as 2^-111 and 2^113.
func powers(up, down, x string) string {
	return strings.NewReplacer("up", up, "down", down, "X", x).Replace(`{                                   // up = 2^(14 - e), down = 2^(e - 14) with 2^e <= X < 2^(e+1)
        .reg .b32 %e_, %f_;
        mov.b32 %e_, X;
        and.b32 %e_, %e_, 0x7f800000;
        max.u32 %e_, %e_, 0x08000000;
        min.u32 %e_, %e_, 0x78000000;
        sub.u32 %f_, 0x86000000, %e_;
        mov.b32 up, %f_;
        sub.u32 %f_, %e_, 0x07000000;
        mov.b32 down, %f_;
    }`)
}
