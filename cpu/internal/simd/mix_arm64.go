package simd

// Mix1NEON is y[t*d+c] += sum_i w[t*stride+i]*rows[i*d+c] for one row of y, n rows of rows.
//
//go:noescape
func Mix1NEON(y *float32, d int, w *float32, stride int, rows *float32, n int)

// Mix2NEON is Mix1NEON for two rows of y.
//
//go:noescape
func Mix2NEON(y *float32, d int, w *float32, stride int, rows *float32, n int)
