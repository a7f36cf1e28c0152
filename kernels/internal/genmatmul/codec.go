package main

import (
	"fmt"
	"math"
	"strings"
)

// codec is a weight format as the kernels read it: package cuda/repack defines the planes.
type codec struct {
	format   string // Q4_0
	blockLen int    // K is a multiple of it
	unit     int    // numbers of a row that belong to a lane
	depth    int    // rows that matvec loads ahead
	planes   []plane
	value    string   // how a number comes about
	picture  []string // what is in a record
	origin   int      // the code that stands for 0
	int8     bool     // matvec with activations rounded to int8, see rounded
	sums     int      // numbers that share a scale, where matvec needs sums of x; 0 if it needs none

	row   func(c codec, t *text, set string) // matvec: partial sum of one row from register set
	eight func(t *text)                      // matmul, embed: w0..w7 from the registers that load filled
	load  func(t *text)                      // matmul, embed: loads what piece %piece (8 numbers) of a row needs
	regs  []string                           // matmul, embed: declarations of these registers
}

// plane is a matrix of records.
type plane struct {
	Name    string
	Numbers int // of a row that a record serves
	Bytes   int // of a record
}

// ld is the load of a record into the registers of a set.
func (p plane) ld(set string) (op, regs string) {
	base := "%" + p.Name + set
	switch p.Bytes {
	case 2:
		return "ld.global.cs.nc.b16", base
	case 4:
		return "ld.global.cs.nc.b32", base
	case 8:
		return "ld.global.cs.nc.v2.b32", "{" + list(base, 2) + "}"
	}
	return "ld.global.cs.nc.v4.b32", "{" + list(base, 4) + "}"
}

// declare is the declaration of these registers.
func (p plane) declare(set string) string {
	switch p.Bytes {
	case 2:
		return fmt.Sprintf(".reg .b16 %%%s%s;", p.Name, set)
	case 4:
		return fmt.Sprintf(".reg .b32 %%%s%s;", p.Name, set)
	case 8:
		return fmt.Sprintf(".reg .b32 %%%s%s<2>;", p.Name, set)
	}
	return fmt.Sprintf(".reg .b32 %%%s%s<4>;", p.Name, set)
}

// clear makes these registers 0.
func (p plane) clear(set string) string {
	switch p.Bytes {
	case 2:
		return fmt.Sprintf("mov.b16 %%%s%s, 0;", p.Name, set)
	case 4:
		return fmt.Sprintf("mov.b32 %%%s%s, 0;", p.Name, set)
	}
	var b strings.Builder
	for i := range p.Bytes / 4 {
		fmt.Fprintf(&b, "mov.b32 %%%s%s%d, 0; ", p.Name, set, i)
	}
	return strings.TrimSpace(b.String())
}

// list is "%q0, %q1, ...".
func list(base string, n int) string { return run(base, 0, n) }

// run is the names of n registers from number `from` on.
func run(base string, from, n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s%d", base, from+i))
	}
	return strings.Join(names, ", ")
}

// log2 is exact: n is a power of two.
func log2(n int) int {
	l := 0
	for n > 1 {
		n /= 2
		l++
	}
	return l
}

// text collects lines of PTX.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) {
	fmt.Fprintf(t, format, args...)
	t.WriteByte('\n')
}

// quad turns four codes, one to a byte of register c, into v0..v3 = code - origin, exactly:
// a byte under the exponent of 2^23 is the number 2^23 + code.
func (t *text) quad(c, origin string) {
	t.toFloats("%v", 0, c, origin)
}

// toFloats is quad with a choice of registers: dst from..from+3.
func (t *text) toFloats(dst string, from int, c, origin string) {
	var bytes, subs []string
	for i := range 4 {
		bytes = append(bytes, fmt.Sprintf("prmt.b32 %s%d, %s, %%two23, 0x765%d;", dst, from+i, c, i))
		subs = append(subs, fmt.Sprintf("sub.f32 %s%d, %s%d, %s;", dst, from+i, dst, from+i, origin))
	}
	t.line("%s", strings.Join(bytes, " "))
	t.line("%s", strings.Join(subs, " "))
}

// dot adds v0..v3 times x[from..from+3] to a sum, or starts it.
func (t *text) dot(sum string, from int, start bool) {
	var fmas []string
	for i := range 4 {
		if start && i == 0 {
			fmas = append(fmas, fmt.Sprintf("mul.f32 %s, %%v0, %%x%d;", sum, from))
			continue
		}
		fmas = append(fmas, fmt.Sprintf("fma.rn.f32 %s, %%v%d, %%x%d, %s;", sum, i, from+i, sum))
	}
	t.line("%s", strings.Join(fmas, " "))
}

// float is a float32 as PTX writes it.
func float(v float32) string { return fmt.Sprintf("0f%08X", math.Float32bits(v)) }
