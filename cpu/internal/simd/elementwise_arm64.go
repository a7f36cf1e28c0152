package simd

// AddNEON is y = a + b.
//
//go:noescape
func AddNEON(y, a, b *float32, n int)

// ScaleNEON is y = y*c.
//
//go:noescape
func ScaleNEON(y *float32, n int, c float32)

// NormNEON is y = x*c*gain.
//
//go:noescape
func NormNEON(y, x, gain *float32, n int, c float32)

// SumSquaresNEON is sum x*x, in float64.
//
//go:noescape
func SumSquaresNEON(x *float32, n int) float64

// MaxNEON is the greatest of n >= 1 numbers, NaN if one is NaN.
//
//go:noescape
func MaxNEON(x *float32, n int) float32

// ExpSumNEON is y = e^(x-top), and the sum of it. y may be x.
//
//go:noescape
func ExpSumNEON(y, x *float32, n int, top float32) float32

// SiLUNEON is y = x/(1 + e^-x).
//
//go:noescape
func SiLUNEON(y, x *float32, n int)

// GELUNEON is y = x/(1 + e^-u) with u = 2*sqrt(2/pi)*(x + 0.044715*x^3).
//
//go:noescape
func GELUNEON(y, x *float32, n int)

// SwiGLUNEON is y = up*x/(1 + e^-x).
//
//go:noescape
func SwiGLUNEON(y, x, up *float32, n int)

// GeGLUNEON is y = up*x/(1 + e^-u) with u as GELUNEON has it.
//
//go:noescape
func GeGLUNEON(y, x, up *float32, n int)
