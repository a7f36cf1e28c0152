package simd

// UnpackFNEON is the exact numbers of blocks packed in format F.

//go:noescape
func UnpackQ4_0NEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ4_1NEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ5_0NEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ5_1NEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ8_0NEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ2_KNEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ3_KNEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ4_KNEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ5_KNEON(y *float32, w *byte, blocks int)

//go:noescape
func UnpackQ6_KNEON(y *float32, w *byte, blocks int)

// UnpackF16NEON and UnpackBF16NEON give the float32 numbers of vectors of eight.
//
//go:noescape
func UnpackF16NEON(y *float32, w *uint16, vectors int)

//go:noescape
func UnpackBF16NEON(y *float32, w *uint16, vectors int)

// DotFNEON is y = row . x for a row of blocks packed in format F, the bits of Tile1x1F32NEON
// for the unpacked row.

//go:noescape
func DotQ4_0NEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ4_1NEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ5_0NEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ5_1NEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ8_0NEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ2_KNEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ3_KNEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ4_KNEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ5_KNEON(y *float32, w *byte, x *float32, blocks int)

//go:noescape
func DotQ6_KNEON(y *float32, w *byte, x *float32, blocks int)
