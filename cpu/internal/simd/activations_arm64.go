package simd

// Quantize8NEON is q, d = x as integers with a scale for each block of 32; dsum = d*sum(q), neg =
// -sum(q), neg16 = -sum(q) for each 16.
//
//go:noescape
func Quantize8NEON(q *int8, d, dsum *float32, neg, neg16 *int32, x *float32, blocks int)

// Quantize16NEON is Quantize8NEON with integers 128*high + low: 32 high ones of a block, 32 low ones.
//
//go:noescape
func Quantize16NEON(q *int8, d, dsum *float32, neg, neg16 *int32, x *float32, blocks int)
