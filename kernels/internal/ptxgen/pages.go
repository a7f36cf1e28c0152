package ptxgen

import "fmt"

// page is a format of the KV cache's pages.
type page struct {
	Name   string
	Bytes  int  // of a number, without scales
	Blocks bool // 32 numbers share a scale
}

func pages() []page {
	return []page{
		{Name: "f32", Bytes: 4},
		{Name: "f16", Bytes: 2},
		{Name: "q8_0", Bytes: 1, Blocks: true},
	}
}

// Raw is the number of 32-bit registers that 8 numbers take without their scale.
func (p page) Raw() int { return 2 * p.Bytes }

// at is a page format with a place: the register of an address, or which half of a page.
type at struct {
	page
	At string
}

func of(p page, place string) at { return at{p, place} }

// PerLoad is how many numbers a load of 16 bytes gives.
func (p page) PerLoad() int { return 16 / p.Bytes }

// pageKernel is a kernel on pages: its name, its template, and what that is given.
type pageKernel struct {
	name, from string
	data       any
}

// kernels is the kernels that read or write pages of the format.
func (p page) kernels() []pageKernel {
	store := "store"
	if p.Blocks {
		store = "store_blocks"
	}
	list := []pageKernel{{"store_" + p.Name, store, p}, {"rope_store_" + p.Name, "rope_store", p}}
	for _, op := range []string{"attend_decode", "attend_prompt", "attend_any", "attend_weights"} {
		list = append(list, pageKernel{op + "_" + p.Name, op, p})
	}
	if p.Bytes < 4 { // tensor cores multiply halves
		list = append(list, pageKernel{"attend_decode_" + p.Name + "_mma", "attend_decode_mma", p})
		for _, dim := range promptDims() {
			if k := (promptMMA{p, dim}); !p.Blocks || dim%32 == 0 {
				list = append(list, pageKernel{k.File(), "attend_prompt_mma", k})
			}
		}
	}
	return list
}

// promptMMA is attend_prompt on tensor cores for one head size, a multiple of 16: the
// results of a tile of rows stay in registers, and those have no indices.
type promptMMA struct {
	page
	Dim int
}

func promptDims() []int { return []int{64, 80, 96, 128, 256} }

// File is the name of the file and of its entry.
func (p promptMMA) File() string { return fmt.Sprintf("attend_prompt_%s_mma_%d", p.Name, p.Dim) }

// Tiles is how many tiles of 16 pairs a warp has: two, which share what is read of keys
// and values, if the registers suffice for their results.
func (p promptMMA) Tiles() int {
	if p.Dim > 128 {
		return 1
	}
	return 2
}

// Pairs is the pairs of a block's four warps.
func (p promptMMA) Pairs() int { return 64 * p.Tiles() }

// Stride is the bytes of a row of halves in shared memory: an odd number of 16 bytes.
func (p promptMMA) Stride() int { return 2*p.Dim + 16 }

// StageAt is where the two stages of pages that come begin, StageBytes the size of one:
// keys and values, or their quants and scales, which are unpacked to before them.
func (p promptMMA) StageAt() int {
	if p.Blocks {
		return (p.Pairs() + 64) * p.Stride()
	}
	return p.Pairs() * p.Stride()
}

func (p promptMMA) StageBytes() int {
	if p.Blocks {
		return 64*p.RawStride() + 4*p.Dim
	}
	return 64 * p.Stride()
}

// ScratchAt is where 64 rows of halves are free until the second page comes.
func (p promptMMA) ScratchAt() int {
	if p.Blocks {
		return p.Pairs() * p.Stride()
	}
	return p.StageAt() + p.StageBytes()
}

// RawStride is the bytes of a row of quants in shared memory: an odd number of 16 bytes,
// but for rows of 64, two of which fill the banks.
func (p promptMMA) RawStride() int {
	if p.Dim == 64 {
		return 64
	}
	return p.Dim + 16
}

// UnpackWide is how many lanes share a row when quants are unpacked, 16 at a time.
func (p promptMMA) UnpackWide() int {
	if p.Dim%64 != 0 {
		return 2
	}
	return 4
}

// Shared is the dynamic shared memory.
func (p promptMMA) Shared() int { return p.StageAt() + 2*p.StageBytes() }

// QuantCopies counts the copies of 16 quants that a thread makes of keys or values.
func (p promptMMA) QuantCopies() []int { return count((2*p.Dim + 127) / 128) }

// Score is the register of score n of a lane's row i: tiles of positions 8 apart, 2 each.
func (p promptMMA) Score(i, n int) int { return 16*(i/2) + 4*(n/2) + 2*(i%2) + n%2 }

// Result is the register of number e of tile n of a lane's row i.
func (p promptMMA) Result(i, n, e int) int { return p.Dim/2*(i/2) + 4*n + 2*(i%2) + e }
