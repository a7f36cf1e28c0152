package ptxgen

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
	}
	return list
}
