package simd

// IntPDotFNEON and IntPDotFSDOT, P = 8 or 16, are y = row . x for a row of blocks packed in format F
// and activations as QuantizePNEON makes them: integers q with scales d by 32 numbers. sums is
// dsum, for Q2_K neg16; formats without offsets do not look at it. SDOT needs FEAT_DotProd.

//go:noescape
func Int8DotQ4_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ4_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ4_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ4_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ5_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ5_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ5_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ5_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ8_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ8_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ2_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ2_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ3_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ3_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ4_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ4_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ5_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ5_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ6_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int8DotQ6_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ4_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ4_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ4_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ4_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ5_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ5_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ5_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ5_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ8_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ8_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ2_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ2_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ3_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ3_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ4_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ4_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ5_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ5_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ6_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)

//go:noescape
func Int16DotQ6_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
