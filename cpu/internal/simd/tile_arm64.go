package simd

// Tile1x1NEON is *y += sum_i x[i]*w[i] for n numbers.
//
//go:noescape
func Tile1x1NEON(y, x, w *float32, n int)

// Tile1x4NEON is y[j] += sum_i x[i]*w[j*k+i] for n numbers of 4 rows of w.
//
//go:noescape
func Tile1x4NEON(y, x, w *float32, k, n int)

// Tile2x4NEON is y[t*stride+j] += sum_i x[t*k+i]*w[j*k+i] for n numbers of 2 rows of x and 4
// of w.
//
//go:noescape
func Tile2x4NEON(y *float32, stride int, x, w *float32, k, n int)
