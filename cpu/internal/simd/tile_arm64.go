package simd

// TileMxNFNEON is y[t*stride+j] = sum_i x[t*k+i]*w[j*k+i] for M rows of x and N of w in format
// F. All sum in one order; see tile_arm64.s.

//go:noescape
func Tile1x4F32NEON(y *float32, stride int, x, w *float32, k int)

//go:noescape
func Tile1x1F32NEON(y *float32, stride int, x, w *float32, k int)

//go:noescape
func Tile2x4F32NEON(y *float32, stride int, x, w *float32, k int)

//go:noescape
func Tile2x1F32NEON(y *float32, stride int, x, w *float32, k int)

//go:noescape
func Tile1x4F16NEON(y *float32, stride int, x *float32, w *uint16, k int)

//go:noescape
func Tile1x1F16NEON(y *float32, stride int, x *float32, w *uint16, k int)

//go:noescape
func Tile1x4BF16NEON(y *float32, stride int, x *float32, w *uint16, k int)

//go:noescape
func Tile1x1BF16NEON(y *float32, stride int, x *float32, w *uint16, k int)
