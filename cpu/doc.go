// Package cpu is the backend that runs on any processor. Every operation has a file of its
// own, named as the verb, in which the formula can be read.
//
// The inner loops are reached through one table of functions (kernels.go), chosen once by
// [New]: in plain Go, which is the specification of the others and of other backends, or in
// assembly for AVX2 or AVX-512 (package cpu/internal/simd, written by the generator in
// cpu/internal/asmgen). The environment variable POTION_CPU=generic|avx2|avx512 forces one.
//
// Results do not depend on the number of threads. Work is cut by rows of weights, by
// heads or by rows of activations, never along a sum, and every sum is taken in one
// fixed order. A matrix product of T rows gives the same bits as T products of one row,
// so that a text does not depend on how its prompt was cut into steps either; with
// activations as integers that holds in plain Go, and otherwise within the tolerance of
// the parity suite.
package cpu
